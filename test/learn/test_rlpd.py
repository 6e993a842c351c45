"""The parts of RLPD against closed forms and plain loops, and the whole on a sparse reach."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
import math

import pytest

torch = pytest.importorskip('torch')

from robot_rl.learn.networks import Actor, Ensemble, Histogram, choice
from robot_rl.learn.replay import Replay, symmetric
from robot_rl.learn.rlpd import Rlpd, RlpdConfig
from robot_rl.learn.run_folder import load_state, save_state

SMALL = RlpdConfig(hidden=(16, 16), batch=32)


def _random(num=100, seed=0, observations=3, actions=2, choices=1):
    generator = torch.Generator().manual_seed(seed)
    replay = Replay(observations, actions, 1000)
    replay.add(
        torch.randn(num, observations, generator=generator),
        2.0 * torch.rand(num, actions, generator=generator) - 1.0,
        torch.rand(num, generator=generator),
        torch.randn(num, observations, generator=generator),
        0.97 * (torch.rand(num, generator=generator) < 0.8),
        True,
        torch.randint(choices, (num,), generator=generator),
    )
    return replay


@pytest.mark.parametrize('layer_norm', [False, True])
def test_an_ensemble_is_its_members_one_by_one(layer_norm):
    ensemble = Ensemble(3, (4, 8, 8, 2), layer_norm, torch.Generator().manual_seed(0))
    inputs = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    found = ensemble(inputs)
    assert found.shape == (3, 5, 2)
    chosen = torch.tensor([2, 0])
    assert torch.allclose(ensemble(inputs, chosen), found[chosen])
    for member in range(3):
        layers = []
        for weight, bias in zip(ensemble.weights, ensemble.biases, strict=True):
            layer = torch.nn.Linear(*weight.shape[1:])
            layer.load_state_dict({'weight': weight[member].T, 'bias': bias[member, 0]})
            layers += [layer, *[torch.nn.LayerNorm(layer.out_features)] * layer_norm]
            layers += [torch.nn.ReLU()]
        plain = torch.nn.Sequential(*layers[: -1 - layer_norm])
        assert torch.allclose(plain(inputs), found[member], atol=1e-5)


def test_the_density_is_that_of_a_gaussian_after_tanh():
    actor = Actor(3, 2, (8,), torch.Generator().manual_seed(0))
    mean, log_std = actor.normal(torch.randn(50, 3, generator=torch.Generator().manual_seed(1)))
    action, density = actor.draw(mean, log_std, torch.Generator().manual_seed(2))
    normal = torch.distributions.Normal(mean, log_std.exp())
    transforms = [torch.distributions.TanhTransform()]
    squashed = torch.distributions.TransformedDistribution(normal, transforms)
    assert torch.allclose(density, squashed.log_prob(action).sum(1), atol=1e-3)
    for far in (20.0, -20.0):  # where 1 - tanh^2 rounds to zero
        _, density = actor.draw(mean.detach() + far, log_std, torch.Generator())
        assert torch.isfinite(density).all()


def test_observations_are_scaled_within_the_actor():
    learner = Rlpd(3, 2, SMALL, 0)
    mean, std = torch.tensor([1.0, -2.0, 5.0]), torch.tensor([3.0, 0.5, 0.0])
    plain = learner.actor(torch.tensor([[1.0, 2.0, 3.0]]))
    learner.normalise(mean, std)  # what does not vary keeps its unit
    assert torch.allclose(learner.actor(torch.tensor([[4.0, -1.0, 8.0]])), plain, atol=1e-6)
    with pytest.raises(ValueError, match='Expected'):
        learner.normalise(mean[:2], std)
    with pytest.raises(ValueError, match='finite'):
        learner.normalise(mean / 0.0, std)


@pytest.mark.parametrize('value', [0.0, 0.37, 1.0])
def test_a_histogram_learns_a_value(value):
    histogram = Histogram(21, 0.0, 1.0)
    logits = torch.zeros(1, 21, requires_grad=True)
    adam = torch.optim.Adam([logits], 0.2)
    for _ in range(150):
        adam.zero_grad()
        histogram.loss(logits, torch.tensor([value])).sum().backward()
        adam.step()
    assert histogram.value(logits).item() == pytest.approx(value, abs=0.01)


@pytest.mark.parametrize(
    'config',
    [
        SMALL,
        replace(SMALL, bins=11, entropy_backup=True, pessimism=True),
        replace(SMALL, critics=4, gripper=3, bc_weight=0.1),
    ],
)
def test_a_restored_learner_goes_on_bit_for_bit_alike(tmp_path, config):
    replay = _random(choices=config.gripper or 1)
    learner, other = Rlpd(3, 2, config, 0), Rlpd(3, 2, config, 7)
    learner.normalise(torch.ones(3), 2.0 * torch.ones(3))
    learner.update(replay.sample)
    save_state(tmp_path / 'rlpd.pt', learner.state_dict())
    other.load_state_dict(load_state(tmp_path / 'rlpd.pt'))
    mine, theirs = ([each.update(replay.sample) for _ in range(2)] for each in (learner, other))
    assert mine == theirs
    assert other.updates == learner.updates == 3
    seen = torch.randn(4, 3)
    assert torch.equal(learner.act(seen, explore=True), other.act(seen, explore=True))
    assert math.isfinite(sum(mine[-1].values()))


@pytest.mark.parametrize('bins', [0, 31])
def test_values_are_those_of_the_closed_form(bins):
    """A reward of 0.4 a step, for ever or once, is worth 0.8 and 0.4 at a discount of 0.5."""
    replay, here = Replay(1, 1, 2), torch.tensor([[1.0], [-1.0]])
    replay.add(here, torch.zeros(2, 1), 0.4, here, torch.tensor([0.5, 0.0]))
    learner = Rlpd(1, 1, replace(SMALL, bins=bins, learning_rate=3e-3, tau=0.2), 0)
    with torch.no_grad():  # an actor that does what is in the data, always
        for layer in (learner._arm.action, learner._arm.spread):
            layer.weight.zero_()
            layer.bias.zero_()
        learner._arm.spread.bias.fill_(-8.0)
    for _ in range(400):
        learner._update_critics(replay.sample(32, learner.generator))
    with torch.no_grad():
        found = learner._value(learner._critics['arm'](torch.cat((here, torch.zeros(2, 1)), 1)))
    assert found.mean(0).tolist() == pytest.approx([0.8, 0.4], abs=0.05)


def test_the_gripper_learns_which_of_its_choices_pays():
    """Close where the observation is positive, open where it is not, leave alone what is free."""
    generator = torch.Generator().manual_seed(0)
    observation = torch.randint(-1, 2, (600, 1), generator=generator).float()
    picked = torch.randint(3, (600,), generator=generator)
    wanted = choice(-observation[:, 0], 3)
    reward = ((picked == wanted) | (observation[:, 0] == 0.0)).float()
    replay = Replay(1, 1, 600)
    replay.add(observation, torch.zeros(600, 1), reward, observation, 0.0, False, picked)
    learner = Rlpd(1, 1, replace(SMALL, gripper=3, learning_rate=3e-3, gripper_penalty=0.1), 0)
    for _ in range(60):
        learner.update(replay.sample)
    seen = torch.tensor([[1.0], [0.0], [-1.0]])
    action = learner.act(seen, explore=False)
    assert action.shape == (3, 2)
    assert action[:, 1].tolist() == [-1.0, 0.0, 1.0]
    daring = learner.act(seen[:1].expand(2000, 1), explore=True)[:, 1]
    assert (daring != -1.0).float().mean().item() == pytest.approx(2 / 3 * 0.05, abs=0.015)


def test_cloning_draws_the_actor_to_what_people_did():
    batch = _random().all()
    replay = Replay(3, 2, 100)
    replay.extend(batch._replace(action=torch.full_like(batch.action, 0.5)))
    learner = Rlpd(3, 2, replace(SMALL, bc_weight=10.0, learning_rate=3e-3), 0)
    first = learner.update(replay.sample)['cloning']
    for _ in range(40):
        last = learner.update(replay.sample)['cloning']
    assert last < 0.1 * first
    learner.update(lambda num, generator: replay.sample(num, generator)._replace(
        person=torch.zeros(num, dtype=torch.bool)))  # fmt: skip


class Masses:
    """Points on a plane, pushed for 15 steps at most: be at the goal, and at rest there.

    The only reward is 10 for that, and ends the episode; what acts by chance earns it in 2 of 100.
    """

    def __init__(self, num, seed):
        self.generator = torch.Generator().manual_seed(seed)
        self.place, self.speed, self.goal = torch.zeros(3, num, 2)
        self.age = torch.zeros(num)
        self.reset(torch.ones(num, dtype=torch.bool))

    def reset(self, which):
        drawn = 2.0 * torch.rand(2, len(which), 2, generator=self.generator) - 1.0
        self.place[which], self.goal[which] = drawn[:, which]
        self.speed[which] = self.age[which] = 0.0

    def observation(self):
        return torch.cat((self.place, self.speed, self.goal), 1)

    def step(self, action):
        self.speed = 0.5 * self.speed + 0.25 * action
        self.place = self.place + self.speed
        self.age = self.age + 1.0
        there = (self.place - self.goal).norm(dim=1) < 0.15
        success = there & (self.speed.norm(dim=1) < 0.15)
        return self.observation(), success, ~success & (self.age >= 15.0)


def _demonstrations(num):
    """Of a person who pulls towards the goal, not quite steadily."""
    replay, masses = Replay(6, 2, 2000), Masses(1, 50)
    while num:
        seen = masses.observation()
        pull = 2.5 * (seen[:, 4:] - seen[:, :2]) - 2.5 * seen[:, 2:4]
        pull = pull + 0.2 * torch.randn(pull.shape, generator=masses.generator)
        action = pull.clamp(-1.0, 1.0)
        following, success, late = masses.step(action)
        discount = torch.where(success, 0.0, 0.97)
        replay.add(seen, action, 10.0 * success, following, discount, True)
        num -= int((success | late).sum())
        masses.reset(success | late)
    return replay


def _success(learner, episodes=200):
    masses, ended = Masses(episodes, 999), torch.zeros(episodes, dtype=torch.bool)
    won = ended.clone()
    for _ in range(15):
        _, success, late = masses.step(learner.act(masses.observation(), explore=False))
        won, ended = won | (success & ~ended), ended | success | late
    return won.float().mean().item()


@pytest.mark.parametrize('demonstrations', [10, 0])
def test_ten_demonstrations_show_the_way_to_a_sparse_reward(demonstrations):
    """After 200 updates seeds 0 to 2 reached 0.98, 0.74 and 0.54, and 0.16, 0.07 and 0.01 without.

    The bars are set by these, and seed 0 is run. A hundred updates later it was 0.97, 0.85 and
    0.87, and 0.65, 0.99 and 0.10: with 16 robots chance finds the goal as well, only later.
    """
    config = RlpdConfig(hidden=(64, 64), batch=128, learning_rate=1e-3)
    demos, online = _demonstrations(demonstrations), Replay(6, 2, 9000)
    learner = Rlpd(6, 2, config, 0)
    if demonstrations:
        seen = demos.all().observation
        learner.normalise(seen.mean(0), seen.std(0))
    masses = Masses(16, 0)
    for _ in range(200):
        seen = masses.observation()
        action = learner.act(seen, explore=True)
        following, success, late = masses.step(action)
        discount = torch.where(success, 0.0, 0.97)
        online.add(seen, action, 10.0 * success, following, discount)
        masses.reset(success | late)
        learner.update(partial(symmetric, demos, online))
    reached = _success(learner)
    assert reached > 0.5 if demonstrations else reached < 0.4

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip('torch')

from robot_rl.learn.bc import Bc, BcConfig
from robot_rl.learn.networks import choice, position
from robot_rl.learn.replay import Replay
from robot_rl.learn.run_folder import load_state, save_state

SMALL = BcConfig(hidden=(32,), batch=64, check=25)


def _data(num=400, person=True, seed=0, noise=0.0, low=-1.0):
    """What is done is the sign and the size of the first number, in 20 episodes."""
    generator = torch.Generator().manual_seed(seed)
    observation = (1.0 - low) * torch.rand(num, 2, generator=generator) + low
    action = 0.8 * observation[:, :1] + noise * torch.randn(num, 1, generator=generator)
    replay = Replay(2, 1, 2000)
    replay.add(
        observation,
        action.clamp(-1.0, 1.0),
        0.0,
        observation,
        0.9,
        person,
        (observation[:, 0] > 0.0).long() * 2,
        torch.arange(num) // 20,
    )
    return replay


def test_a_clone_does_what_people_did_and_nothing_that_policies_did():
    replay = _data()
    strange = _data(person=False, seed=1).all()
    replay.extend(strange._replace(action=-strange.action))
    learner = Bc(2, 1, SMALL, 0)
    log = learner.fit(replay, 600)
    assert log['held_out_loss'] < 2e-3
    seen = torch.tensor([[0.5, 0.1], [-0.7, -0.4]])
    assert torch.allclose(learner.act(seen), 0.8 * seen[:, :1], atol=0.08)
    with pytest.raises(ValueError, match='No person'):
        learner.fit(_data(person=False), 10)


def test_likelihood_learns_the_spread():
    learner = Bc(2, 1, replace(SMALL, likelihood=True), 0)
    learner.fit(_data(2000, noise=0.1), 800)
    with torch.no_grad():
        _, log_std = learner._arm.normal(torch.zeros(1, 2))
    assert log_std.exp().item() == pytest.approx(0.1, rel=0.4)


def test_whole_episodes_are_held_out_and_the_same_ones_later():
    learner, few, many = Bc(2, 1, SMALL, 0), _data(400), _data(600)
    held = [learner._split(replay.all())[1] for replay in (few, many)]
    episodes = [set(batch.episode.tolist()) for batch in held if batch]
    assert episodes[0] == {9, 19}
    assert episodes[1] == {9, 19, 29}
    assert held[0] and len(held[0].action) == 40


def test_a_fit_ends_where_it_gains_nothing_and_keeps_the_best():
    replay = _data(60, noise=0.5)  # of three episodes
    learner = Bc(2, 1, replace(SMALL, hidden=(128,), patience=3), 0)
    log = learner.fit(replay, 5000)
    assert log['steps'] < 5000
    held = learner._split(replay.all())[1]
    assert held is not None
    with torch.no_grad():
        assert learner._loss(held).item() == pytest.approx(log['held_out_loss'])


def test_corrections_mend_what_was_never_shown():
    replay = _data(low=0.0)  # only positive numbers were ever seen
    learner = Bc(2, 1, SMALL, 0)
    learner.fit(replay, 300)
    seen = torch.tensor([[-0.8, 0.5]])
    before = (learner.act(seen) + 0.64).abs().item()

    def collect(actor):
        assert actor is learner.actor
        batch = _data(100, seed=len(replay)).all()
        replay.extend(batch._replace(episode=batch.episode + len(replay)))

    logs = learner.aggregate(replay, collect, rounds=3, steps=200)
    assert len(logs) == 3
    assert (learner.act(seen) + 0.64).abs().item() < min(0.1, 0.5 * before)


def test_the_gripper_is_cloned_beside_the_arm():
    learner = Bc(2, 1, replace(SMALL, gripper=3), 0)
    learner.fit(_data(), 400)
    seen = torch.tensor([[0.5, 0.1], [-0.7, -0.4]])
    assert learner.act(seen)[:, 1].tolist() == [1.0, -1.0]
    for choices in (2, 3, 5):
        index = torch.arange(choices)
        assert choice(position(index, choices), choices).tolist() == index.tolist()


def test_a_restored_clone_goes_on_bit_for_bit_alike(tmp_path):
    replay, learner, other = _data(), Bc(2, 1, SMALL, 0), Bc(2, 1, SMALL, 5)
    learner.fit(replay, 40)
    save_state(tmp_path / 'bc.pt', learner.state_dict())
    other.load_state_dict(load_state(tmp_path / 'bc.pt'))
    for each in (learner, other):
        each.fit(replay, 30)
    mine, theirs = (each.actor.state_dict() for each in (learner, other))
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip('torch')

from robot_rl.learn.replay import NStep, Replay, Step, fill, symmetric
from robot_rl.learn.run_folder import load_state, save_state

GAMMA = 0.9


def _rows(num, start=0.0):
    value = start + torch.arange(num, dtype=torch.float32)
    observation = torch.stack((value, -value), 1)
    action = torch.zeros(num, 1)
    return observation, action, value, observation + 1.0, torch.full((num,), GAMMA)


def _filled(num, capacity=10, start=0.0, **more):
    replay = Replay(2, 1, capacity)
    replay.add(*_rows(num, start), **more)
    return replay


def _rewards(replay):
    return replay.all().reward.tolist()


def test_the_ring_keeps_the_newest_in_their_order():
    replay = _filled(7)
    assert len(replay) == 7
    for row in range(7, 12):
        replay.add(*(column[row] for column in _rows(12)), person=True, gripper=2, episode=row)
    assert len(replay) == 10
    assert replay.added == 12
    assert _rewards(replay) == list(range(2, 12))
    batch = replay.all()
    assert batch.next_observation[:, 1].tolist() == [1.0 - row for row in range(2, 12)]
    assert batch.person.tolist() == [False] * 5 + [True] * 5
    assert batch.gripper[-1] == 2
    assert batch.episode[-1] == 11
    replay.add(*_rows(25))
    assert _rewards(replay) == list(range(15, 25))


def test_every_transition_is_sampled_alike():
    replay = _filled(4)
    batch = replay.sample(4000, torch.Generator().manual_seed(0))
    assert torch.equal(batch.observation[:, 0], batch.reward)
    assert torch.bincount(batch.reward.long()).tolist() == pytest.approx([1000] * 4, rel=0.15)
    with pytest.raises(ValueError, match='Nothing'):
        Replay(2, 1, 3).sample(1, torch.Generator())


@pytest.mark.parametrize('column', range(5))
def test_a_number_that_is_not_finite_is_kept_out(column):
    replay, rows = _filled(3), list(_rows(2))
    rows[column] = rows[column].clone()
    rows[column].view(-1)[1] = float('nan')
    with pytest.raises(ValueError, match='finite'):
        replay.add(*rows)
    assert len(replay) == 3


def test_what_does_not_fit_is_kept_out():
    observation, action, reward, following, discount = _rows(2)
    replay = Replay(2, 1, 5)
    for bad in (
        (observation[:, :1], action, reward, following, discount),
        (observation, torch.zeros(2, 2), reward, following, discount),
        (observation, action, reward, following[:1], discount),
        (observation, action[:1], reward, following, discount),
    ):
        with pytest.raises(ValueError, match='shapes'):
            replay.add(*bad)
    with pytest.raises(ValueError, match=r'outside of \[-1, 1\]: 1.5'):
        replay.add(observation, action + 1.5, reward, following, discount)
    assert len(replay) == 0


def test_half_of_a_batch_is_of_demonstrations():
    generator = torch.Generator().manual_seed(0)
    demos, online = _filled(3, person=True), _filled(9, start=100.0)
    for num in (1, 2, 255, 256):
        batch = symmetric(demos, online, num, generator)
        assert batch.person.sum() == (num + 1) // 2
        assert ((batch.reward < 100.0) == batch.person).all()
    assert symmetric(demos, Replay(2, 1, 5), 8, generator).person.all()
    assert not symmetric(Replay(2, 1, 5), online, 8, generator).person.any()


@pytest.mark.parametrize('added', [0, 6, 10, 27])
def test_a_restored_ring_goes_on_bit_for_bit_alike(tmp_path, added):
    replay = Replay(2, 1, 10)
    if added:
        replay.add(*_rows(added))
    save_state(tmp_path / 'replay.pt', replay.state_dict())
    assert len(replay.state_dict()['rows']) == min(added, 10)
    other = Replay(2, 1, 10)
    other.load_state_dict(load_state(tmp_path / 'replay.pt'))
    for each in (replay, other):
        each.add(*_rows(3, 50.0))
    mine, theirs = (each.sample(32, torch.Generator().manual_seed(1)) for each in (replay, other))
    assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


def test_a_ring_of_another_capacity_takes_over_what_fits():
    state = _filled(27).state_dict()
    small, large = Replay(2, 1, 4), Replay(2, 1, 99)
    small.load_state_dict(state)
    large.load_state_dict(state)
    assert _rewards(small) == [23, 24, 25, 26]
    assert _rewards(large) == list(range(17, 27))
    with pytest.raises(ValueError, match='do not fit'):
        Replay(1, 3, 4).load_state_dict(state)


def _episodes(generator, num=60):
    steps, left = [], 0
    for index in range(num):
        left = left or int(torch.randint(1, 9, (), generator=generator))
        ended, how = left == 1, bool(torch.rand((), generator=generator) < 0.5)
        observation = torch.full((2,), float(index))
        reward = float(torch.rand((), generator=generator))
        steps.append(
            Step(observation, torch.zeros(1), reward, ended and how, ended and not how,
                 observation + 0.5, person=index % 2 == 0, episode=index)
        )  # fmt: skip
        left -= 1
    return steps


@pytest.mark.parametrize('num', [1, 2, 3, 10])
def test_returns_are_those_of_a_plain_loop(num):
    steps = _episodes(torch.Generator().manual_seed(num))
    replay = Replay(2, 1, 100)
    fill(replay, steps, NStep(num, GAMMA))
    batch = replay.all()
    assert batch.episode.tolist() == list(range(len(steps)))
    assert batch.person.tolist() == [step.person for step in steps]
    for first, row in enumerate(
        zip(batch.reward, batch.discount, batch.next_observation, strict=True)
    ):
        reward, discount = 0.0, 1.0
        for step in steps[first : first + num]:
            reward, discount = reward + discount * step.reward, discount * GAMMA
            last = step
            if step.terminated or step.truncated:
                break
        assert row[0].item() == pytest.approx(reward)
        assert row[1].item() == pytest.approx(0.0 if last.terminated else discount)
        assert torch.equal(row[2], last.next_observation)


def test_a_time_out_has_a_value_after_it_and_a_termination_none():
    step = Step(torch.zeros(2), torch.zeros(1), 1.0, False, False, torch.ones(2))
    for ended, discount in ((replace(step, truncated=True), GAMMA**2),
                            (replace(step, terminated=True), 0.0)):  # fmt: skip
        n_step = NStep(3, GAMMA)
        assert n_step.push(step) == []
        rows = n_step.push(ended)
        assert [row[4] for row in rows] == pytest.approx([discount, discount and GAMMA])
        assert rows[0][2] == pytest.approx(1.0 + GAMMA)
        assert n_step.push(step) == []  # nothing is left of the episode before
        assert len(n_step.flush()) == 1

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('numba')

from robot_rl.envs.engines import make_env
from robot_rl.envs.vector import VectorEnv
from robot_rl.errors import SpecError
from robot_rl.mdp.circuit import Circuit
from robot_rl.mdp.tracks import tracks
from robot_rl.spec import registry
from robot_rl.tasks import race

BANK = tracks(4, 3)


@pytest.fixture(scope='module')
def robot():
    return registry.robot('racecar')


def _env(robot, where=None, num=8, **options):
    task = race.on(robot, where or race.circuit(robot, BANK))
    return make_env(task, 'analytic', num, seed=0, **options)


def _stride(robot, stride: int) -> Circuit:
    return Circuit(BANK, robot.lidar, stride, race.outline(), race.grip(robot, 0.6))


def _circuit(env: VectorEnv) -> Circuit:
    assert isinstance(env.task.commands, Circuit)
    return env.task.commands


def test_the_policy_sees_the_same_whether_all_beams_are_traced_or_only_its_own(robot):
    rows = []
    for stride in (1, race.STRIDE):
        env = _env(robot, _stride(robot, stride), noise=False, randomize=False)
        first = env.reset(seed=1)['actor']
        rows.append((env.measured['scan'], first))
    assert torch.equal(rows[0][1], rows[1][1])
    assert not torch.equal(rows[0][0], rows[1][0])  # the beams it does not see do differ
    assert (rows[0][0] - rows[1][0]).abs().median() < 0.01


def test_its_beams_go_from_the_first_to_the_last(robot):
    assert (robot.lidar.beams - 1) % race.STRIDE == 0


def test_every_start_is_clear_of_walls_and_some_need_reverse(robot):
    env = _env(robot, num=600)
    env.reset(seed=2)
    signals = env.engine.signals()
    seen = _circuit(env).perceive(signals, env.drawn)
    assert (seen['track_clearance'] > 0.0).all()
    still = signals['base_lin_vel_b'][:, 0] == 0.0
    askew = seen['track_heading'][:, 0].abs() > 0.5
    assert 0.03 < (still & askew).float().mean() < 0.2
    assert len(env.drawn['track_id'].unique()) == BANK.num


def test_driving_into_a_wall_ends_the_episode_and_costs(robot):
    env = _env(robot, num=16, noise=False)
    env.reset(seed=0)
    ended = torch.zeros(16, dtype=torch.bool)
    for _ in range(100):
        moved = env.step(torch.tensor([[0.5, 1.0]]).repeat(16, 1))
        crossed = moved.step.signals['track_clearance'][:, 0] <= 0.0
        assert torch.equal(moved.terminated, crossed)
        assert (moved.reward[crossed] < -100.0).all()
        ended |= moved.terminated
    assert ended.all()


def test_a_car_that_reverses_gets_away_from_the_wall_before_it(robot):
    env = _env(robot, num=64, noise=False, randomize=False)
    env.reset(seed=5)
    before = _circuit(env).perceive(env.engine.signals(), env.drawn)
    facing = (before['track_heading'][:, 0].abs() > 0.7) & (before['track_clearance'][:, 0] < 0.5)
    assert facing.any()
    back = torch.tensor([[-0.75, 0.0]]).repeat(64, 1)
    for _ in range(12):
        moved = env.step(back)
    clearance = moved.step.signals['track_clearance'][:, 0]
    assert (clearance > before['track_clearance'][:, 0])[facing].float().mean() > 0.7


def test_tracks_in_turn_start_at_rest_on_the_centre_line(robot):
    env = _env(robot, race.circuit(robot, BANK, in_turn=True), num=8)
    env.reset(seed=0)
    assert env.drawn['track_id'][:, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    seen = _circuit(env).perceive(env.engine.signals(), env.drawn)
    assert seen['track_offset'].abs().max() < 1e-4
    assert seen['track_speed'].abs().max() == 0.0


def test_the_walls_of_its_own_track_stand_around_a_car(robot):
    env = _env(robot, num=8)
    env.reset(seed=0)
    drawn = {name: value[3].numpy() for name, value in env.drawn.items()}
    world = _circuit(env).world(drawn)
    track = int(env.drawn['track_id'][3, 0])
    assert [line.points.shape for line in world.lines] == [(193, 3)] * 2
    assert (world.lines[0].points[:-1, :2] == BANK.walls[0][track]).all()
    assert (world.lines[0].points[0] == world.lines[0].points[-1]).all()


def test_a_robot_without_lidar_cannot_race(robot):
    with pytest.raises(SpecError, match='no lidar'):
        race.circuit(replace(robot, lidar=None, sensors=(), topics=()), BANK)

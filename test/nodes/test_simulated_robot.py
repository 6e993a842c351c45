"""The simulated robot has the randomization of training; no ROS needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('torch')
pytest.importorskip('numba')

from robot_rl.envs import ranges
from robot_rl.envs.arena import arena_named, task_in, task_of
from robot_rl.errors import SpecError
from robot_rl.nodes.simulated_robot import SimulatedRobot, samples_between
from robot_rl.spec import registry
from robot_rl.spec.arena import Arena
from robot_rl.spec.randomization import spread

ROBOT = registry.robot('crazyflie')
HOVER = registry.task('hover-crazyflie')
MOTORS = ROBOT.setpoint('motors')
START = {'base_pos_w': (0.0, 0.0, 1.0), 'base_quat_w': (1.0, 0.0, 0.0, 0.0)}


def _robot(monkeypatch, name, task=None, **entry):
    entry = {'operation': 'set', 'source': 'test', **entry}
    monkeypatch.setattr(ranges, 'load_randomization', lambda _: (spread(ROBOT, name, entry),))
    options = {'dt': 0.002, 'sensor_dt': 0.01, 'seed': 0, 'noise': False, 'randomize': True}
    robot = SimulatedRobot(ROBOT, 'motors', 'analytic', task=task, **options)
    robot.reset({**START, 'rotor_speed': MOTORS.neutral})
    return robot


def test_setpoints_reach_its_drives_late(monkeypatch):
    robot = _robot(monkeypatch, 'action_delay', range=[0.006, 0.006])
    robot.step(np.array(MOTORS.neutral), 0.0)
    speeds = []
    for _ in range(5):
        robot.step(np.array(MOTORS.high), 0.0)
        speeds.append(robot.truth()['rotor_speed'].mean() / MOTORS.neutral[0])
    assert speeds[:3] == pytest.approx([1.0] * 3, abs=1e-5)
    assert speeds[4] > speeds[3] > 1.005


def test_its_messages_get_lost(monkeypatch):
    robot = _robot(monkeypatch, 'message_loss', range=[0.25, 0.25])
    lost = [robot.lost() for _ in range(1000)]
    assert set().union(*lost) == {'odom'}
    assert sum(map(bool, lost)) == pytest.approx(250, abs=40)


def test_gusts_come_and_go(monkeypatch):
    force = {'range': [-0.01, 0.01], 'mode': 'interval', 'interval_s': [0.02, 0.02]}
    robot = _robot(monkeypatch, 'external_force_w', **force)
    forces = []
    for _ in range(30):
        robot.step(np.array(MOTORS.neutral), 0.0)
        forces.append(tuple(robot.truth()['external_force_w']))
    assert len(set(forces)) == 3
    assert robot.lost() == set()


def test_what_is_drawn_reaches_the_start_that_its_task_chooses(monkeypatch):
    given = {}

    def initial_state(asked, num, generator, device):
        given.update(asked)
        return HOVER.initial_state(asked, num, generator, device)

    task = replace(HOVER, initial_state=initial_state, perceive=lambda _signals, _drawn: {})
    _robot(monkeypatch, 'mass', task=task, range=[0.05, 0.05])
    assert given['mass'].item() == pytest.approx(0.05)
    assert 'goal_pos_w' in given


def test_a_task_says_which_beams_it_has_whoever_traces_them():
    pytest.importorskip('mujoco')
    task, scans = registry.task('navigate-turtlebot'), []
    options = {'dt': 0.01, 'sensor_dt': 0.05, 'seed': 0, 'noise': False, 'randomize': False}
    for engine in ('analytic', 'mujoco'):
        robot = SimulatedRobot(
            registry.robot('turtlebot'), 'velocity', engine, task=task, **options
        )
        robot.reset({})
        scans.append(robot.measured()['scan'])
    assert np.median(np.abs(scans[0] - scans[1])) < 0.002


def test_a_reset_gives_the_drives_their_stiffness_back(monkeypatch):
    pytest.importorskip('mujoco')
    go2, given = registry.robot('go2'), []
    options = {'dt': 0.005, 'sensor_dt': 0.005, 'seed': 0, 'noise': False, 'randomize': False}
    robot = SimulatedRobot(go2, 'positions', 'mujoco', **options)
    monkeypatch.setattr(robot._engine, 'randomize', lambda values, _ids: given.append(values))
    robot.reset(go2.rest)
    assert not given
    robot.step(np.array(go2.setpoint('positions').neutral), 0.0, stiffness=0.0)
    robot.reset(go2.rest)
    assert [values['joint_stiffness'].max().item() for values in given] == [0.0, 40.0]


def test_a_robot_that_landed_takes_off_again():
    options = {'dt': 0.002, 'sensor_dt': 0.01, 'seed': 0, 'noise': False, 'randomize': False}
    robot = SimulatedRobot(ROBOT, 'motors', 'analytic', **options)
    half = np.sqrt(0.5)
    robot.reset({**ROBOT.rest, **START, 'base_quat_w': (half, 0.0, 0.0, half)})
    for _ in range(1000):
        robot.step(np.array(MOTORS.safe[-1].setpoint), 0.0)
    lying = robot.truth()
    assert -0.05 < lying['base_pos_w'][2] <= 0.0
    assert lying['base_quat_w'] == pytest.approx([half, 0.0, 0.0, half], abs=1e-3)
    assert np.abs(lying['base_lin_vel_b']).max() < 1.0
    for _ in range(500):
        robot.step(1.1 * np.array(MOTORS.neutral), 0.0)
    assert robot.truth()['base_pos_w'][2] > 0.3
    assert robot.truth()['base_quat_w'] == pytest.approx([half, 0.0, 0.0, half], abs=1e-3)


def test_a_robot_that_measures_a_world_needs_a_task():
    racecar = registry.robot('racecar')
    options = {'dt': 0.005, 'sensor_dt': 0.02, 'seed': 0, 'noise': True, 'randomize': False}
    robot = SimulatedRobot(racecar, 'drive', 'analytic', **options)
    with pytest.raises(SpecError, match="A racecar measures 'scan', which needs the world of a"):
        robot.reset(racecar.rest)


@pytest.mark.parametrize('engine', ['analytic', 'mujoco'])
def test_a_robot_in_the_world_of_its_task_has_all_its_beams(engine):
    turtlebot = registry.robot('turtlebot')
    robot = SimulatedRobot(
        turtlebot, 'velocity', engine, dt=0.01, sensor_dt=0.01, seed=0, noise=True,
        randomize=True, task=task_of(registry.task('navigate-turtlebot'), turtlebot),
    )  # fmt: skip
    robot.reset(turtlebot.rest)
    for _ in range(3):
        robot.step(np.array([0.1, 0.0]), 0.0)
        scan = robot.measured()['scan']
    assert turtlebot.lidar and scan.shape == (turtlebot.lidar.beams,)
    assert 0.0 < scan.min() < turtlebot.lidar.range_max


def test_people_in_its_arena_walk_from_the_first_setpoint_on():
    jackal = registry.robot('jackal')
    person = np.array([[3.0, 0.0, -1.0, 0.0, 0.25]])
    place = Arena('a', (0.0, 0.0, 0.0), (6.0, 0.0), 6.0, walkers=person, room=(-9, -9, 9, 9))
    robot = SimulatedRobot(
        jackal, 'velocity', 'analytic', dt=0.01, sensor_dt=0.01, seed=0, noise=False,
        randomize=False, task=task_in(jackal, place, 0.01), walking=True,
    )  # fmt: skip
    robot.reset(jackal.rest)
    nose = max(corner[0] for corner in jackal.footprint)
    still = np.zeros(2)
    ahead = robot.measured()['scan'].min()
    assert jackal.lidar
    assert ahead == pytest.approx(3.0 - 0.25 - jackal.lidar.position[0], abs=1e-3)
    for _ in range(100):
        robot.step(None, 0.0)
    assert robot.measured()['scan'].min() == pytest.approx(ahead, abs=1e-6)
    for _ in range(225):
        robot.step(still, 0.0)
    assert robot.measured()['scan'].min() == pytest.approx(ahead - 2.25, abs=1e-3)
    assert robot.time_s == pytest.approx(2.25)
    assert robot.clearance == pytest.approx(3.0 - 2.25 - 0.25 - nose, abs=1e-3)


def test_an_arena_is_drawn_from_a_seed_or_refused(tmp_path):
    jackal = registry.robot('jackal')
    assert arena_named('7', jackal).goal == arena_named('7', jackal).goal
    assert arena_named('7', jackal).goal != arena_named('8', jackal).goal
    with pytest.raises(SpecError, match='Give a JSON file of an arena, or the seed'):
        arena_named(str(tmp_path / 'none.json'), jackal)
    with pytest.raises(SpecError, match='which an arena needs'):
        task_in(ROBOT, arena_named('7', jackal), 0.01)


def test_topics_of_several_rates_share_one_sensor_period():
    assert samples_between(ROBOT, 0.002) == (
        pytest.approx(0.01),
        {'odom': 1, 'image': 4, 'camera_info': 4},
    )
    odom, goal, *_ = ROBOT.topics
    slow = replace(odom, name='scan', signals=('scan',), rate_hz=40.0)
    topics = (replace(odom, rate_hz=50.0), slow, goal)
    robot = replace(registry.robot('racecar'), topics=topics)
    assert samples_between(robot, 0.005) == (pytest.approx(0.005), {'odom': 4, 'scan': 5})
    with pytest.raises(SpecError, match=r"period of the topic 'scan', 0\.025 s, must be a whole"):
        samples_between(robot, 0.002)

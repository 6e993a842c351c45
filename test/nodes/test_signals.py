"""Signals of robots with joints, lidars and bases, there and back."""

from __future__ import annotations

from dataclasses import replace
import math

import numpy as np
import pytest

from robot_rl.errors import MessageError
from robot_rl.nodes.messages import message_type, set_stamp, stamp_of
from robot_rl.nodes.signals import DECODERS, ENCODERS
from robot_rl.spec import registry
from robot_rl.spec.lidar import Lidar
from robot_rl.spec.robot import Robot

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('ros')]

JOINT_STATE = 'sensor_msgs/msg/JointState'
SCAN = 'sensor_msgs/msg/LaserScan'
LIDAR = Lidar(8, -1.75, 0.5, 0.1, 10.0, (0.0, 0.0, 0.0), 'test')


def robot(lidar: Lidar | None = LIDAR):
    return Robot(
        name='leg',
        urdf='leg.urdf',
        model='',
        joint_names=('hip', 'knee', 'ankle'),
        parameters={},
        setpoints={},
        sensors=(),
        topics=(),
        lidar=lidar,
    )


def joint_signals():
    return {
        'joint_pos': np.array([0.1, 0.2, 0.3]),
        'joint_vel': np.array([1.1, 1.2, 1.3]),
        'joint_effort': np.array([2.1, 2.2, 2.3]),
    }


def test_joint_states_go_by_name_whatever_their_order():
    message, out = message_type(JOINT_STATE)(), {k: np.zeros(3) for k in joint_signals()}
    ENCODERS[JOINT_STATE](message, robot(), joint_signals())
    DECODERS[JOINT_STATE].read(message, robot(), out)
    assert all(np.array_equal(out[k], v) for k, v in joint_signals().items())
    message.name = ['tail', 'ankle', 'hip', 'knee']
    message.position = [9.0, 0.3, 0.1, 0.2]
    message.velocity, message.effort = [], []
    DECODERS[JOINT_STATE].read(message, robot(), out)
    assert out['joint_pos'].tolist() == [0.1, 0.2, 0.3]
    assert np.isnan(out['joint_vel']).all(), 'what is not measured must not look measured'


@pytest.mark.parametrize(
    ('names', 'values', 'words'),
    [
        (['hip', 'knee'], [0.0, 0.0], "lacks the joint 'ankle'"),
        (['hip', 'knee', 'ankle', 'hip'], [0.0] * 4, "names the joint 'hip' more than once"),
        (['hip', 'knee', 'ankle'], [0.0, 0.0], "3 names and 2 of 'position'"),
    ],
)
def test_joint_states_that_do_not_fit_are_refused(names, values, words):
    message = message_type(JOINT_STATE)(name=names, position=values)
    with pytest.raises(MessageError, match=words):
        DECODERS[JOINT_STATE].read(message, robot(), {k: np.zeros(3) for k in joint_signals()})


def scan(sent, **changed):
    message = message_type(SCAN)()
    ENCODERS[SCAN](message, robot(), {'scan': np.array(sent, float)})
    for name, value in changed.items():
        setattr(message, name, value)
    return message


def read_scan(message):
    out = {'scan': np.zeros(8), 'scan_angles': np.zeros(2)}
    DECODERS[SCAN].read(message, robot(), out)
    return out['scan'].tolist()


def test_a_scan_is_in_the_frame_of_the_lidar():
    message = message_type(SCAN)()
    machine = robot(replace(LIDAR, frame='base_scan'))
    ENCODERS[SCAN](message, machine, {'scan': np.ones(8)})
    assert message.header.frame_id == 'base_scan'
    assert scan([1.0] * 8).header.frame_id == 'laser'


def test_a_scan_is_finite_whatever_the_driver_writes():
    inf, nan = math.inf, math.nan
    assert read_scan(scan([1, 2, 3, 4, 5, 6, 7, 8])) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert read_scan(scan([1, inf, -inf, 4, 0.01, 60, 7, 8])) == pytest.approx(
        [1, 10, 0.1, 4, 0.1, 10, 7, 8]
    )
    assert read_scan(scan([nan, 2, 0, nan, 5, 6, 7, 8])) == [8, 2, 2, 2, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'ranges': [1.0] * 7}, 'has 7 beams from -100.3 to 71.6 deg, expected 8'),
        ({'angle_min': 0.0}, 'from 0.0 to 200.5 deg'),
        ({'ranges': [math.nan] * 5 + [1.0] * 3}, '62% of the beams'),
    ],
)
def test_a_scan_of_another_lidar_is_refused(change, words):
    with pytest.raises(MessageError, match=words):
        read_scan(scan([1.0] * 8, **change))


def seen(angle):
    """[m] a room in which every direction has a range of its own."""
    return 4.0 + np.sin(angle) + 0.5 * np.sin(3.0 * angle)


def driven(count, first, step):
    """What the racing car makes of a driver's scan of that room; angles in degrees."""
    message = message_type(SCAN)()
    message.angle_min, message.angle_increment = math.radians(first), math.radians(step)
    message.ranges = seen(np.radians(first + step * np.arange(count))).tolist()
    out = {'scan': np.zeros(1080), 'scan_angles': np.zeros(2)}
    DECODERS[SCAN].read(message, registry.robot('racecar'), out)
    return out['scan']


@pytest.mark.parametrize(
    ('count', 'first', 'step', 'off'),
    [
        pytest.param(1080, -135.0, 270.0 / 1079.0, 1e-4, id='as declared'),
        pytest.param(1081, -135.0, 0.25, 0.125, id='UST-10LX'),
        pytest.param(541, -135.0, 0.5, 0.25, id='half the resolution'),
        pytest.param(2161, -135.0, 0.125, 0.0625, id='twice the resolution'),
        pytest.param(1440, -180.0, 0.25, 0.125, id='a full turn'),
        pytest.param(360, 0.0, 1.0, 0.5, id='a full turn from straight ahead, coarse'),
        pytest.param(1079, -134.7, 0.25, 0.55, id='half a degree less'),
        pytest.param(1081, 135.0, -0.25, 0.125, id='clockwise'),
    ],
)
def test_the_declared_beams_are_found_in_another_drivers_scan(count, first, step, off):
    declared = np.radians(np.linspace(-135.0, 135.0, 1080))
    steepest = 2.5  # [m/rad] of the room
    error = np.abs(driven(count, first, step) - seen(declared)).max()
    assert error <= steepest * math.radians(off) + 1e-5


@pytest.mark.parametrize(
    ('count', 'first', 'step', 'words'),
    [
        (1001, -125.0, 0.25, '1001 beams from -125.0 to 125.0 deg, expected 1080 from -135.0 to'),
        (1081, -130.0, 0.25, '1081 beams from -130.0 to 140.0 deg'),
        (136, -135.0, 2.0, 'one is within 0.6 deg of each'),
        (1081, math.nan, 0.25, 'has 1081 beams from nan'),
        (1081, -135.0, 0.0, 'from -135.0 to -135.0 deg'),
        (0, -135.0, 0.25, 'has 0 beams'),
    ],
)
def test_a_scan_that_leaves_out_declared_beams_is_refused(count, first, step, words):
    with pytest.raises(MessageError, match=words):
        driven(count, first, step)


def test_a_scan_means_nothing_to_a_robot_without_a_lidar():
    with pytest.raises(MessageError, match='declares no lidar'):
        DECODERS[SCAN].read(scan([1.0] * 8), robot(lidar=None), {'scan': np.zeros(8)})


@pytest.mark.parametrize(
    ('name', 'names'),
    [
        ('sensor_msgs/msg/Imu', ('base_quat_w', 'base_ang_vel_b')),
        ('geometry_msgs/msg/Twist', ('goal_lin_vel_b', 'goal_ang_vel_b')),
        ('geometry_msgs/msg/TwistStamped', ('goal_lin_vel_b', 'goal_ang_vel_b')),
        ('geometry_msgs/msg/PoseStamped', ('goal_pos_w', 'goal_quat_w')),
    ],
)
def test_poses_and_velocities_round_trip(name, names):
    rng, message = np.random.default_rng(0), message_type(name)()
    sent = {k: rng.normal(size=robot().signal(k).size) for k in names}
    out = {k: np.zeros(robot().signal(k).size) for k in DECODERS[name].signals}
    ENCODERS[name](message, robot(), sent)
    DECODERS[name].read(message, robot(), out)
    assert all(np.array_equal(out[k], sent[k]) for k in names)
    set_stamp(message, 3.5)
    assert stamp_of(message) == (3.5 if hasattr(message, 'header') else 0.0)
    if not hasattr(message, 'header'):
        return
    message.header.frame_id = 'map'
    with pytest.raises(MessageError, match="is 'map', expected"):
        DECODERS[name].read(message, robot(), out)


def test_an_imu_without_an_attitude_is_refused():
    message = message_type('sensor_msgs/msg/Imu')()
    message.header.frame_id = 'base_link'
    message.orientation_covariance[0] = -1.0
    with pytest.raises(MessageError, match='gives no orientation'):
        DECODERS['sensor_msgs/msg/Imu'].read(message, robot(), {})

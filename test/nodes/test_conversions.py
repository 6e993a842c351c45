"""Messages of robots with joints, wheels and lidars, there and back."""

from __future__ import annotations

from dataclasses import replace
import math
import struct
from types import SimpleNamespace

import numpy as np
import pytest

from robot_rl.errors import MessageError, SpecError
from robot_rl.nodes.messages import message_type, set_stamp, stamp_of
from robot_rl.nodes.setpoints import CODECS, available, codec
from robot_rl.nodes.setpoints_unitree import MOTORS
from robot_rl.nodes.signals import DECODERS, ENCODERS
from robot_rl.spec.drive import JointDrive, positions
from robot_rl.spec.lidar import Lidar
from robot_rl.spec.robot import Parameter, Robot, Setpoint
from robot_rl.spec.stage import HOLD, Stage

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('ros')]

JOINTS = ('hip', 'knee', 'ankle')
JOINT_STATE = 'sensor_msgs/msg/JointState'
SCAN = 'sensor_msgs/msg/LaserScan'


def setpoint(fields=JOINTS, units=('rad',) * 3, message=JOINT_STATE, **changed):
    size = len(fields)
    return Setpoint(
        name='level',
        fields=fields,
        units=units,
        low=(-3.0,) * size,
        high=(3.0,) * size,
        slew=(math.inf,) * size,
        neutral=(0.0,) * size,
        safe=(Stage('hold', (HOLD,) * size, math.inf),),
        topic='command',
        message=message,
        physics_dt=0.005,
        drive=JointDrive(positions(size)),
        **changed,
    )


def robot(**changed):
    numbers = {
        'joint_stiffness': (20.0, 30.0, 40.0),
        'joint_damping': (0.5, 0.6, 0.7),
        'wheelbase': (0.33,),
    }
    return Robot(
        **{
            'name': 'leg',
            'urdf': 'leg.urdf',
            'model': '',
            'joint_names': JOINTS,
            'parameters': {k: Parameter(v, '1', 'test') for k, v in numbers.items()},
            'setpoints': {'level': setpoint()},
            'sensors': (),
            'topics': (),
            'lidar': Lidar(8, -1.75, 0.5, 0.1, 10.0, (0.0, 0.0, 0.0), 'test'),
            **changed,
        }
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
    DECODERS[JOINT_STATE].decode(message, robot(), out)
    assert all(np.array_equal(out[k], v) for k, v in joint_signals().items())
    message.name = ['tail', 'ankle', 'hip', 'knee']
    message.position = [9.0, 0.3, 0.1, 0.2]
    message.velocity, message.effort = [], []
    DECODERS[JOINT_STATE].decode(message, robot(), out)
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
        DECODERS[JOINT_STATE].decode(message, robot(), {k: np.zeros(3) for k in joint_signals()})


def scan(sent, **changed):
    message = message_type(SCAN)()
    ENCODERS[SCAN](message, robot(), {'scan': np.array(sent, float)})
    for name, value in changed.items():
        setattr(message, name, value)
    return message


def read_scan(message):
    out = {'scan': np.zeros(8)}
    DECODERS[SCAN].decode(message, robot(), out)
    return out['scan'].tolist()


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
        ({'angle_min': 1.75, 'angle_increment': -0.5}, 'from 100.3 to -100.3 deg'),
        ({'angle_min': 0.0}, 'from 0.0 to 200.5 deg'),
        ({'ranges': [math.nan] * 5 + [1.0] * 3}, '62% of the beams'),
    ],
)
def test_a_scan_of_another_lidar_is_refused(change, words):
    with pytest.raises(MessageError, match=words):
        read_scan(scan([1.0] * 8, **change))


def test_a_scan_means_nothing_to_a_robot_without_a_lidar():
    with pytest.raises(MessageError, match='declares no lidar'):
        DECODERS[SCAN].decode(scan([1.0] * 8), robot(lidar=None), {'scan': np.zeros(8)})


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
    DECODERS[name].decode(message, robot(), out)
    assert all(np.array_equal(out[k], sent[k]) for k in names)
    set_stamp(message, 3.5)
    assert stamp_of(message) == (3.5 if hasattr(message, 'header') else 0.0)
    if not hasattr(message, 'header'):
        return
    message.header.frame_id = 'map'
    with pytest.raises(MessageError, match="is 'map', expected"):
        DECODERS[name].decode(message, robot(), out)


def test_an_imu_without_an_attitude_is_refused():
    message = message_type('sensor_msgs/msg/Imu')()
    message.header.frame_id = 'base_link'
    message.orientation_covariance[0] = -1.0
    with pytest.raises(MessageError, match='gives no orientation'):
        DECODERS['sensor_msgs/msg/Imu'].decode(message, robot(), {})


def there_and_back(level, message, values, stiffness=1.0, machine=None):
    machine, carrier = machine or robot(), codec(level.message)
    carrier.prepare(message, machine, level)
    carrier.write(message, machine, level, np.array(values), stiffness)
    out = np.zeros(level.size)
    return carrier.read(message, machine, level, out), out


@pytest.mark.parametrize(
    ('unit', 'field'), [('rad', 'position'), ('rad/s', 'velocity'), ('N m', 'effort')]
)
@pytest.mark.parametrize('kind', [JOINT_STATE, 'trajectory_msgs/msg/JointTrajectory'])
def test_joint_setpoints_go_where_their_unit_says(unit, field, kind):
    level, message = setpoint(units=(unit,) * 3, message=kind), message_type(kind)()
    _, out = there_and_back(level, message, (0.1, 0.2, 0.3))
    assert out.tolist() == [0.1, 0.2, 0.3]
    if kind == JOINT_STATE:
        assert list(getattr(message, field)) == [0.1, 0.2, 0.3]
    else:
        assert message.points[0].time_from_start.nanosec > 0


def test_units_that_no_joint_message_carries_together_are_refused():
    level = setpoint(units=('rad', 'rad/s', 'rad'))
    with pytest.raises(SpecError, match='cannot be sent as a joint message'):
        codec(JOINT_STATE).create(robot(), level)


def test_an_array_carries_positions_and_where_wanted_gains():
    kind = 'std_msgs/msg/Float64MultiArray'
    message = message_type(kind)()
    there_and_back(setpoint(message=kind), message, (0.1, 0.2, 0.3))
    assert list(message.data) == [0.1, 0.2, 0.3]
    message = message_type(kind)()
    level = setpoint(message=kind, gains=True)
    share, out = there_and_back(level, message, (0.1, 0.2, 0.3), stiffness=0.25)
    assert list(message.data) == [0.1, 0.2, 0.3, 5.0, 7.5, 10.0, 0.5, 0.6, 0.7]
    assert [d.size for d in message.layout.dim] == [3, 3]
    assert share == 0.25
    assert out.tolist() == [0.1, 0.2, 0.3]
    message.data = [0.0] * 3
    with pytest.raises(MessageError, match='3 numbers, expected 9'):
        codec(kind).read(message, robot(), level, out)


CAR = {'fields': ('speed', 'steering_angle'), 'units': ('m/s', 'rad')}


def ackermann():
    return SimpleNamespace(
        header=SimpleNamespace(frame_id=''),
        drive=SimpleNamespace(speed=0.0, steering_angle=0.0),
    )


def test_a_car_is_sent_speed_and_steering_angle():
    level = setpoint(**CAR, message='ackermann_msgs/msg/AckermannDriveStamped')
    message = ackermann()
    _, out = there_and_back(level, message, (2.0, 0.3))
    assert (message.drive.speed, message.drive.steering_angle) == (2.0, 0.3)
    assert out.tolist() == [2.0, 0.3]
    with pytest.raises(SpecError, match='carries speed, steering_angle, not hip'):
        CODECS[level.message].prepare(ackermann(), robot(), setpoint())


def test_without_its_package_a_car_is_sent_a_twist_with_the_yaw_rate():
    level = setpoint(
        **CAR,
        message='ackermann_msgs/msg/AckermannDriveStamped',
        fallback='geometry_msgs/msg/TwistStamped',
    )
    chosen = available(level)
    assert chosen.message == 'geometry_msgs/msg/TwistStamped'
    message = message_type(chosen.message)()
    _, out = there_and_back(chosen, message, (2.0, 0.3))
    assert message.twist.angular.z == pytest.approx(2.0 * math.tan(0.3) / 0.33)
    assert out.tolist() == pytest.approx([2.0, 0.3])
    _, out = there_and_back(chosen, message, (0.0, 0.3))
    assert out.tolist() == [0.0, 0.0], 'at rest a yaw rate says nothing about the steering'


def test_a_twist_carries_a_velocity_of_the_tool():
    fields = ('linear_x', 'linear_y', 'linear_z', 'angular_x', 'angular_y', 'angular_z')
    kind = 'geometry_msgs/msg/TwistStamped'
    level = setpoint(fields=fields, units=('m/s',) * 3 + ('rad/s',) * 3, message=kind)
    message = message_type(kind)()
    _, out = there_and_back(level, message, (0.1, 0.2, 0.3, 0.4, 0.5, 0.6))
    assert (message.twist.linear.y, message.twist.angular.z) == (0.2, 0.6)
    assert out.tolist() == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    with pytest.raises(SpecError, match="no place for 'hip'"):
        codec(kind).create(robot(), setpoint(message=kind))


def low_command():
    """Fields of unitree_go/msg/LowCmd, as published."""
    motor = {'mode': 0, 'q': 0.0, 'dq': 0.0, 'tau': 0.0, 'kp': 0.0, 'kd': 0.0}
    return SimpleNamespace(
        head=[0, 0],
        level_flag=0,
        frame_reserve=0,
        sn=[1, 2],
        version=[3, 4],
        bandwidth=5,
        motor_cmd=[SimpleNamespace(**motor, reserve=[0, 0, 0]) for _ in range(20)],
        bms_cmd=SimpleNamespace(off=0, reserve=[0, 0, 0]),
        wireless_remote=list(range(40)),
        led=[0] * 12,
        fan=[0, 0],
        gpio=7,
        reserve=9,
        crc=0,
    )


def crc_of_the_words(data):
    """The published routine, bit by bit."""
    crc = 0xFFFFFFFF
    for (word,) in struct.iter_unpack('<I', data):
        for bit in range(31, -1, -1):
            top = crc >> 31
            crc = (crc << 1) & 0xFFFFFFFF
            if top:
                crc ^= 0x04C11DB7
            if word >> bit & 1:
                crc ^= 0x04C11DB7
    return crc


def test_each_joint_of_a_go2_goes_to_its_motor_by_name():
    names = tuple(sorted(MOTORS))  # FL before FR: not the order of the motors
    level = setpoint(
        fields=names, units=('rad',) * 12, message='unitree_go/msg/LowCmd', gains=True
    )
    numbers = {'joint_stiffness': (25.0,) * 12, 'joint_damping': (0.5,) * 12}
    machine = robot(
        joint_names=names, parameters={k: Parameter(v, '1', 'test') for k, v in numbers.items()}
    )
    message = low_command()
    values = np.linspace(-1.0, 1.0, 12)
    share, out = there_and_back(level, message, values, stiffness=0.5, machine=machine)
    for name, value in zip(names, values, strict=True):
        motor = message.motor_cmd[MOTORS.index(name)]
        assert (motor.q, motor.kp, motor.kd, motor.mode) == (value, 12.5, 0.5, 1)
    assert message.motor_cmd[12].mode == 0
    assert share == 0.5
    assert np.array_equal(out, values)
    assert message.crc == crc_of_the_words(packed(message))
    with pytest.raises(SpecError, match="no motor 'hip'"):
        CODECS[level.message].prepare(message, robot(), replace(level, fields=('hip',) * 12))


def packed(message):
    """The command as the robot's processor lays it out (4-byte alignment, little endian)."""
    data = struct.pack('<4B2I2IH2x', *message.head, message.level_flag, 0, 1, 2, 3, 4, 5)
    for m in message.motor_cmd:
        data += struct.pack('<B3x5f3I', m.mode, m.q, m.dq, m.tau, m.kp, m.kd, 0, 0, 0)
    data += bytes(4) + bytes(range(40)) + bytes(12) + bytes(2)
    return data + struct.pack('<BxI', 7, 9)


def test_a_transform_is_the_pose_of_the_base():
    from robot_rl.nodes.transform import fill

    message = message_type('geometry_msgs/msg/TransformStamped')()
    pose = {'base_pos_w': np.array([1.0, 2.0, 3.0])}
    pose['base_quat_w'] = np.array([0.1, 0.2, 0.3, 0.9])
    fill(message, robot(), pose, 12.5)
    assert (message.header.frame_id, message.child_frame_id) == ('odom', 'base_link')
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (12, 500_000_000)
    assert message.transform.translation.z == 3.0
    assert (message.transform.rotation.w, message.transform.rotation.x) == (0.1, 0.2)

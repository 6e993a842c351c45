"""Setpoints of robots with joints, wheels and legs, there and back."""

from __future__ import annotations

from dataclasses import replace
import math
import struct
import sys
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from robot_rl.errors import ContractError, MessageError, SpecError
from robot_rl.nodes.messages import message_type
from robot_rl.nodes.policy_output import Output
from robot_rl.nodes.setpoints import CODECS, available, codec, stiffened
from robot_rl.nodes.setpoints_joint import gains
from robot_rl.nodes.setpoints_unitree import MOTORS
from robot_rl.spec import registry
from robot_rl.spec.drive import JointDrive, positions
from robot_rl.spec.robot import Parameter, Robot, Setpoint
from robot_rl.spec.stage import HOLD, Stage

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('ros')]

JOINTS = ('hip', 'knee', 'ankle')
JOINT_STATE = 'sensor_msgs/msg/JointState'


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
            **changed,
        }
    )


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
        header=message_type('std_msgs/msg/Header')(),
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


TWISTS = ('geometry_msgs/msg/TwistStamped', 'geometry_msgs/msg/Twist')


@pytest.mark.parametrize('kind', TWISTS)
def test_without_its_package_a_car_is_sent_a_twist_with_the_yaw_rate(kind):
    level = setpoint(**CAR, message='ackermann_msgs/msg/AckermannDriveStamped', fallback=kind)
    chosen = available(level)
    assert chosen.message == kind
    assert available(level, JOINT_STATE).message == JOINT_STATE
    message = message_type(chosen.message)()
    _, out = there_and_back(chosen, message, (2.0, 0.3))
    twist = getattr(message, 'twist', message)
    assert twist.angular.z == pytest.approx(2.0 * math.tan(0.3) / 0.33)
    assert out.tolist() == pytest.approx([2.0, 0.3])
    _, out = there_and_back(chosen, message, (0.0, 0.3))
    assert out.tolist() == [0.0, 0.0], 'at rest a yaw rate says nothing about the steering'


@pytest.mark.parametrize('kind', TWISTS)
def test_a_twist_carries_a_velocity_of_the_tool(kind):
    fields = ('linear_x', 'linear_y', 'linear_z', 'angular_x', 'angular_y', 'angular_z')
    level = setpoint(fields=fields, units=('m/s',) * 3 + ('rad/s',) * 3, message=kind)
    message = message_type(kind)()
    _, out = there_and_back(level, message, (0.1, 0.2, 0.3, 0.4, 0.5, 0.6))
    twist = getattr(message, 'twist', message)
    assert (twist.linear.y, twist.angular.z) == (0.2, 0.6)
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
        joint_names=names,
        setpoints={'level': level},
        parameters={k: Parameter(v, '1', 'test') for k, v in numbers.items()},
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


def test_a_go2_can_be_sent_positions_alone():
    machine, kind = registry.robot('go2'), 'std_msgs/msg/Float64MultiArray'
    declared = machine.setpoint('positions')
    level = available(declared, kind, gains=False)
    message = codec(kind).create(machine, level)
    share, out = there_and_back(level, message, declared.neutral, stiffness=0.0, machine=machine)
    assert list(message.data) == list(declared.neutral)
    assert (share, out.tolist()) == (1.0, list(declared.neutral))
    assert stiffened(level) == ['damp'], 'it cannot be said, so it must be told'
    assert stiffened(available(declared, kind)) == []
    with pytest.raises(SpecError, match='carries stiffness and damping'):
        codec('unitree_go/msg/LowCmd').prepare(low_command(), machine, level)


def test_a_message_without_room_for_gains_is_refused_unless_they_are_left_out():
    declared = registry.robot('go2').setpoint('positions')
    with pytest.raises(ContractError, match=r'JointState does not: .* would hold'):
        available(declared, JOINT_STATE)
    level = available(declared, JOINT_STATE, gains=False)
    assert (level.message, level.gains, stiffened(level)) == (JOINT_STATE, False, ['damp'])


@pytest.mark.parametrize('carried', [False, True])
def test_bytes_that_keep_one_stiffness_are_not_sent_where_it_is_carried(monkeypatch, carried):
    monkeypatch.setitem(CODECS, JOINT_STATE, replace(CODECS[JOINT_STATE], gains=carried))
    node: Any = SimpleNamespace(
        context=SimpleNamespace(get_domain_id=lambda: 0),
        create_publisher=lambda *_: SimpleNamespace(topic_name='/command'),
    )
    output = Output(node, robot(), setpoint(), '', '', cast(Any, None))
    assert (output._bytes is None) == carried


def test_gains_are_looked_up_once():
    level = setpoint(gains=True)
    assert gains(robot(), level)[0].tolist() == [20.0, 30.0, 40.0]
    assert gains(robot(), level)[0] is gains(robot(), level)[0]


@pytest.fixture
def stand_ins(monkeypatch):
    """Messages of packages that are not on PyPI."""
    packages = {
        'ackermann_msgs': {'AckermannDriveStamped': ackermann},
        'unitree_go': {'LowCmd': low_command},
    }
    for package, messages in packages.items():
        monkeypatch.setitem(sys.modules, f'{package}.msg', SimpleNamespace(**messages))


def ways():
    """(robot, level, message) of all that is registered."""
    for name in registry.robot_names():
        for level, declared in registry.robot(name).setpoints.items():
            for kind in filter(None, (declared.message, declared.fallback)):
                yield name, level, kind


@pytest.mark.parametrize(('name', 'level', 'kind'), list(ways()))
@pytest.mark.usefixtures('stand_ins')
def test_every_robot_can_be_sent_its_setpoints(name, level, kind):
    machine = registry.robot(name)
    declared = replace(machine.setpoint(level), message=kind)
    carrier, out = codec(kind), np.zeros(declared.size)
    message = carrier.create(machine, declared)
    low, high = np.array(declared.low), np.array(declared.high)
    for share in np.linspace(0.6, 0.9, declared.size), np.full(declared.size, 0.7):
        values = low + share * (high - low)
        carrier.write(message, machine, declared, values, 0.5)
        carrier.stamp(message, 12.5)
        stiffness = carrier.read(message, machine, declared, out)
        assert out == pytest.approx(values, rel=1e-6)
        assert stiffness == (0.5 if declared.gains else 1.0)

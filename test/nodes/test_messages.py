"""Messages: round trips, frames, sizes, and rclpy's silent traps."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from robot_rl.errors import MessageError, MissingPackageError
from robot_rl.nodes.messages import message_type, set_stamp, stamp_of
from robot_rl.nodes.setpoints import CODECS, codec
from robot_rl.nodes.setpoints_autopilot import flu_to_frd
from robot_rl.nodes.signals import DECODERS, ENCODERS, decoder
from robot_rl.spec import registry
from robot_rl.spec.signal import VOCABULARY

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('ros')]

ODOMETRY = 'nav_msgs/msg/Odometry'
TRAJECTORY = 'trajectory_msgs/msg/MultiDOFJointTrajectory'


@pytest.fixture
def robot():
    return registry.robot('crazyflie')


def every_signal():
    robot = registry.robot('crazyflie')
    fixed = [name for name, s in VOCABULARY.items() if s.frame not in ('beam', 'link')]
    return [(name, robot.signal(name)) for name in fixed]


def signals(seed=0):
    rng = np.random.default_rng(seed)
    values = {name: rng.normal(size=signal.size) for name, signal in every_signal()}
    values['base_quat_w'] /= np.linalg.norm(values['base_quat_w'])
    return values


def empty():
    return {name: np.full(signal.size, np.nan) for name, signal in every_signal()}


def read(name, message, robot, out):
    """Read a message from its bytes on the wire, without building it."""
    from rclpy.serialization import serialize_message

    assert DECODERS[name].raw
    return DECODERS[name].read(serialize_message(message), robot, out)


@pytest.mark.parametrize('name', [ODOMETRY, TRAJECTORY])
def test_what_is_written_is_read(robot, name):
    sent, got = signals(), empty()
    message = message_type(name)()
    for seed in (0, 1):  # the second time over a message that was used before
        sent = signals(seed)
        ENCODERS[name](message, robot, sent)
        set_stamp(message, 12.25)
        assert read(name, message, robot, got) == stamp_of(message) == 12.25
        for signal in DECODERS[name].signals:
            assert np.array_equal(got[signal], sent[signal]), signal


@pytest.mark.parametrize('length', range(9))
def test_parsing_is_right_for_every_alignment_of_the_frames(robot, length):
    from rclpy.serialization import serialize_message

    from robot_rl.nodes.cdr import parse_odometry

    message, sent, got = message_type(ODOMETRY)(), signals(), empty()
    ENCODERS[ODOMETRY](message, robot, sent)
    message.header.frame_id, message.child_frame_id = 'w' * length, 'b' * (8 - length)
    _, frame, child = parse_odometry(serialize_message(message), got)
    assert (frame, child) == ('w' * length, 'b' * (8 - length))
    assert np.array_equal(got['base_quat_w'], sent['base_quat_w'])
    assert np.array_equal(got['base_ang_vel_b'], sent['base_ang_vel_b'])


def test_ros_quaternions_are_xyzw(robot):
    message, sent = message_type(ODOMETRY)(), signals()
    sent['base_quat_w'] = np.array([0.1, 0.2, 0.3, 0.9])
    ENCODERS[ODOMETRY](message, robot, sent)
    q = message.pose.pose.orientation
    assert (q.w, q.x, q.y, q.z) == (0.1, 0.2, 0.3, 0.9)


@pytest.mark.parametrize('field', ['frame_id', 'child_frame_id'])
def test_another_frame_is_refused(robot, field):
    message = message_type(ODOMETRY)()
    ENCODERS[ODOMETRY](message, robot, signals())
    setattr(message.header if field == 'frame_id' else message, field, 'map')
    with pytest.raises(MessageError, match=rf"^{field} of the odometry is 'map', expected '"):
        read(ODOMETRY, message, robot, empty())


def test_a_pose_is_a_goal_that_stands_still(robot):
    message, got = message_type('geometry_msgs/msg/PoseStamped')(), empty()
    message.header.frame_id = 'odom'
    message.pose.position.z = 1.5
    DECODERS['geometry_msgs/msg/PoseStamped'].read(message, robot, got)
    assert got['goal_pos_w'].tolist() == [0.0, 0.0, 1.5]
    assert not got['goal_lin_vel_w'].any()
    assert not got['goal_lin_acc_w'].any()


def test_a_trajectory_needs_a_point_but_no_derivatives(robot):
    def get(message):
        out = empty()
        read(TRAJECTORY, message, robot, out)
        return out

    message, sent = message_type(TRAJECTORY)(), signals()
    ENCODERS[TRAJECTORY](message, robot, sent)
    message.points[0].velocities = []
    got = get(message)
    assert not got['goal_lin_vel_w'].any()
    assert np.array_equal(got['goal_lin_acc_w'], sent['goal_lin_acc_w'])
    for points in ([], [message_type('trajectory_msgs/msg/MultiDOFJointTrajectoryPoint')()]):
        message.points = points
        with pytest.raises(MessageError, match='at least one point'):
            get(message)


@pytest.mark.parametrize(('level', 'kind'), [('motors', 'JointState'), ('rates', 'TwistStamped')])
def test_setpoints_round_trip(robot, level, kind):
    setpoint = robot.setpoint(level)
    assert kind in setpoint.message
    carrier = codec(setpoint.message)
    message, out = carrier.create(robot, setpoint), np.zeros(setpoint.size)
    for seed in (0, 1):
        values = np.random.default_rng(seed).normal(size=setpoint.size)
        carrier.write(message, robot, setpoint, values, 1.0)
        carrier.read(message, robot, setpoint, out)
        assert np.array_equal(out, values)


@pytest.mark.parametrize(
    ('names', 'count', 'words'),
    [
        (('m2_joint', 'm1_joint', 'm3_joint', 'm4_joint'), 4, 'names the joints m2_joint'),
        ((), 4, 'names the joints none'),
        (('m1_joint', 'm2_joint', 'm3_joint', 'm4_joint'), 3, 'has 3 velocities, expected 4'),
    ],
)
def test_setpoints_of_other_joints_or_sizes_are_refused(robot, names, count, words):
    setpoint = robot.setpoint('motors')
    message = message_type(setpoint.message)(name=list(names), velocity=[1.0] * count)
    with pytest.raises(MessageError, match=words):
        codec(setpoint.message).read(message, robot, setpoint, np.zeros(4))


def vector():
    return SimpleNamespace(x=0.0, y=0.0, z=0.0)


def test_mavros_takes_body_rates_in_flu_and_a_fraction_of_the_thrust(robot):
    setpoint, carrier = robot.setpoint('rates'), CODECS['mavros_msgs/msg/AttitudeTarget']
    message = SimpleNamespace(
        header=SimpleNamespace(frame_id=''), type_mask=0, body_rate=vector(), thrust=0.0
    )
    carrier.prepare(message, robot, setpoint)
    values, out = np.array([0.5 * setpoint.high[0], 0.1, 0.2, 0.3]), np.zeros(4)
    carrier.write(message, robot, setpoint, values, 1.0)
    assert message.type_mask == 128
    assert (message.body_rate.x, message.body_rate.y, message.body_rate.z) == (0.1, 0.2, 0.3)
    assert message.thrust == pytest.approx(0.5)
    carrier.read(message, robot, setpoint, out)
    assert np.allclose(out, values)


def test_px4_takes_body_rates_in_frd_and_thrust_downwards(robot):
    setpoint, carrier = robot.setpoint('rates'), CODECS['px4_msgs/msg/VehicleRatesSetpoint']
    message = SimpleNamespace(roll=0.0, pitch=0.0, yaw=0.0, thrust_body=np.zeros(3, np.float32))
    values, out = np.array([setpoint.high[0], 0.1, 0.2, 0.3]), np.zeros(4)
    carrier.prepare(message, robot, setpoint)
    carrier.write(message, robot, setpoint, values, 1.0)
    assert (message.roll, message.pitch, message.yaw) == (0.1, -0.2, -0.3)
    assert message.thrust_body.tolist() == [0.0, 0.0, -1.0]
    carrier.read(message, robot, setpoint, out)
    assert np.allclose(out, values)
    assert flu_to_frd(*flu_to_frd(1.0, 2.0, 3.0)) == (1.0, 2.0, 3.0)


def test_unknown_types_are_named():
    with pytest.raises(MessageError, match='Known: nav_msgs'):
        decoder('std_msgs/msg/Bool')
    with pytest.raises(MessageError, match='Known: sensor_msgs'):
        codec('std_msgs/msg/Bool')
    with pytest.raises(MissingPackageError, match='ros-no-such-msgs'):
        message_type('no_such_msgs/msg/Thing')
    with pytest.raises(MessageError, match='no message'):
        message_type('std_msgs/msg/Boole')
    with pytest.raises(MessageError, match='reads like'):
        message_type('Odometry')


def test_definitions_hold_everything_they_contain():
    from robot_rl.nodes.schemas import schema, starts_with_header

    text = schema(ODOMETRY)
    for part in ('std_msgs/Header', 'geometry_msgs/Quaternion', 'builtin_interfaces/Time'):
        assert text.count(f'MSG: {part}\n') == 1
    assert starts_with_header(ODOMETRY)
    assert not starts_with_header('std_msgs/msg/Bool')
    with pytest.raises(MissingPackageError):
        schema('no_such_msgs/msg/Thing')


@pytest.mark.parametrize('level', ['motors', 'rates'])
def test_bytes_with_new_numbers_are_the_message_with_new_numbers(robot, level):
    from rclpy.serialization import deserialize_message

    from robot_rl.nodes.stamped_bytes import StampedBytes

    setpoint = robot.setpoint(level)
    carrier = codec(setpoint.message)
    message, out = carrier.create(robot, setpoint), np.zeros(setpoint.size)
    found = StampedBytes.find(
        message, setpoint.size, lambda values: carrier.write(message, robot, setpoint, values, 1.0)
    )
    assert found is not None
    for seed in (0, 1):
        values = np.random.default_rng(seed).normal(size=setpoint.size)
        got = deserialize_message(found.fill(values, 1234.000000005), type(message))
        assert stamp_of(got) == pytest.approx(1234.000000005, abs=1e-9)
        carrier.read(got, robot, setpoint, out)
        assert np.array_equal(out, values)


def test_bytes_are_not_used_where_a_number_is_changed_on_the_way(robot):
    from robot_rl.nodes.stamped_bytes import StampedBytes

    message = message_type('geometry_msgs/msg/TwistStamped')()

    def write(values):
        message.twist.linear.x = float(2.0 * values[0])

    assert StampedBytes.find(message, 1, write) is None

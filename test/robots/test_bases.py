"""What both bases on driven sides must keep: declaration, URDF and messages of one robot."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import numpy as np
import pytest

from robot_rl.assets import asset, find
from robot_rl.spec import registry
from robot_rl.spec.robot import GRAVITY
from robot_rl.spec.urdf import inertial, tree


@pytest.fixture(params=['jackal', 'turtlebot'])
def robot(request):
    return registry.robot(request.param)


@pytest.fixture
def urdf(robot):
    return ElementTree.parse(asset('urdf', robot.urdf)).getroot()


def places(urdf):
    """Link to where it is in the base [m]; nothing is turned in these two."""
    top, joints = tree(urdf)
    found = {top: np.zeros(3)}
    for joint in joints:
        assert np.array_equal(joint.turn, np.eye(3))
        found[joint.child] = found[joint.parent] + joint.place
    return found


def radius(urdf, link):
    return float(urdf.find(f"link[@name='{link}']/collision/geometry/sphere").get('radius'))


def test_it_stands_on_all_that_may_touch(robot, urdf):
    where = places(urdf)
    for link in robot.touching:
        assert where[link][2] == pytest.approx(radius(urdf, link))
    assert robot.rest['base_pos_w'] == (0.0, 0.0, 0.0)


def test_the_centre_of_mass_is_between_what_it_stands_on(robot, urdf):
    """So far that it does not tip over, however it speeds up or brakes."""
    where = places(urdf)
    total, moment = 0.0, np.zeros(3)
    for link in urdf.findall('link'):
        part = inertial(link)
        total += part.mass
        moment += part.mass * (where[link.get('name')] + part.centre)
    x, y, z = moment / total
    supports = [where[link][0] for link in robot.touching]
    margin = robot.setpoint('velocity').slew[0] / GRAVITY * z
    assert min(supports) + margin < x < max(supports) - margin
    assert y == pytest.approx(0.0)


def test_the_wheels_are_where_the_drive_takes_them_to_be(robot, urdf):
    """Its targets make the wheels of a side roll along the circle that was asked for."""
    where, size = places(urdf), len(robot.joint_names)
    children = {joint.name: joint.child for joint in tree(urdf)[1]}
    wheels = [children[name] for name in robot.joint_names]
    v, w = 0.1, 0.5
    drive = robot.setpoint('velocity').drive
    _, velocity, effort = drive.targets(
        np.array([[v, w]]), np.zeros((1, size)), np.zeros((1, size)), 0.05
    )
    assert not effort.any()
    slips = 1.5 if robot.skids else 1.0  # Clearpath's multiplier
    for wheel, speed in zip(wheels, velocity[0], strict=True):
        rolling = speed * radius(urdf, wheel)
        assert rolling == pytest.approx(v - slips * w * where[wheel][1]), wheel


def test_no_wheel_is_asked_for_more_than_it_can(robot):
    setpoint, size = robot.setpoint('velocity'), len(robot.joint_names)
    most = np.array([setpoint.high])
    _, velocity, _ = setpoint.drive.targets(most, np.zeros((1, size)), np.zeros((1, size)), 0.05)
    limit = np.array(robot.parameters['joint_velocity_limit'].nominal)
    assert (np.abs(velocity[0]) <= limit).all()
    radius_m = robot.parameters['wheel_speed_limit'].nominal[0] / limit[0]
    assert radius_m == pytest.approx({'jackal': 0.098, 'turtlebot': 0.033}[robot.name])


def test_the_footprint_holds_every_wheel_and_shape(robot, urdf):
    """Seen from above: boxes, and wheels as wide as they are drawn."""
    corners = np.array(robot.footprint)
    sides = np.roll(corners, -1, axis=0) - corners
    points = []
    for link, where in places(urdf).items():
        for part in urdf.findall(f"link[@name='{link}']/visual"):
            x, y, _ = where + [float(v) for v in part.find('origin').get('xyz').split()]
            shape = part.find('geometry')[0]
            if shape.tag == 'box':
                a, b, _ = (0.5 * float(v) for v in shape.get('size').split())
            elif part.find('origin').get('rpy') != '0 0 0':
                a, b = float(shape.get('radius')), 0.5 * float(shape.get('length'))
            else:
                a = b = math.sqrt(0.5) * float(shape.get('radius'))
            points += [(x + i * a, y + j * b) for i in (-1, 1) for j in (-1, 1)]
    for corner, (dx, dy) in zip(corners, sides, strict=True):
        for x, y in points:
            assert dx * (y - corner[1]) - dy * (x - corner[0]) > -1e-9, (x, y)


def test_the_urdf_has_the_lidar_where_its_beams_start(robot, urdf):
    """And a frame of that name, in which scans are published."""
    assert places(urdf)[robot.lidar.frame] == pytest.approx(robot.lidar.position)


def test_no_topic_is_too_old_before_a_few_of_its_messages_are_missing(robot):
    for topic in robot.topics:
        if not topic.requested:
            assert topic.max_age_s * topic.rate_hz >= 3.0, topic.name


def test_it_speaks_what_a_navigation_stack_does(robot):
    topics = {topic.name: topic.message for topic in robot.topics}
    assert topics == {
        'scan': 'sensor_msgs/msg/LaserScan',
        'odom': 'nav_msgs/msg/Odometry',
        'goal_pose': 'geometry_msgs/msg/PoseStamped',
    }
    assert robot.goal.signals == ('goal_pos_w', 'goal_quat_w')
    setpoint = robot.setpoint('velocity')
    assert (setpoint.topic, setpoint.fields) == ('cmd_vel', ('speed', 'yaw_rate'))
    assert setpoint.safe[-1].setpoint == setpoint.neutral == (0.0, 0.0)


def test_it_has_what_every_robot_has_to_be_launched(robot):
    assert find('launch', f'{robot.name}.launch.py')
    assert find('launch', f'params/{robot.name}.yaml')
    assert find('sim', robot.ranges)


def test_every_parameter_says_where_it_comes_from(robot):
    for name, parameter in robot.parameters.items():
        assert parameter.source, name
        assert parameter.unit, name


def test_its_ranges_hold_its_declaration(robot):
    """What is set as a whole is spread about the nominal value; all that is spread it has."""
    pytest.importorskip('torch')
    from robot_rl.envs.ranges import load_randomization

    spreads = load_randomization(robot)
    assert {'yaw_rate_scale', 'speed_scale', 'action_delay'} <= {s.parameter for s in spreads}
    for spread in spreads:
        if spread.operation == 'set' and spread.parameter in robot.parameters:
            (nominal,) = robot.parameters[spread.parameter].nominal
            assert spread.a <= nominal <= spread.b, spread.parameter

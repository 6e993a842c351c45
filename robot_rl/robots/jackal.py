"""Clearpath Jackal: an 18 kg skid-steered base on four wheels, as the BARN challenge drives it.

Sources of the numbers, named again beside each:
- datasheet: Clearpath Robotics, "Jackal, technical specifications".
- jackal: Clearpath's packages jackal_description, jackal_control and jackal_navigation, branch
  noetic-devel.
- BARN: the challenge's run.py, which mounts a Hokuyo UST-10LX; its beams are those of
  jackal_description, hokuyo_ust10.urdf.xacro.
- Hokuyo: "UST-10LX specification", 2014.
- issue 280: clearpathrobotics/clearpath_robot, "Jackal hardware incorrect angular velocity", 2025.

Wheels that do not steer slip when the base turns. If they grip alike in whichever direction they
slip, and carry alike, they must turn for a track 1 + (wheelbase / track)^2 times as wide: 1.487 to
turn in place, whatever the friction (balance of moments). Clearpath's controller reckons with 1.5,
so that a Jackal turns about as fast as it is asked to. By how much more or less depends on floor,
load and speed: in MuJoCo it turns at 0.85 to 0.9 of the rate asked for in place and at 1.2 of it
at 1 m/s, in PyBullet at 0.7 to 0.85 and at 1.3, by up to a third more or less as it heads.

base_link is on the ground here, in the middle between the wheels, and that of Clearpath 63.5 mm
above: it is all the same to what moves in the plane.
"""

from __future__ import annotations

import math

from robot_rl.spec.drive import JointDrive, differential
from robot_rl.spec.lidar import Lidar
from robot_rl.spec.robot import Limits, Parameter, Robot, Sensor, Setpoint, Topic
from robot_rl.spec.stage import Stage

MASS = 18.561  # [kg] urdf/jackal.urdf; datasheet: 17
WHEELBASE, TRACK, WHEEL_RADIUS = 0.262, 0.37559, 0.098  # [m] jackal
SKID = 1.5  # jackal, wheel_separation_multiplier
MAX_SPEED, MAX_YAW_RATE = 2.0, 4.0  # [m/s] datasheet; [rad/s] jackal
FASTEST_WHEEL = 30.0  # [rad/s] our assumption: 2.9 m/s without load, for 2.0 with
EFFORT = 4.0  # [N m] our assumption: speeds up as below, or turns while it speeds up by 2.5
ACCELERATION = 4.0  # [m/s^2] our assumption: tyres hold 4.9, the controller (jackal) allows 20
YAW_ACCELERATION = 9.0  # [rad/s^2] what such drives give in MuJoCo; jackal allows 25
LAG = 0.05  # [s] our assumption about the speed loop of the motors
ROTOR_INERTIA = 0.04  # [kg m^2] our assumption: motor and gears, seen from one wheel
DAMPING = 8.0  # [N m s/rad] our assumption: a loop that hardly gives way to scrubbing tyres
HALF_LENGTH, HALF_WIDTH = 0.254, 0.215  # [m] datasheet: 508 x 430 mm

JOINTS = (
    'front_left_wheel_joint',
    'rear_left_wheel_joint',
    'front_right_wheel_joint',
    'rear_right_wheel_joint',
)
WHEELS = (
    'front_left_wheel_link',
    'rear_left_wheel_link',
    'front_right_wheel_link',
    'rear_right_wheel_link',
)


def _velocity() -> Setpoint:
    """Speed and yaw rate, as every navigation stack commands them."""
    return Setpoint(
        name='velocity',
        fields=('speed', 'yaw_rate'),
        units=('m/s', 'rad/s'),
        low=(-MAX_SPEED, -MAX_YAW_RATE),
        high=(MAX_SPEED, MAX_YAW_RATE),
        slew=(2.5, 9.0),  # our assumption: a base that speeds up so can still turn
        neutral=(0.0, 0.0),
        safe=(Stage('stop', (0.0, 0.0), math.inf),),
        topic='cmd_vel',
        message='geometry_msgs/msg/TwistStamped',
        fallback='geometry_msgs/msg/Twist',
        physics_dt=0.05,  # the closed form is exact; other engines know what their contacts need
        drive=JointDrive(
            differential(SKID * TRACK, WHEEL_RADIUS, FASTEST_WHEEL, wheels=2), stiff=False
        ),
    )


def _base() -> dict[str, Parameter]:
    """The closed form."""
    return {
        'track': Parameter((SKID * TRACK,), 'm', 'jackal: with which its controller reckons'),
        'wheel_speed_limit': Parameter(
            (FASTEST_WHEEL * WHEEL_RADIUS,), 'm/s', 'our assumption: 30 rad/s'
        ),
        'speed_time_constant': Parameter((LAG,), 's', 'our assumption'),
        'yaw_time_constant': Parameter((LAG,), 's', 'the same wheels'),
        'acceleration_limit': Parameter((ACCELERATION,), 'm/s^2', 'our assumption'),
        'yaw_acceleration_limit': Parameter(
            (YAW_ACCELERATION,), 'rad/s^2', 'the same drives in MuJoCo'
        ),
        'speed_scale': Parameter((1.0,), '1', 'wheels of the radius that the controller believes'),
        'yaw_rate_scale': Parameter(
            (0.9,), '1', 'in MuJoCo 0.85 in place, 1.0 at 0.5 m/s; jackal believes in 1.0'
        ),
    }


def _joints() -> dict[str, Parameter]:
    """The same drives at the joints, for engines that have some."""
    return {
        'joint_stiffness': Parameter((0.0,) * 4, 'N m/rad', 'they turn freely', positive=False),
        'joint_damping': Parameter((DAMPING,) * 4, 'N m s/rad', 'our assumption'),
        'joint_effort_limit': Parameter((EFFORT,) * 4, 'N m', 'our assumption'),
        'joint_velocity_limit': Parameter((FASTEST_WHEEL,) * 4, 'rad/s', 'our assumption'),
        'joint_armature': Parameter((ROTOR_INERTIA,) * 4, 'kg m^2', 'our assumption'),
        'command_delay': Parameter((0.0,), 's', 'part of action_delay', positive=False),
        'friction': Parameter((0.5,), '1', 'jackal: of the tyres, for Gazebo'),
        'link_mass_scale': Parameter((1.0,), '1', 'the URDF as it is'),
    }


def _sensors() -> tuple[Sensor, ...]:
    """Lidar, and odometry from wheels and gyroscope, whose drift is taken as an offset here."""
    return (
        Sensor(
            'scan',
            0.01,
            0.01,
            (0.0, 0.025),
            'Hokuyo: accuracy 40 mm at the worst, repeats within 30; one turn of 25 ms',
        ),
        Sensor(
            'base_pos_w', 0.005, 0.05, (0.0, 0.02), 'our assumption: 1 % of 5 m; period of 20 ms'
        ),
        Sensor('base_quat_w', 0.002, 0.01, (0.0, 0.02), 'our assumption: drift by 1 degree'),
        Sensor('base_lin_vel_b', 0.02, 0.01, (0.0, 0.02), 'our assumption: 1 % of 2 m/s of slip'),
        Sensor('base_ang_vel_b', 0.005, 0.005, (0.0, 0.02), 'jackal: gyroscope, as Gazebo has it'),
    )


def _topics() -> tuple[Topic, ...]:
    """Scan, odometry, and a goal on demand."""
    return (
        Topic(
            'scan',
            'sensor_msgs/msg/LaserScan',
            ('scan', 'scan_angles'),
            rate_hz=40.0,
            max_age_s=0.2,
        ),
        Topic(
            'odom',
            'nav_msgs/msg/Odometry',
            ('base_pos_w', 'base_quat_w', 'base_lin_vel_b', 'base_ang_vel_b'),
            rate_hz=50.0,  # jackal, robot_localization.yaml
            max_age_s=0.2,
        ),
        Topic(
            'goal_pose',
            'geometry_msgs/msg/PoseStamped',
            ('goal_pos_w', 'goal_quat_w'),
            rate_hz=0.0,
            max_age_s=math.inf,
        ),
    )


def robot() -> Robot:
    """Build the Jackal.

    It has no detector of being stuck: where it pushes against something its wheels slip, and its
    odometry tells of motion.
    """
    return Robot(
        name='jackal',
        urdf='jackal.urdf',
        model='unicycle',
        joint_names=JOINTS,
        parameters={**_base(), **_joints()},
        setpoints={'velocity': _velocity()},
        sensors=_sensors(),
        topics=_topics(),
        rest={
            'base_pos_w': (0.0, 0.0, 0.0),
            'base_quat_w': (1.0, 0.0, 0.0, 0.0),
            'base_lin_vel_b': (0.0, 0.0, 0.0),
            'base_ang_vel_b': (0.0, 0.0, 0.0),
        },
        touching=WHEELS,
        skids=True,
        footprint=(
            (HALF_LENGTH, -HALF_WIDTH),
            (HALF_LENGTH, HALF_WIDTH),
            (-HALF_LENGTH, HALF_WIDTH),
            (-HALF_LENGTH, -HALF_WIDTH),
        ),
        lidar=Lidar(
            beams=720,
            angle_min=-0.75 * math.pi,
            angle_increment=1.5 * math.pi / 719,
            range_min=0.1,
            range_max=10.0,
            position=(0.055, 0.0, 0.3049),
            source='Hokuyo: 270 degrees, 0.06 to 10 m, 40 Hz, 1081 steps of 0.25 degrees; 720 '
            'from 0.1 m on as in BARN, whose simulation goes to 30 m at 50 Hz',
            frame='front_laser',
        ),
        command_timeout_s=0.25,  # jackal, control.yaml, cmd_vel_timeout
        limits=Limits(tilt=math.radians(30.0)),
    )

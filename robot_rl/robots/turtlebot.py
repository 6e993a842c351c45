"""TurtleBot3 Burger: a 1 kg base on two wheels and a caster, with a planar lidar.

Sources of the numbers, named again beside each:
- datasheet: ROBOTIS e-Manual, "TurtleBot3, Specifications", and its appendix "DYNAMIXEL".
- firmware: ROBOTIS, OpenCR, libraries turtlebot3 and turtlebot3_ros2.
- turtlebot3: the ROS 2 packages turtlebot3_description and turtlebot3_node, param/burger.yaml.
- turtlebot3_gazebo: the maker's model for Gazebo.
- Nav2: nav2_bringup, nav2_params.yaml, whose controller is set for a TurtleBot3.
- LDS-01: ROBOTIS e-Manual, "LDS-01".

Its base is base_footprint, on the ground below the middle of the axle: that is what its odometry
is about, and what its messages say.

Not a Waffle, which is another body: 0.26 m/s, 1.82 rad/s, a track of 0.287 m, 281 x 306 mm.
"""

from __future__ import annotations

import math

from robot_rl.spec.drive import JointDrive, differential
from robot_rl.spec.lidar import Lidar
from robot_rl.spec.robot import Limits, Parameter, Robot, Sensor, Setpoint, Topic
from robot_rl.spec.stage import Stage

MASS = 1.0  # [kg] datasheet; 1.0017 in turtlebot3
TRACK, WHEEL_RADIUS = 0.160, 0.033  # [m] turtlebot3, burger.yaml
MAX_SPEED, MAX_YAW_RATE = 0.22, 2.84  # [m/s], [rad/s] datasheet
FASTEST_WHEEL = 61.0 * 2.0 * math.pi / 60.0  # [rad/s] datasheet: without load at 12 V
ACCELERATION = 2.5  # [m/s^2] what Nav2 reckons with; turtlebot3_gazebo has 1.0
LAG = 0.05  # [s] our assumption about the speed loop of the servos
WHEEL_INERTIA = 2.0713e-5  # [kg m^2] urdf/turtlebot.urdf
ROTOR_INERTIA = 5e-4  # [kg m^2] our assumption: 7.5e-9 behind a gear of 258.5 (datasheet)
BODY_REAR, BODY_FRONT, BODY_SIDE = -0.102, 0.038, 0.070  # [m] turtlebot3: 140 mm square
WHEEL_SIDE = 0.089  # [m] datasheet: 178 mm wide

JOINTS = ('wheel_left_joint', 'wheel_right_joint')
CASTER = 'caster_back_link'
OUTLINE = (
    (BODY_FRONT, -BODY_SIDE),
    (BODY_FRONT, BODY_SIDE),
    (WHEEL_RADIUS, WHEEL_SIDE),
    (-WHEEL_RADIUS, WHEEL_SIDE),
    (BODY_REAR, BODY_SIDE),
    (BODY_REAR, -BODY_SIDE),
    (-WHEEL_RADIUS, -WHEEL_SIDE),
    (WHEEL_RADIUS, -WHEEL_SIDE),
)


def _velocity() -> Setpoint:
    """Speed and yaw rate, as every navigation stack commands them."""
    return Setpoint(
        name='velocity',
        fields=('speed', 'yaw_rate'),
        units=('m/s', 'rad/s'),
        low=(-MAX_SPEED, -MAX_YAW_RATE),
        high=(MAX_SPEED, MAX_YAW_RATE),
        slew=(ACCELERATION, 3.2),  # Nav2, acc_lim_x and acc_lim_theta
        neutral=(0.0, 0.0),
        safe=(Stage('stop', (0.0, 0.0), math.inf),),
        topic='cmd_vel',
        message='geometry_msgs/msg/TwistStamped',
        fallback='geometry_msgs/msg/Twist',
        physics_dt=0.05,  # the closed form is exact; other engines know what their contacts need
        drive=JointDrive(differential(TRACK, WHEEL_RADIUS, FASTEST_WHEEL), stiff=False),
    )


def _base() -> dict[str, Parameter]:
    """The closed form."""
    return {
        'track': Parameter((TRACK,), 'm', 'turtlebot3'),
        'wheel_speed_limit': Parameter(
            (FASTEST_WHEEL * WHEEL_RADIUS,), 'm/s', 'datasheet: 61 rev/min at 12 V'
        ),
        'speed_time_constant': Parameter((LAG,), 's', 'our assumption'),
        'yaw_time_constant': Parameter((LAG,), 's', 'the same wheels'),
        'acceleration_limit': Parameter((ACCELERATION,), 'm/s^2', 'Nav2'),
        'yaw_acceleration_limit': Parameter(
            (2.0 * ACCELERATION / TRACK,), 'rad/s^2', 'the same acceleration of the wheels'
        ),
        'speed_scale': Parameter((1.0,), '1', 'wheels of the radius that the firmware believes'),
        'yaw_rate_scale': Parameter((1.0,), '1', 'and as far apart; neither slips'),
    }


def _joints() -> dict[str, Parameter]:
    """The same drives at the joints, for engines that have some."""
    spinning = 2.0 * (WHEEL_INERTIA + ROTOR_INERTIA) / WHEEL_RADIUS**2  # [kg] seen by the drives
    half = 0.5 * (MASS + spinning) * WHEEL_RADIUS
    return {
        'joint_stiffness': Parameter((0.0,) * 2, 'N m/rad', 'they turn freely', positive=False),
        'joint_damping': Parameter(
            (half * WHEEL_RADIUS / LAG,) * 2, 'N m s/rad', 'what gives the time constant'
        ),
        'joint_effort_limit': Parameter(
            (half * ACCELERATION,) * 2,
            'N m',
            'what gives the acceleration limit; the servo stalls at 1.4 N m (datasheet)',
        ),
        'joint_velocity_limit': Parameter((FASTEST_WHEEL,) * 2, 'rad/s', 'datasheet'),
        'joint_armature': Parameter((ROTOR_INERTIA,) * 2, 'kg m^2', 'our assumption'),
        'command_delay': Parameter((0.0,), 's', 'part of action_delay', positive=False),
        'friction': Parameter((0.8,), '1', 'our assumption: rubber on an indoor floor'),
        'link_mass_scale': Parameter((1.0,), '1', 'the URDF as it is'),
    }


def _sensors() -> tuple[Sensor, ...]:
    """Lidar, and odometry from wheels and gyroscope, whose drift is taken as an offset here."""
    return (
        Sensor(
            'scan',
            0.01,
            0.01,
            (0.0, 0.2),
            'LDS-01: precision 10 mm, accuracy 15 mm below 0.5 m; one turn of 0.2 s',
        ),
        Sensor(
            'base_pos_w', 0.002, 0.02, (0.0, 0.05), 'our assumption: 1 % of 2 m; period of 50 ms'
        ),
        Sensor('base_quat_w', 0.002, 0.01, (0.0, 0.05), 'our assumption: drift by 1 degree'),
        Sensor(
            'base_lin_vel_b',
            0.005,
            0.0,
            (0.0, 0.05),
            'firmware: a wheel turns by steps of 1/4096, which is 1 mm/s at 20 Hz; slip is ours',
        ),
        Sensor('base_ang_vel_b', 0.02, 0.005, (0.0, 0.05), 'our assumption; the same steps'),
    )


def _lidar() -> Lidar:
    """The older of the two that it came with."""
    return Lidar(
        beams=360,
        angle_min=0.0,
        angle_increment=math.radians(1.0),
        range_min=0.12,
        range_max=3.5,
        position=(-0.032, 0.0, 0.182),
        source='LDS-01: 360 degrees in steps of 1, 0.12 to 3.5 m, 5 Hz. The LDS-02 that came '
        'after it sees from 0.16 to 8 m',
        frame='base_scan',
    )


def robot() -> Robot:
    """Build the TurtleBot3 Burger.

    It has no detector of being stuck: where it pushes against something its wheels slip, and its
    odometry tells of motion.
    """
    return Robot(
        name='turtlebot',
        urdf='turtlebot.urdf',
        model='unicycle',
        joint_names=JOINTS,
        parameters={**_base(), **_joints()},
        setpoints={'velocity': _velocity()},
        sensors=_sensors(),
        topics=(
            Topic(
                'scan',
                'sensor_msgs/msg/LaserScan',
                ('scan', 'scan_angles'),
                rate_hz=5.0,
                max_age_s=0.6,
            ),
            Topic(
                'odom',
                'nav_msgs/msg/Odometry',
                ('base_pos_w', 'base_quat_w', 'base_lin_vel_b', 'base_ang_vel_b'),
                rate_hz=20.0,  # turtlebot3_node reads its board every 50 ms
                max_age_s=0.25,
            ),
            Topic(
                'goal_pose',
                'geometry_msgs/msg/PoseStamped',
                ('goal_pos_w', 'goal_quat_w'),
                rate_hz=0.0,
                max_age_s=math.inf,
            ),
        ),
        rest={
            'base_pos_w': (0.0, 0.0, 0.0),
            'base_quat_w': (1.0, 0.0, 0.0, 0.0),
            'base_lin_vel_b': (0.0, 0.0, 0.0),
            'base_ang_vel_b': (0.0, 0.0, 0.0),
        },
        touching=('wheel_left_link', 'wheel_right_link', CASTER),
        sliding=(CASTER,),
        footprint=OUTLINE,
        lidar=_lidar(),
        # The firmware stops 0.5 s after turtlebot3_node falls silent (HEARTBEAT_TIMEOUT_MS), but
        # keeps the last velocity for as long as that node lives.
        command_timeout_s=0.5,
        limits=Limits(tilt=math.radians(30.0)),
        base_frame='base_footprint',
    )

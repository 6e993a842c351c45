"""F1TENTH (RoboRacer) car: a 1:10 racing car of 3.74 kg with a planar lidar and a camera.

Sources of the numbers, named again beside each:
- f1tenth: M. O'Kelly, H. Zheng, D. Karthik, R. Mangharam, "F1TENTH: An Open-source Evaluation
  Environment for Continuous Control and Reinforcement Learning", PMLR 123, 2020, and the
  parameters of its published simulator, f1tenth_gym.
- CommonRoad: M. Althoff, M. Koschi, S. Manzinger, "CommonRoad: Composable Benchmarks for Motion
  Planning on Roads", IV 2017: what those parameters mean.
- f1tenth_system: the ROS 2 stack of the car: VESC, lidar, mux.
- f1tenth_simulator: the older simulator of the same project, with other estimates.
- Hokuyo: "UST-10LX specification", 2014.
- FastRLAP: K. Stachowicz et al., "FastRLAP: A System for Learning High-Speed Driving via Deep RL
  and Autonomous Practicing", arXiv 2304.09831, 2023.

base_link is the middle of the rear axle on the ground, which is where the odometry of
f1tenth_system computes its velocities.
"""

from __future__ import annotations

from dataclasses import replace
import math

from robot_rl.spec.camera import Camera
from robot_rl.spec.drive import JointDrive, ackermann
from robot_rl.spec.lidar import Lidar
from robot_rl.spec.robot import Limits, Parameter, Robot, Sensor, Setpoint, Topic
from robot_rl.spec.stage import HOLD, Stage, Stuck

MASS = 3.74  # [kg] f1tenth
CG_TO_FRONT, CG_TO_REAR = 0.15875, 0.17145  # [m] f1tenth
WHEELBASE = CG_TO_FRONT + CG_TO_REAR
TRACK = 0.26  # [m] f1tenth: 0.31 m wide; less a tyre of 0.05 m, our assumption
WHEEL_RADIUS = 0.0508  # [m] ego_racecar.urdf in a version of f1tenth_system
MAX_SPEED, MIN_SPEED = 6.0, -2.0  # [m/s] f1tenth drives at up to 20; races indoors are at 3 to 6
MAX_STEERING = 0.4189  # [rad] f1tenth
STEERING_RATE = 3.2  # [rad/s] f1tenth
ACCELERATION = 9.51  # [m/s^2] f1tenth, speeding up and braking
STEERING_LAG = 0.05  # [s] our assumption: a hobby servo that follows up to 3 Hz
SPEED_LAG = 0.1  # [s] between 0.053 (braking) and 0.21 (speeding up), gains of f1tenth_gym
SERVO_STIFFNESS = 10.0  # [N m/rad] our assumption: stiff against what a tyre brings up
TYRES = 'f1tenth_gym, an estimate; meaning: CommonRoad'
WHEEL_INERTIA = 1.29e-4  # [kg m^2] urdf/racecar.urdf
SHAFT_INERTIA = 1e-4  # [kg m^2] our assumption: motor and shafts, seen from one wheel
LIDAR_X, LIDAR_Z = 0.27, 0.11  # [m] f1tenth_system, bringup_launch.py: base_link to laser

JOINTS = (
    'front_left_steering_joint',
    'front_left_wheel_joint',
    'front_right_steering_joint',
    'front_right_wheel_joint',
    'rear_left_wheel_joint',
    'rear_right_wheel_joint',
)
WHEELS = ('front_left_wheel', 'front_right_wheel', 'rear_left_wheel', 'rear_right_wheel')


def _per_joint(steering: float, wheel: float) -> tuple[float, ...]:
    return (steering, wheel, steering, wheel, wheel, wheel)


def _drive() -> Setpoint:
    """Speed and steering angle: what the VESC of the car, and every Ackermann stack, accepts."""
    return Setpoint(
        name='drive',
        fields=('speed', 'steering_angle'),
        units=('m/s', 'rad'),
        low=(MIN_SPEED, -MAX_STEERING),
        high=(MAX_SPEED, MAX_STEERING),
        slew=(math.inf, math.inf),
        neutral=(0.0, 0.0),
        safe=(Stage('brake', (0.0, HOLD), math.inf),),
        topic='drive',
        message='ackermann_msgs/msg/AckermannDriveStamped',
        fallback='geometry_msgs/msg/TwistStamped',
        physics_dt=0.005,
        # As FastRLAP: back off at 1 m/s for a second with a random steering angle; the detector
        # is ours.
        stuck=Stuck(
            field='speed',
            asked=0.5,
            signal='base_lin_vel_b',
            component=0,
            moving=0.1,
            after_s=1.0,
            action=(Stage('back off', (-1.0, 0.0), 1.0, spread=(0.0, 0.4)),),
        ),
        drive=JointDrive(ackermann(WHEELBASE, TRACK, WHEEL_RADIUS)),
    )


def _body() -> dict[str, Parameter]:
    """The single-track model."""
    return {
        'mass': Parameter((MASS,), 'kg', 'f1tenth'),
        'inertia': Parameter(
            (0.012, 0.038, 0.04712),
            'kg m^2',
            'yaw: f1tenth; roll and pitch: a box as large as the car, scaled to that yaw inertia',
        ),
        'wheelbase': Parameter((WHEELBASE,), 'm', 'f1tenth'),
        'cg_to_rear': Parameter((CG_TO_REAR,), 'm', 'f1tenth'),
        'cg_height': Parameter((0.074,), 'm', 'f1tenth'),
        'friction': Parameter((1.0489,), '1', 'f1tenth_gym, as the full-size tyre of CommonRoad'),
        'cornering_stiffness_front': Parameter((4.718,), '1/rad', TYRES),
        'cornering_stiffness_rear': Parameter((5.4562,), '1/rad', TYRES),
        'steering_time_constant': Parameter((STEERING_LAG,), 's', 'our assumption, 3 Hz'),
        'steering_rate_limit': Parameter((STEERING_RATE,), 'rad/s', 'f1tenth'),
        'steering_offset': Parameter((0.0,), 'rad', 'a servo that is trimmed', positive=False),
        'acceleration_limit': Parameter((ACCELERATION,), 'm/s^2', 'f1tenth'),
        'braking_limit': Parameter((ACCELERATION,), 'm/s^2', 'f1tenth'),
        'speed_time_constant': Parameter((SPEED_LAG,), 's', 'f1tenth, gains of the speed loop'),
    }


def _joints() -> dict[str, Parameter]:
    """The same actuators at the joints, for engines that have some."""
    spinning = 4.0 * (WHEEL_INERTIA + SHAFT_INERTIA) / WHEEL_RADIUS**2  # [kg] seen by the drives
    quarter = 0.25 * (MASS + spinning) * WHEEL_RADIUS
    return {
        'joint_stiffness': Parameter(
            _per_joint(SERVO_STIFFNESS, 0.0), 'N m/rad', 'our assumption', positive=False
        ),
        'joint_damping': Parameter(
            _per_joint(SERVO_STIFFNESS * STEERING_LAG, quarter * WHEEL_RADIUS / SPEED_LAG),
            'N m s/rad',
            'what gives the time constants of steering and speed',
        ),
        'joint_effort_limit': Parameter(
            _per_joint(5.0, quarter * ACCELERATION), 'N m', 'what gives the acceleration limit'
        ),
        'joint_velocity_limit': Parameter(
            _per_joint(STEERING_RATE, 400.0), 'rad/s', 'f1tenth: 3.2 rad/s; 20 m/s'
        ),
        'joint_armature': Parameter(
            _per_joint(0.003, SHAFT_INERTIA),
            'kg m^2',
            'our assumption: servo behind its gears; shafts',
        ),
        'command_delay': Parameter((0.0,), 's', 'part of action_delay', positive=False),
    }


def _camera() -> Camera:
    """A camera with a wide lens on a mast over the lidar, which looks ahead."""
    return replace(
        Camera.pinhole('front', 160, 120, math.radians(100.0)),
        position=(0.15, 0.0, 0.25),
        rate_hz=20.0,
        latency_s=(0.02, 0.06),
        gain_std=0.2,
        tint_std=0.05,
        shot=0.3,
        read_std=3.0,
        source='our assumption: a USB camera of 100 degrees, as high as the walls it looks over',
    )


def _topics() -> tuple[Topic, ...]:
    """What the lidar, the speed controller and the camera send."""
    return (
        Topic('scan', 'sensor_msgs/msg/LaserScan', ('scan',), rate_hz=40.0, max_age_s=0.2),
        Topic(
            'odom',
            'nav_msgs/msg/Odometry',
            ('base_pos_w', 'base_quat_w', 'base_lin_vel_b', 'base_ang_vel_b'),
            rate_hz=50.0,
            max_age_s=0.2,
        ),
        Topic('image', 'sensor_msgs/msg/Image', ('rgb',), 20.0, 0.25),
        Topic('camera_info', 'sensor_msgs/msg/CameraInfo', ('rgb_info',), 20.0, 0.25),
    )


def robot() -> Robot:
    """Build the racing car."""
    return Robot(
        name='racecar',
        urdf='racecar.urdf',
        model='bicycle',
        joint_names=JOINTS,
        parameters={**_body(), **_joints()},
        setpoints={'drive': _drive()},
        sensors=(
            Sensor(
                'scan',
                0.01,
                0.01,
                (0.0, 0.025),
                'noise: f1tenth_gym; offset: our assumption; one turn of 25 ms',
            ),
            Sensor(
                'base_lin_vel_b', 0.05, 0.02, (0.0, 0.02), 'our assumption: VESC, 1 % at 5 m/s'
            ),
            Sensor(
                'base_ang_vel_b',
                0.01,
                0.005,
                (0.0, 0.02),
                'our assumption; f1tenth_system computes it from servo command and speed',
            ),
        ),
        topics=_topics(),
        cameras=(_camera(),),
        rest={
            'base_pos_w': (0.0, 0.0, 0.0),
            'base_quat_w': (1.0, 0.0, 0.0, 0.0),
            'base_lin_vel_b': (0.0, 0.0, 0.0),
            'base_ang_vel_b': (0.0, 0.0, 0.0),
        },
        touching=WHEELS,
        lidar=Lidar(
            beams=1080,
            angle_min=-0.75 * math.pi,
            angle_increment=1.5 * math.pi / 1079,
            range_min=0.06,
            range_max=10.0,
            position=(LIDAR_X, 0.0, LIDAR_Z),
            source='Hokuyo UST-10LX: 270 degrees, 0.06 to 10 m, 40 Hz, 1081 steps of 0.25 '
            'degrees; 1080 as in f1tenth_gym',
        ),
        # ackermann_mux of f1tenth_system drops a source after 0.2 s; its VESC driver has no
        # timeout.
        command_timeout_s=0.2,
        limits=Limits(tilt=math.radians(30.0)),
    )

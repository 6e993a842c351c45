"""Bitcraze Crazyflie 2.1: a 27 g quadrotor.

Sources of the numbers, named again beside each:
- datasheet: Bitcraze, "Crazyflie 2.1 datasheet" (mass, size).
- firmware: Bitcraze, crazyflie-firmware, platform_defaults_cf2.h and
  power_distribution_quadrotor.c, as of 2024.
- Foerster: J. Foerster, "System Identification of the Crazyflie 2.0 Nano Quadrocopter",
  ETH Zurich, 2015.
- Luis: C. Luis, J. Le Ny, "Design of a Trajectory Tracking Controller for a Nanoquadcopter",
  arXiv 1608.05786, 2016.
- Eschmann: J. Eschmann, D. Albani, G. Loianno, "Learning to Fly in Seconds", arXiv 2311.13081,
  2023, and the parameters of its published code.

They come from several machines and years, and some disagree: the torque coefficient of Luis is
four times that of Foerster, which the firmware uses. Randomization is there for that.
"""

from __future__ import annotations

from dataclasses import replace
import math

from robot_rl.spec.camera import Camera
from robot_rl.spec.robot import GRAVITY, Limits, Parameter, Robot, Sensor, Setpoint, Topic
from robot_rl.spec.stage import Stage

MASS = 0.027  # [kg] datasheet; CF_MASS in the firmware is 0.029
ARM = 0.0325  # [m] x and y of a motor: 46 mm from the centre along the diagonal (firmware)
RPM = 2.0 * math.pi / 60.0  # [rad/s]
THRUST = 3.16e-10 / RPM**2  # [N/(rad/s)^2] Eschmann; 3.1582e-10 N/rpm^2 in Luis
MAX_ROTOR_SPEED = 21702.0 * RPM  # [rad/s] Eschmann: four rotors lift 2.25 times the weight
HOVER_ROTOR_SPEED = math.sqrt(MASS * GRAVITY / (4.0 * THRUST))
MAX_THRUST = 4.0 * THRUST * MAX_ROTOR_SPEED**2  # [N]

# Numbering and spin as in the firmware: M1 front right, M2 back right, M3 back left, M4 front
# left. M1 and M3 turn counter-clockwise seen from above, so their drag turns the body clockwise.
ROTORS = ('m1_joint', 'm2_joint', 'm3_joint', 'm4_joint')
ROTOR_X = (ARM, -ARM, -ARM, ARM)
ROTOR_Y = (-ARM, -ARM, ARM, ARM)
ROTOR_SPIN = (-1.0, 1.0, -1.0, 1.0)

# The firmware's gains are in 1/65535 of a rotor's largest thrust, 0.1125 N, per degree. It halves
# roll and pitch when it mixes them, but not yaw.
PER_DEGREE = 0.1125 / 65535.0 * 180.0 / math.pi  # [N/rad]


def _motors() -> Setpoint:
    """Four rotor speeds: end-to-end control as in Eschmann."""
    return Setpoint(
        name='motors',
        fields=ROTORS,
        units=('rad/s',) * 4,
        low=(0.0,) * 4,
        high=(MAX_ROTOR_SPEED,) * 4,
        slew=(math.inf,) * 4,
        neutral=(HOVER_ROTOR_SPEED,) * 4,
        safe=(
            Stage('descend', (0.95 * HOVER_ROTOR_SPEED,) * 4, 1.0),
            Stage('motors off', (0.0,) * 4, math.inf),
        ),
        topic='rotor_command',
        message='sensor_msgs/msg/JointState',
        physics_dt=0.01,
    )


def _rates() -> Setpoint:
    """Collective thrust and body rates: what PX4, MAVROS and Crazyswarm2 accept."""
    return Setpoint(
        name='rates',
        fields=('thrust', 'roll_rate', 'pitch_rate', 'yaw_rate'),
        units=('N', 'rad/s', 'rad/s', 'rad/s'),
        low=(0.0, -10.0, -10.0, -4.0),
        high=(MAX_THRUST, 10.0, 10.0, 4.0),
        slew=(math.inf,) * 4,
        neutral=(MASS * GRAVITY, 0.0, 0.0, 0.0),
        safe=(
            Stage('descend', (0.9 * MASS * GRAVITY, 0.0, 0.0, 0.0), 1.0),
            Stage('motors off', (0.0, 0.0, 0.0, 0.0), math.inf),
        ),
        topic='rate_command',
        message='geometry_msgs/msg/TwistStamped',
        physics_dt=0.002,  # the firmware's rate loop runs at 500 Hz
    )


def _body() -> dict[str, Parameter]:
    """Mass, aerodynamics and rotors."""
    return {
        'mass': Parameter((MASS,), 'kg', 'datasheet'),
        'inertia': Parameter(
            (16.571710e-6, 16.655602e-6, 29.261652e-6), 'kg m^2', 'Foerster, chapter 2, diagonal'
        ),
        'thrust_coefficient': Parameter((THRUST,) * 4, 'N s^2/rad^2', 'Luis; Eschmann'),
        'torque_coefficient': Parameter(
            (0.005964552,), 'm', 'Foerster; THRUST2TORQUE in the firmware'
        ),
        'rotor_time_constant': Parameter(
            (0.1,), 's', 'between 0.06 s (Bitcraze: full speed in 180 ms) and 0.15 s (Eschmann)'
        ),
        'drag': Parameter(
            (9.1785e-7, 9.1785e-7, 10.311e-7), 'N s^2/(m rad)', 'Foerster, diagonal fit'
        ),
        'rotor_x': Parameter(ROTOR_X, 'm', 'firmware', positive=False),
        'rotor_y': Parameter(ROTOR_Y, 'm', 'firmware', positive=False),
        'rotor_spin': Parameter(ROTOR_SPIN, '1', 'firmware', positive=False),
        'external_force_w': Parameter((0.0,) * 3, 'N', 'undisturbed', positive=False),
        'external_torque_b': Parameter((0.0,) * 3, 'N m', 'undisturbed', positive=False),
    }


def _rate_loop() -> dict[str, Parameter]:
    """The firmware's PID loop on body rates, in thrust of one rotor; its axes are x, y, z."""
    half = 0.5 * PER_DEGREE
    limit = math.radians(33.3)
    return {
        'rate_p': Parameter(
            (250.0 * half, 250.0 * half, 120.0 * PER_DEGREE), 'N s/rad', 'firmware, PID_*_RATE_KP'
        ),
        'rate_i': Parameter(
            (500.0 * half, 500.0 * half, 16.7 * PER_DEGREE), 'N/rad', 'firmware, PID_*_RATE_KI'
        ),
        'rate_d': Parameter(
            (2.5 * half, 2.5 * half, 0.0),
            'N s^2/rad',
            'firmware, PID_*_RATE_KD',
            positive=False,
        ),
        'rate_sum_limit': Parameter(
            (limit, limit, math.radians(166.7)), 'rad', 'firmware, PID_*_RATE_INTEGRATION_LIMIT'
        ),
        'mixer_thrust': Parameter(
            (THRUST,), 'N s^2/rad^2', 'the true coefficient: a firmware that is calibrated'
        ),
        'max_rotor_speed': Parameter((MAX_ROTOR_SPEED,), 'rad/s', 'Eschmann'),
    }


def _camera() -> Camera:
    """A camera that looks ahead, with the field of view of the AI-deck's."""
    lens = Camera.pinhole('front', 160, 120, math.radians(87.0))
    return replace(
        lens,
        position=(0.03, 0.0, 0.005),
        position_std=0.005,
        rotation_std=0.03,
        rate_hz=25.0,
        latency_s=(0.02, 0.06),
        gain_std=0.2,
        tint_std=0.05,
        shot=0.3,
        read_std=3.0,
        source='field of view: Bitcraze, AI-deck; the rest are our assumptions',
    )


def robot() -> Robot:
    """Build the Crazyflie 2.1."""
    return Robot(
        name='crazyflie',
        urdf='crazyflie.urdf',
        model='quadrotor',
        joint_names=ROTORS,
        parameters={**_body(), **_rate_loop()},
        setpoints={'motors': _motors(), 'rates': _rates()},
        sensors=(
            Sensor('base_pos_w', 0.001, 0.0, (0.0, 0.010), 'Eschmann; latency of a radio link'),
            Sensor('base_quat_w', 0.0005, 0.001, (0.0, 0.010), 'Eschmann: 0.001 on the matrix'),
            Sensor('base_lin_vel_b', 0.002, 0.0, (0.0, 0.010), 'Eschmann'),
            Sensor('base_ang_vel_b', 0.002, 0.002, (0.0, 0.010), 'Eschmann; BMI088 offset'),
        ),
        topics=(
            Topic(
                'odom',
                'nav_msgs/msg/Odometry',
                ('base_pos_w', 'base_quat_w', 'base_lin_vel_b', 'base_ang_vel_b'),
                rate_hz=100.0,
                max_age_s=0.05,
            ),
            Topic(
                'goal',
                'trajectory_msgs/msg/MultiDOFJointTrajectory',
                ('goal_pos_w', 'goal_lin_vel_w', 'goal_lin_acc_w'),
                rate_hz=0.0,
                max_age_s=math.inf,
            ),
            Topic('image', 'sensor_msgs/msg/Image', ('rgb',), 25.0, 0.2),
            Topic('camera_info', 'sensor_msgs/msg/CameraInfo', ('rgb_info',), 25.0, 0.2),
        ),
        cameras=(_camera(),),
        rest={
            'base_pos_w': (0.0, 0.0, 1.0),
            'base_quat_w': (1.0, 0.0, 0.0, 0.0),
            'base_lin_vel_b': (0.0, 0.0, 0.0),
            'base_ang_vel_b': (0.0, 0.0, 0.0),
            'rotor_speed': (HOVER_ROTOR_SPEED,) * 4,  # a flight starts in the air
        },
        # crazyflie-firmware, commander.h, COMMANDER_WDT_TIMEOUT_STABILIZE: it levels out after
        # 500 ms and cuts the motors at 2000 ms; rotor speeds cannot be levelled.
        command_timeout_s=0.5,
        limits=Limits(
            tilt=math.radians(85.0),
            fence_low=(-3.0, -3.0, -0.1),
            fence_high=(3.0, 3.0, 3.0),
        ),
    )

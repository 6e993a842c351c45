"""Unitree Go2: a quadruped of 15 kg with twelve joints.

Sources of the numbers, named again beside each:
- description: Unitree, go2_description (unitree_ros on GitHub), 2025; what urdf/go2.urdf follows.
- legged_gym: N. Rudin et al., "Learning to Walk in Minutes Using Massively Parallel Deep
  Reinforcement Learning", arXiv 2109.11978, 2022, and its published code.
- playground: K. Zakka et al., "MuJoCo Playground", arXiv 2502.08844, 2025 (its Go1 joystick task).
- parkour: Z. Zhuang et al., "Robot Parkour Learning", arXiv 2309.05665, 2023, and its code.
"""

from __future__ import annotations

import math

from robot_rl.spec.drive import JointDrive, positions
from robot_rl.spec.robot import Limits, Parameter, Robot, Sensor, Setpoint, Topic
from robot_rl.spec.stage import HOLD, Stage

LEGS = ('FL', 'FR', 'RL', 'RR')
JOINTS = tuple(f'{leg}_{part}_joint' for leg in LEGS for part in ('hip', 'thigh', 'calf'))
LOW = (-1.0472, -1.5708, -2.7227) * 2 + (-1.0472, -0.5236, -2.7227) * 2  # [rad] description
HIGH = (1.0472, 3.4907, -0.83776) * 2 + (1.0472, 4.5379, -0.83776) * 2
EFFORT = (23.7, 23.7, 45.43) * 4  # [N m] description
SPEED = (30.1, 30.1, 15.7) * 4  # [rad/s] description
# [rad] feet a little wider than the hips, and legs that can still stretch by a quarter: pushed
# sideways, a robot that stands at 0.29 m falls five times as often.
STANDING = (0.15, 1.11, -1.98, -0.15, 1.11, -1.98) * 2
STANDING_HEIGHT = 0.24  # [m] of base_link, joints as above and feet on the ground
# [rad] what the drives must be asked for to stand like that: they yield under the weight.
STANDING_TARGET = (0.03, 1.1, -1.84, -0.03, 1.1, -1.84) * 2
LYING = (0.0, 1.36, -2.65) * 4  # [rad] folded, the trunk on the ground between the feet
# Inertia of a rotor about its axis (description), seen through gears of 6.33 and, for the calf,
# through its linkage of 45.43 / 23.7 too.
ROTOR = 1.11842e-4 * 6.33**2  # [kg m^2]
ARMATURE = (ROTOR, ROTOR, ROTOR * (45.43 / 23.7) ** 2) * 4


def _positions() -> Setpoint:
    """Joint positions that the drives' own PD loops pull towards."""
    return Setpoint(
        name='positions',
        fields=JOINTS,
        units=('rad',) * 12,
        low=LOW,
        high=HIGH,
        slew=(100.0,) * 12,  # 2 rad a period at 50 Hz: a wild policy's jump, no gait's
        neutral=STANDING_TARGET,
        safe=(Stage('damp', (HOLD,) * 12, math.inf, stiffness=0.0),),
        start=(
            Stage('fold', LYING, 1.0, ramp=True),
            Stage('stand up', STANDING_TARGET, 1.5, ramp=True),
        ),
        stop=(
            Stage('stand', STANDING_TARGET, 0.5, ramp=True),
            Stage('sit', LYING, 2.0, ramp=True),
            Stage('damp', (HOLD,) * 12, math.inf, stiffness=0.0),
        ),
        topic='lowcmd',
        message='unitree_go/msg/LowCmd',
        fallback='std_msgs/msg/Float64MultiArray',  # with gains: to damp takes them
        gains=True,
        physics_dt=0.005,
        drive=JointDrive(positions(12)),
    )


def _parameters() -> dict[str, Parameter]:
    """Drives, contacts and loads, and the lengths of the legs."""
    return {
        'joint_stiffness': Parameter(
            (40.0,) * 12, 'N m/rad', '20 in legged_gym, 35 in playground'
        ),
        'joint_damping': Parameter((1.0,) * 12, 'N m s/rad', '0.5 in legged_gym and playground'),
        'joint_effort_limit': Parameter(EFFORT, 'N m', 'description'),
        'joint_velocity_limit': Parameter(SPEED, 'rad/s', 'description'),
        'joint_armature': Parameter(ARMATURE, 'kg m^2', 'description, rotors; gears 6.33'),
        'joint_friction': Parameter((0.2,) * 12, 'N m', 'description, const.xacro'),
        'command_delay': Parameter(
            (0.005,), 's', 'parkour: 5 to 45 ms from state to motion', False
        ),
        'friction': Parameter((0.8,), '1', 'rubber on dry concrete'),
        'link_mass_scale': Parameter((1.0,), '1', 'as the description has it'),
        'payload': Parameter((0.0,), 'kg', 'unladen', positive=False),
        'com_offset': Parameter((0.0,) * 3, 'm', 'as the description has it', positive=False),
        'hip_x': Parameter((0.1934, 0.1934, -0.1934, -0.1934), 'm', 'description', positive=False),
        'hip_y': Parameter((0.0465, -0.0465, 0.0465, -0.0465), 'm', 'description', positive=False),
        'leg_lengths': Parameter((0.0955, 0.213, 0.213), 'm', 'description: hip, thigh, calf'),
        'foot_radius': Parameter((0.022,), 'm', 'description'),
    }


def robot() -> Robot:
    """Build the Go2."""
    return Robot(
        name='go2',
        urdf='go2.urdf',
        model='',
        joint_names=JOINTS,
        parameters=_parameters(),
        setpoints={'positions': _positions()},
        sensors=(
            Sensor('base_quat_w', 0.01, 0.01, (0.0, 0.02), 'playground: 0.05 on gravity, uniform'),
            Sensor('base_ang_vel_b', 0.1, 0.02, (0.0, 0.02), 'playground: 0.2, uniform'),
            Sensor('joint_pos', 0.01, 0.02, (0.0, 0.02), 'playground: 0.03, uniform; zero offset'),
            Sensor('joint_vel', 0.5, 0.0, (0.0, 0.02), 'playground: 1.5, uniform'),
        ),
        topics=(
            Topic(
                'imu',
                'sensor_msgs/msg/Imu',
                ('base_quat_w', 'base_ang_vel_b'),
                rate_hz=200.0,
                max_age_s=0.05,
            ),
            Topic(
                'joint_states',
                'sensor_msgs/msg/JointState',
                ('joint_pos', 'joint_vel', 'joint_effort'),
                rate_hz=200.0,
                max_age_s=0.05,
            ),
            Topic(
                'cmd_vel',
                'geometry_msgs/msg/Twist',
                ('goal_lin_vel_b', 'goal_ang_vel_b'),
                rate_hz=0.0,
                max_age_s=0.5,  # cmd_vel_timeout of ros2_controllers
                silence_stops=True,
            ),
        ),
        rest={
            'base_pos_w': (0.0, 0.0, STANDING_HEIGHT),
            'base_quat_w': (1.0, 0.0, 0.0, 0.0),
            'base_lin_vel_b': (0.0, 0.0, 0.0),
            'base_ang_vel_b': (0.0, 0.0, 0.0),
            'joint_pos': STANDING,
            'joint_vel': (0.0,) * 12,
        },
        touching=tuple(f'{leg}_foot' for leg in LEGS),
        limits=Limits(
            tilt=math.radians(60.0),
            joint_speed=tuple(1.2 * speed for speed in SPEED),  # an impact may drive it beyond
            joint_effort=tuple(1.2 * effort for effort in EFFORT),
        ),
    )

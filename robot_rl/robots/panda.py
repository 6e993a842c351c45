"""Franka Emika Panda: an arm of seven joints with a two-finger hand.

Sources of the numbers, named again beside each:
- FCI: Franka Control Interface documentation, "Robot and interface specifications".
- franka_ros: Franka's ROS packages, parameters of the joint impedance example controller.
- datasheet: "Franka Emika Panda, technical specifications"; "Franka Hand, product manual".
- Gaz: C. Gaz, M. Cognetti, A. Oliva, P. Robuffo Giordano, A. De Luca, "Dynamic Identification of
  the Franka Emika Panda Robot ...", IEEE RA-L 4(4), 2019, and its supplement on friction.
- Menagerie: K. Zakka, Y. Tassa et al., MuJoCo Menagerie, franka_emika_panda, 2022.

The arm follows targets as a joint impedance, with its own weight borne by its controller's model,
as over the FCI; nothing about a load in the hand is told to it.
"""

from __future__ import annotations

import math

from robot_rl.spec.cartesian import twists
from robot_rl.spec.chain import Chain, read_chain
from robot_rl.spec.drive import Array, JointDrive, positions
from robot_rl.spec.robot import Limits, Parameter, Robot, Sensor, Setpoint, Topic
from robot_rl.spec.stage import HOLD, Stage

URDF = 'panda.urdf'
BASE, TOOL = 'panda_link0', 'panda_hand_tcp'
ARM = tuple(f'panda_joint{i}' for i in range(1, 8))
FINGERS = ('panda_finger_joint1', 'panda_finger_joint2')

# FCI, constants q_min, q_max, dq_max and tau_max; fingers from the datasheet of the hand.
LOW = (-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973)  # [rad]
HIGH = (2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973)  # [rad]
FASTEST = (2.175,) * 4 + (2.61,) * 3  # [rad/s]
STRONGEST = (87.0,) * 4 + (12.0,) * 3  # [N m]
MARGIN = 0.05  # [rad] setpoints keep off the limits, at which a real arm stops itself: our choice
READY = (0.0, -math.pi / 4, 0.0, -3 * math.pi / 4, 0.0, math.pi / 2, math.pi / 4)  # franka_ros
OPEN = 0.02  # [m] each finger, half open

# Where the tool may be sent by twists: in front of the base and above the table, our choice.
BOX_LOW, BOX_HIGH = (0.2, -0.6, 0.05), (0.8, 0.6, 0.9)  # [m]
TWIST = (0.4,) * 3 + (0.8,) * 3  # [m/s, rad/s] scales of MoveIt Servo's default configuration
# Shoulder and elbow can turn against each other with little more than the inertia of their motors:
# 50 N m s/rad over 0.1 kg m^2 decay within 2 ms, and a step of twice that would not be stable.
PHYSICS_DT = 0.0025  # [s]
CONTACT_DT = 0.002  # [s] at the level that pushes against things: how hard they may be


def _weight(chain: Chain) -> JointDrive:
    """The drive of joint positions; the arm bears its own weight."""

    def bearing(joints: Array) -> Array:
        efforts = 0.0 * joints
        efforts[:, : len(ARM)] = chain.weight(joints[:, : len(ARM)])
        return efforts

    return JointDrive(positions(len(ARM)), bearing=bearing)


def _positions(drive: JointDrive) -> Setpoint:
    """Seven joint positions; the fingers stay as they are."""
    return Setpoint(
        name='positions',
        fields=ARM,
        units=('rad',) * 7,
        low=tuple(low + MARGIN for low in LOW),
        high=tuple(high - MARGIN for high in HIGH),
        slew=FASTEST,
        neutral=READY,
        safe=(Stage('hold', (HOLD,) * 7, math.inf),),
        topic='joint_trajectory',
        message='trajectory_msgs/msg/JointTrajectory',
        physics_dt=PHYSICS_DT,
        drive=drive,
    )


def _cartesian(drive: JointDrive, chain: Chain) -> Setpoint:
    """Twist of the tool in the base's frame, for MoveIt Servo with 'speed_units'."""
    targets = twists(chain, FASTEST, BOX_LOW, BOX_HIGH, MARGIN)
    return Setpoint(
        name='cartesian',
        fields=('linear_x', 'linear_y', 'linear_z', 'angular_x', 'angular_y', 'angular_z'),
        units=('m/s',) * 3 + ('rad/s',) * 3,
        low=tuple(-speed for speed in TWIST),
        high=TWIST,
        slew=(4.0,) * 3 + (8.0,) * 3,  # a third of the FCI's largest accelerations, 13 and 25
        neutral=(0.0,) * 6,
        safe=(Stage('hold', (0.0,) * 6, math.inf),),
        topic='servo_node/delta_twist_cmds',
        message='geometry_msgs/msg/TwistStamped',
        physics_dt=CONTACT_DT,
        drive=JointDrive(targets, bearing=drive.bearing),
    )


def _drives() -> dict[str, Parameter]:
    """Impedance, motors and friction of each joint, in URDF order."""
    friction = (0.54615, 0.87224, 0.64068, 1.2794, 0.83904, 0.30301, 0.56489)
    return {
        'joint_stiffness': Parameter(
            (600.0, 600.0, 600.0, 600.0, 250.0, 150.0, 50.0, 400.0, 400.0),
            'N m/rad',
            'franka_ros, k_gains; fingers: our choice [N/m]',
        ),
        'joint_damping': Parameter(
            (50.0, 50.0, 50.0, 20.0, 20.0, 20.0, 10.0, 13.0, 13.0),
            'N m s/rad',
            'franka_ros, d_gains; fingers: critical with the armature',
        ),
        'joint_effort_limit': Parameter((*STRONGEST, 70.0, 70.0), 'N m', 'FCI; datasheet'),
        'joint_velocity_limit': Parameter(
            # The FCI stops an arm at dq_max; the motors themselves could do more.
            tuple(1.5 * speed for speed in (*FASTEST, 0.05, 0.05)),
            'rad/s',
            'FCI, dq_max, and half as much again: our assumption about the motors',
        ),
        'joint_armature': Parameter(
            (0.1,) * 9,
            'kg m^2',
            'Menagerie; Gaz identifies the links only, the FCI compensates most of the rotors',
        ),
        'joint_friction': Parameter(
            # phi_1 is the span from full speed one way to full speed the other way.
            (*(0.5 * span for span in friction), 1.0, 1.0),
            'N m',
            'Gaz, half of phi_1; fingers: our assumption [N]',
            positive=False,
        ),
        'command_delay': Parameter((0.003,), 's', 'FCI: 1 kHz, and a ROS 2 message'),
    }


def _loads() -> dict[str, Parameter]:
    """What the arm's own model does not know of."""
    return {
        'link_mass_scale': Parameter((1.0,), '1', 'the URDF as it is'),
        'payload': Parameter((0.0,), 'kg', 'nothing in the hand', positive=False),
        'external_force_w': Parameter((0.0,) * 3, 'N', 'undisturbed', positive=False),
    }


def robot() -> Robot:
    """Build the Panda."""
    chain = read_chain(URDF, BASE, TOOL)
    drive = _weight(chain)
    return Robot(
        name='panda',
        urdf=URDF,
        model='',
        joint_names=(*ARM, *FINGERS),
        parameters={**_drives(), **_loads()},
        setpoints={'positions': _positions(drive), 'cartesian': _cartesian(drive, chain)},
        sensors=(
            Sensor(
                'joint_pos',
                1e-4,
                1e-3,
                (0.001, 0.010),
                'noise: repeatability of 0.1 mm at a reach of 0.855 m (datasheet); offset: our '
                'assumption about calibration; latency: FCI at 1 kHz and a ROS 2 message',
            ),
            Sensor('joint_vel', 0.01, 0.0, (0.001, 0.010), 'our assumption: encoders at 1 kHz'),
        ),
        topics=(
            Topic(
                'joint_states',
                'sensor_msgs/msg/JointState',
                ('joint_pos', 'joint_vel'),
                rate_hz=100.0,
                max_age_s=0.05,
            ),
            Topic(
                'goal',
                'geometry_msgs/msg/PoseStamped',
                ('goal_pos_w', 'goal_quat_w'),
                rate_hz=0.0,
                max_age_s=math.inf,
            ),
        ),
        limits=Limits(joint_speed=(*FASTEST, math.inf, math.inf)),
        fixed_base=True,
        rest={
            'joint_pos': (*READY, OPEN, OPEN),
            'joint_vel': (0.0,) * 9,
        },
        base_frame=BASE,
        tool_frame=TOOL,
        world_frame=BASE,
    )

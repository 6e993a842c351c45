"""Walk: follow a velocity command on four legs, over ground the robot cannot see."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
import itertools
import math

import torch

from robot_rl.mdp import gait, observations, rewards, terminations, terrain
from robot_rl.mdp.commands import VelocityCommand
from robot_rl.mdp.legs import Legs
from robot_rl.mdp.memory import Clock, History, LowPass, Memory
from robot_rl.mdp.mirror import Mirror, joined, signs, swapped
from robot_rl.mdp.terrain import Ground
from robot_rl.mdp.trot import Trot, swing
from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Reward, Signals, Step, Task, Termination

ROBOTS = ('go2',)

CONTROL_DT = 0.02  # [s]
EPISODE_LENGTH = 20.0  # [s]
STEP_RATE = 4.0  # [Hz] of the trot; a foot swings for half of it
QUICKER = 1.0  # [s/m] the share by which the trot quickens for each m/s it is off its velocity,
LEEWAY = 0.1  # [m/s] beyond this much,
QUICKEST = 1.5  # and up to this many times its rate
STEP_HEIGHT = 0.13  # [m] of a swinging foot
LONGER = (1.5, 1.5, 1.2)  # strides along x, along y and turning: drives that yield cut them short
FOLLOW = 0.75  # of the velocity that is not asked for, which the stride goes along with
BODY_HEIGHT = 0.24  # [m]
SCALE = (0.12,) * 8 + (0.08,) * 4 + (1.0, 0.8, 0.8)  # [m] of each foot; [m/s, rad/s] of the stride
SPAWN = 0.5  # [m] off the middle of a tile along x and y
AHEAD, ASIDE = (-0.5, -0.25, 0.0, 0.25, 0.5), (-0.25, 0.0, 0.25)  # [m] where the critic looks
SIDES = (1, 0, 3, 2)  # legs with left and right exchanged
WALKING = 0.1  # [m/s, rad/s] slower commands mean to stand
PUSHED = 0.35  # [m/s] faster than this, standing feet would trip the body; no trot on the spot is
SIGNALS = (
    'base_quat_w',
    'base_ang_vel_b',
    'joint_pos',
    'joint_vel',
    'goal_lin_vel_b',
    'goal_ang_vel_b',
)
TRAINING = {
    'iterations': 1200,
    'learning_rate': 1e-3,
    'final_learning_rate': 2e-4,
    'num_envs': 384,
    'num_steps': 24,
    'gamma': 0.99,
    'initial_std': 0.2,
    'entropy': 0.0005,
    'hidden': (256, 128),
    'epochs': 5,
    'reward_scale': 0.05,
    'episode_length_s': 10.0,
    'interval_scale': 0.5,
    'interval_spread': 1.5,
}
MEMORY = Memory(
    {
        'clock': Clock('pace', STEP_RATE),
        'pace': LowPass('pace', 1, 0.03),
        'actions': History('action', 15, 2),
        'posture': History('posture', 12, 1),
        'odometry': LowPass('odometry', 3, 0.08),
    },
    CONTROL_DT,
)


def command(signals: Signals) -> torch.Tensor:
    """Velocity asked for: forwards, to the left [m/s], turning [rad/s]."""
    return observations.concat(
        (signals['goal_lin_vel_b'][:, 0:2], signals['goal_ang_vel_b'][:, 2:3])
    )


def trot_pace(signals: Signals, velocity: torch.Tensor, filtered: torch.Tensor) -> torch.Tensor:
    """How many times as fast as STEP_RATE to trot; 0 where the robot can stand: (n, 1).

    By the odometry, as it is and `filtered`. A body that was pushed tips by exp(time / 0.17 s)
    before the next foot is there to catch it: quick steps count for more than long ones (M. Khadiv
    et al., "Step Timing Adjustment", Humanoids 2016).
    """
    asked = command(signals)
    moving = observations.norm(velocity[:, 0:2]) > PUSHED
    walking = ((observations.norm(asked) > WALKING) | moving).float()
    off = observations.norm(filtered[:, 0:2] - asked[:, 0:2])
    quicker = 1.0 + (QUICKER * (off - LEEWAY)).clamp(0.0, QUICKEST - 1.0)
    return (walking * quicker).unsqueeze(1)


def act(
    robot: Robot, trot: Trot, action: torch.Tensor, signals: Signals, memory: torch.Tensor
) -> torch.Tensor:
    """The trot as the policy corrects it, within the limits [rad].

    The first twelve actions shift the feet, the last three the velocity that the stride is for.
    """
    setpoint = robot.setpoint('positions')
    scale, low, high = (
        torch.tensor(row, device=action.device) for row in (SCALE, setpoint.low, setpoint.high)
    )
    change = scale * action.clamp(-1.0, 1.0)
    velocity = followed(signals, MEMORY(memory, 'odometry'), LONGER) + change[:, 12:15]
    clock, pace = MEMORY(memory, 'clock'), MEMORY(memory, 'pace')
    wanted = trot.targets(velocity, clock, pace, signals, change[:, 0:12])
    return torch.minimum(torch.maximum(wanted, low), high)


def followed(
    signals: Signals, velocity: torch.Tensor, longer: tuple[float, ...] = (1.0, 1.0, 1.0)
) -> torch.Tensor:
    """Velocity that the stride is for: between the one asked for and the body's own, (n, 3).

    Feet that keep up with a body that was pushed catch it (M. Raibert, "Legged Robots That
    Balance", 1986); feet that keep to what is asked trip it. `longer` stretches what is asked.
    """
    asked = command(signals)
    excess = FOLLOW * (velocity[:, 0:2] - asked[:, 0:2])
    stretched = torch.tensor(longer, device=asked.device) * asked
    return observations.concat((stretched[:, 0:2] + excess, stretched[:, 2:3]))


def places(trot: Trot, step: Step) -> torch.Tensor:
    """Where the feet should be in the body frame by its true velocity, x and y: (n, 8) [m]."""
    velocity = followed(step.signals, step.signals['base_lin_vel_b'])
    clock, pace = MEMORY(step.memory, 'clock'), MEMORY(step.memory, 'pace')
    return trot.footholds(velocity, clock, pace)[:, 0:8]


def observe(robot: Robot, trot: Trot, signals: Signals, memory: torch.Tensor) -> torch.Tensor:
    """What the robot feels, what it is asked, its clock, its last actions and joints."""
    clock = MEMORY(memory, 'clock')
    angle = 2.0 * math.pi * clock
    posture = signals['joint_pos'] - torch.tensor(robot.rest['joint_pos'], device=memory.device)
    matrix = observations.rotation_matrix(signals['base_quat_w'])
    return observations.concat(
        (
            matrix[:, 6:9],  # 3: where up is
            0.25 * signals['base_ang_vel_b'],  # 3
            command(signals),  # 3
            posture,  # 12
            0.05 * signals['joint_vel'],  # 12
            MEMORY(memory, 'actions'),  # 30
            10.0 * (posture - MEMORY(memory, 'posture')),  # 12
            angle.sin(),
            angle.cos(),
            MEMORY(memory, 'pace'),
            trot.odometry(signals, clock),  # 3
            MEMORY(memory, 'odometry'),  # 3
        )
    )


def remember(
    robot: Robot, trot: Trot, memory: torch.Tensor, signals: Signals, action: torch.Tensor
) -> torch.Tensor:
    """Turn the clock while walking; keep action and joints; filter the odometry."""
    odometry = trot.odometry(signals, MEMORY(memory, 'clock'))
    return MEMORY.update(
        memory,
        {
            'pace': trot_pace(signals, odometry, MEMORY(memory, 'odometry')),
            'action': action.clamp(-1.0, 1.0),
            'posture': signals['joint_pos']
            - torch.tensor(robot.rest['joint_pos'], device=memory.device),
            'odometry': odometry,
        },
    )


def privileged(robot: Robot, trot: Trot, signals: Signals, memory: torch.Tensor) -> torch.Tensor:
    """What the critic sees: the truth, the velocity and the ground among it."""
    return observations.concat(
        (
            observe(robot, trot, signals, memory),
            signals['base_lin_vel_b'],
            signals['touch'],
            10.0 * signals['foot_height'],
            10.0 * (signals['base_height'] - BODY_HEIGHT),
            0.05 * signals['joint_effort'],
            5.0 * (signals['ground'] + BODY_HEIGHT),
        )
    )


def mirror() -> dict[str, Mirror]:
    """Left and right exchanged; the clock is half a turn on, where the other feet swing."""
    forwards, turning = signs(1.0, -1.0, 1.0), signs(-1.0, 1.0, -1.0)
    asked = signs(1.0, -1.0, -1.0)
    joints = swapped(SIDES, (-1.0, 1.0, 1.0))
    feet = (swapped(SIDES), swapped(SIDES, (-1.0,)), swapped(SIDES))
    action = joined(*feet, asked)
    actor = joined(
        *(forwards, turning, asked, joints, joints, action, action, joints),
        *(signs(-1.0, -1.0, 1.0), forwards, forwards),
    )
    across = swapped(range(len(ASIDE))[::-1])
    critic = joined(
        *(actor, forwards, swapped(SIDES), swapped(SIDES), signs(1.0), joints),
        *(across,) * len(AHEAD),
    )
    return {'actor': actor, 'critic': critic, 'action': action}


def perceive(
    robot: Robot, legs: Legs, ground: Ground, signals: Signals, _drawn: Signals
) -> dict[str, torch.Tensor]:
    """Heights of base and soles over the ground, and the ground about the robot [m]."""
    base, matrix = signals['base_pos_w'], observations.rotation_matrix(signals['base_quat_w'])
    position, _ = legs.feet(signals['joint_pos'], signals['joint_vel'])
    x, y, z = position.split(4, 1)
    x, y, z = (
        base[:, i : i + 1]
        + matrix[:, 3 * i : 3 * i + 1] * x
        + matrix[:, 3 * i + 1 : 3 * i + 2] * y
        + matrix[:, 3 * i + 2 : 3 * i + 3] * z
        for i in range(3)
    )
    heading = observations.norm(matrix[:, 0:4:3]).clamp(min=1e-3).unsqueeze(1)
    cosine, sine = matrix[:, 0:1] / heading, matrix[:, 3:4] / heading
    ahead, aside = (
        torch.tensor(values, device=base.device)
        for values in zip(*itertools.product(AHEAD, ASIDE), strict=True)
    )
    around = ground.height(
        base[:, 0:1] + cosine * ahead - sine * aside, base[:, 1:2] + sine * ahead + cosine * aside
    )
    radius = robot.parameters['foot_radius'].nominal[0]
    return {
        'foot_height': z - ground.height(x, y) - radius,
        'base_height': base[:, 2:3] - ground.height(base[:, 0:1], base[:, 1:2]),
        'ground': around - base[:, 2:3],
    }


def initial_state(
    robot: Robot,
    legs: Legs,
    ground: Ground,
    given: Mapping[str, torch.Tensor],
    num: int,
    generator: torch.Generator,
    device: torch.device,
) -> dict[str, torch.Tensor]:
    """Standing about the middle of a tile as hard as `given` says, of any kind, facing anywhere.

    Joints off by up to 0.2 rad, moving at up to 0.5 m/s and turning at up to 0.5 rad/s, and the
    lowest foot on the ground: one that starts below it may stay caught there.
    """
    u = 2.0 * torch.rand(num, 22, generator=generator, device=device) - 1.0
    yaw = 0.5 * math.pi * u[:, 0:1]
    zero = torch.zeros_like(yaw)
    rest = {name: torch.tensor(value, device=device) for name, value in robot.rest.items()}
    kind = (0.5 * (u[:, 19:20] + 1.0) * len(terrain.KINDS)).floor()
    roughness = given.get('roughness', zero)
    level = (roughness * terrain.LEVELS).floor().clamp(max=terrain.LEVELS - 1.0)
    place = terrain.centre(kind, level) + SPAWN * u[:, 20:22]
    joints = rest['joint_pos'] + 0.2 * u[:, 7:19]
    x, y, z = legs.feet(joints, torch.zeros_like(joints))[0].split(4, 1)
    cosine, sine = (2.0 * yaw).cos(), (2.0 * yaw).sin()
    below = ground.height(
        place[:, 0:1] + cosine * x - sine * y, place[:, 1:2] + sine * x + cosine * y
    )
    radius = robot.parameters['foot_radius'].nominal[0]
    height = (below - z).amax(1, keepdim=True) + radius
    return {
        'base_pos_w': torch.cat((place, height), dim=1),
        'base_quat_w': torch.cat((yaw.cos(), zero, zero, yaw.sin()), dim=1),
        'base_lin_vel_b': 0.5 * u[:, 1:4] * torch.tensor([1.0, 1.0, 0.2], device=device),
        'base_ang_vel_b': 0.5 * u[:, 4:7],
        'joint_pos': joints,
        'joint_vel': rest['joint_vel'].repeat(num, 1),
    }


def reward_terms(robot: Robot, trot: Trot) -> tuple[Reward, ...]:
    """Keep the velocity asked for; trot as the clock says; be level, smooth and thrifty."""
    rest = robot.rest['joint_pos']

    def lift(step: Step) -> torch.Tensor:
        return STEP_HEIGHT * swing(MEMORY(step.memory, 'clock'))

    return (
        Reward('alive', rewards.alive, 2.0),
        Reward('track_lin_vel', gait.track_lin_vel_exp(0.35), 3.0),
        Reward('track_ang_vel', gait.track_ang_vel_exp(0.5), 1.5),
        Reward('bounce', gait.bounce_l2, -1.5),
        Reward('wobble', gait.wobble_l2, -0.1),
        Reward('level', rewards.tilt_l2, -2.0),
        Reward('base_height', gait.base_height_l2(BODY_HEIGHT), -20.0),
        Reward('effort', gait.effort_l2, -2e-4),
        Reward('power', gait.power, -5e-4),
        Reward('action_rate', rewards.action_rate_l2, -0.05),
        Reward('posture', gait.posture_l2(rest, (0.3, 0.05, 0.05) * 4), -1.0),
        Reward(
            'foot_lift',
            gait.foot_lift_exp(lift, 0.06),
            0.5,
        ),
        Reward('foot_place', gait.foot_place_exp(trot.legs, partial(places, trot), 0.15), 0.5),
        Reward('slip', gait.slip_l2(trot.legs), -0.15),
        Reward('contact', gait.contact, -0.5),
    )


def task(robot: Robot) -> Task:
    """Build the walk task."""
    trot = Trot(robot, rate=STEP_RATE, height=STEP_HEIGHT, lead=0.08, level=0.9, foresee=0.04)
    field = terrain.field()
    ground = Ground(field)
    return Task(
        name='walk',
        robot=robot,
        level='positions',
        signal_names=SIGNALS,
        action_size=len(SCALE),
        memory_size=MEMORY.size,
        observe=partial(observe, robot, trot),
        privileged=partial(privileged, robot, trot),
        act=partial(act, robot, trot),
        remember=partial(remember, robot, trot),
        commands=VelocityCommand(
            max_lin_vel=(1.0, 1.0),
            max_ang_vel=1.0,
            standing=0.15,
            period_s=5.0,
            episode_length_s=EPISODE_LENGTH,
            control_dt=CONTROL_DT,
        ),
        initial_state=partial(initial_state, robot, trot.legs, ground),
        rewards=reward_terms(robot, trot),
        terminations=(
            Termination('tilted', terminations.tilted(robot.limits.tilt)),
            Termination('fallen', lambda step: step.signals['base_height'][:, 0] < 0.13),
        ),
        error=gait.velocity_error(0.75),
        error_unit='m/s',
        success_error=0.3,
        control_dt=CONTROL_DT,
        episode_length_s=EPISODE_LENGTH,
        perceive=partial(perceive, robot, trot.legs, ground),
        terrain=field,
        mirror=mirror(),
        training=TRAINING,
        curriculum='alp_gmm',
    )

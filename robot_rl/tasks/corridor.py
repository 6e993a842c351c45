"""Corridor: fly through a furnished hallway that nobody has seen, by one camera.

The policy sees the image, the robot's own motion and its height. Its action is a velocity in the
heading frame and a rate of yaw, and for some directions how likely something is in the way there;
a velocity controller inside the policy's graph does not fly where that is likely, and makes
collective thrust and body rates of the rest, which is what an autopilot takes. A teacher that
knows the way shows how it is done (docs/vision.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
import math

import torch

from robot_rl.mdp import flight, images, observations
from robot_rl.mdp.hallways import HEIGHT, Hallways, Ways
from robot_rl.mdp.memory import History, Integral, LowPass, Memory
from robot_rl.mdp.terminations import tilted
from robot_rl.spec.camera import Camera
from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Reward, Signals, Step, Task, Termination

ROBOTS = ('crazyflie',)

CONTROL_DT = 0.04  # [s] a camera of 25 Hz
FAR = 20.0  # [m] that an episode is about
RADIUS = 0.08  # [m] of the robot with its propellers
SPEED = (2.0, 1.0, 2.0)  # [m/s] ahead, [m/s] to the left, [rad/s] of yaw, of the largest action
WAYS = Ways(
    angles=tuple(math.radians(angle) for angle in range(-40, 41, 10)),
    ahead=tuple(0.1 * step for step in range(1, 6)),
    radius=RADIUS + 0.02,
)
"""That a policy foretells whether they are blocked."""
SURE = (0.8, 0.97)
"""Foretold contacts from which on it flies more slowly that way, and not at all: three in ten and
three in four, see learn/distill.RARE."""
CRUISE = 1.65  # [m/s] of the teacher
EAGER = 0.7  # how much more speed it asks for than it lacks: drag differs, and so do masses
OF_SPEED = 0.7  # [s/m] scale in an observation
SHY = (0.25, 1.0)  # [m] from what it keeps away, and [m/s] how fast where it would touch it
AHEAD = (0.7, 1.5)  # [m] along the way where the teacher looks: to fly to, and to face
EYE = Camera.pinhole('eye', 64, 48, math.radians(87.0))
"""What the policy sees of whatever image a robot takes."""
SIGNALS = (
    'base_pos_w',
    'base_quat_w',
    'base_lin_vel_b',
    'base_ang_vel_b',
    'rgb',
    'rgb_info',
)
LATER = 5  # periods between the frames that are remembered: what is passed is out of sight
SMALL = (EYE.height // 2, EYE.width // 2)  # of the grey frames that are
LATELY = 4.0  # [s] of which the turning is remembered: a hallway looks alike both ways
MEMORY = Memory(
    {
        'frames': History('frame', SMALL[0] * SMALL[1], 2 * LATER),
        'sent': History('action', 3, 1),
        'low': Integral('below', 1, 1.0, 0.5),
        'turning': LowPass('yaw_rate', 1, LATELY),
    },
    CONTROL_DT,
)
GAINS = flight.Gains(across=2.5, up=4.0, attitude=6.0, most=4.0, turning=0.0)
CLIMB = (1.5, 0.5)  # [1/s] of what it is too low by, and [m/s] at most


def initial_state(
    robot: Robot,
    given: Mapping[str, torch.Tensor],
    num: int,
    _generator: torch.Generator,
    device: torch.device,
) -> dict[str, torch.Tensor]:
    """In the middle of the hallway's beginning, level, slow."""
    left, up, yaw, speed = given['hallway_start'].split(1, 1)
    none = torch.zeros(num, 1, device=device)
    return {
        'base_pos_w': torch.cat((none, left, HEIGHT + up), 1),
        'base_quat_w': torch.cat(((0.5 * yaw).cos(), none, none, (0.5 * yaw).sin()), 1),
        'base_lin_vel_b': torch.cat((speed.abs(), none, none), 1),
        'base_ang_vel_b': torch.zeros(num, 3, device=device),
        'rotor_speed': torch.tensor(robot.rest['rotor_speed'], device=device).repeat(num, 1),
    }


@dataclass(frozen=True)
class Corridor:
    """The functions of the task."""

    robot: Robot

    def observe(self, signals: Signals, memory: torch.Tensor) -> torch.Tensor:
        """Motion, tilt, height, last action; two grey frames of before; the image (h, w, 3).

        Frames are (h / 2, w / 2), all in a row.
        """
        image = images.seen(signals['rgb'], signals['rgb_info'], EYE) - 0.5
        size, frames = SMALL[0] * SMALL[1], MEMORY(memory, 'frames')
        before = (frames[:, :size], frames[:, LATER * size : (LATER + 1) * size])
        return observations.concat((_motion(signals, memory), *before, image.flatten(1)))

    def privileged(self, signals: Signals, memory: torch.Tensor) -> torch.Tensor:
        """Motion, and instead of the image which ways are blocked, and the way ahead."""
        near = (1.0 - signals['arena_clearance'] / SHY[0]).clamp(0.0, 1.0)
        seen = (signals['ways_blocked'], near * signals['way_out'], signals['way_ahead'])
        return observations.concat((_motion(signals, memory), *seen))

    def act(self, action: torch.Tensor, signals: Signals, memory: torch.Tensor) -> torch.Tensor:
        """Thrust and body rates that bring the velocity asked for about."""
        wanted = action[:, :3].clamp(-1.0, 1.0) * torch.tensor(SPEED, device=action.device)
        way = careful(wanted[:, :2], action[:, 3:])
        below = HEIGHT - signals['base_pos_w'][:, 2:3]
        climb = (CLIMB[0] * below).clamp(-CLIMB[1], CLIMB[1])
        wanted = observations.concat((way, climb, wanted[:, 2:3]))
        lift = GAINS.up * MEMORY(memory, 'low')
        return flight.rates(self.robot, wanted, lift, signals, GAINS)

    def remember(
        self, memory: torch.Tensor, signals: Signals, action: torch.Tensor
    ) -> torch.Tensor:
        """Keep the action, a grey image and the turning; add up how far below its height it is."""
        frame = images.grey(images.seen(signals['rgb'], signals['rgb_info'], EYE)) - 0.5
        below = (HEIGHT - signals['base_pos_w'][:, 2:3]).clamp(-0.3, 0.3)
        return MEMORY.update(
            memory,
            {
                'frame': frame,
                'action': action[:, :3].clamp(-1.0, 1.0),
                'below': below,
                'yaw_rate': signals['base_ang_vel_b'][:, 2:3],
            },
        )

    def teacher(self, observation: torch.Tensor) -> torch.Tensor:
        """Fly to the way's nearer point ahead, face the further one, slow down to turn.

        Keep away from what is near, so that who errs learns to come back. What is blocked it
        knows: 1 or -1. `observation` is that of `privileged`.
        """
        shut, out = observation[:, -6 - len(WAYS.angles) : -6], observation[:, -6:-4]
        near, far = observation[:, -4:-2], observation[:, -2:]
        bearing = torch.atan2(far[:, 1:2], far[:, 0:1])
        speed = CRUISE * (1.0 - 0.4 * (bearing.abs() / 0.8).clamp(max=1.0))
        way = speed * near / observations.norm(near).clamp(min=0.3).unsqueeze(1)
        way = way + SHY[1] * out
        way = way + EAGER * (way - observation[:, :2] / OF_SPEED)
        turn = 2.0 * bearing
        scale = torch.tensor(SPEED, device=near.device)
        flown = (observations.concat((way, turn)) / scale).clamp(-1.0, 1.0)
        return observations.concat((flown, 2.0 * shut - 1.0))

    def left(self, step: Step) -> torch.Tensor:
        """[m] to go."""
        return (FAR - step.signals['track_position'][:, 0]).clamp(min=0.0)

    def touched(self, step: Step) -> torch.Tensor:
        """Touches anything, before the end."""
        return (step.signals['arena_clearance'][:, 0] < 0.0) & (self.left(step) > 0.0)


def careful(velocity: torch.Tensor, foretold: torch.Tensor) -> torch.Tensor:
    """Velocities (n, 2) [m/s] ahead and to the left, slower where something is in the way.

    `foretold` (n, k) says of the directions of WAYS that a contact is certain, 1, or impossible,
    -1. Between them it is interpolated; beyond the outermost theirs holds.
    """
    likely = 0.5 * (foretold.clamp(-1.0, 1.0) + 1.0)
    angles = torch.tensor(WAYS.angles, device=velocity.device)
    step = (WAYS.angles[-1] - WAYS.angles[0]) / (len(WAYS.angles) - 1)
    bearing = torch.atan2(velocity[:, 1:2], velocity[:, 0:1].clamp(min=1e-3))
    bearing = bearing.clamp(WAYS.angles[0], WAYS.angles[-1])
    share = (1.0 - (bearing - angles).abs() / step).clamp(min=0.0)
    contact = (share * likely).sum(1, keepdim=True)
    return velocity * ((SURE[1] - contact) / (SURE[1] - SURE[0])).clamp(0.0, 1.0)


def _motion(signals: Signals, memory: torch.Tensor) -> torch.Tensor:
    matrix = observations.rotation_matrix(signals['base_quat_w'])
    return observations.concat(
        (
            OF_SPEED * signals['base_lin_vel_b'],
            0.3 * signals['base_ang_vel_b'],
            2.0 * matrix[:, 6:8],
            2.0 * (signals['base_pos_w'][:, 2:3] - HEIGHT),
            MEMORY(memory, 'sent'),
            0.5 * LATELY * MEMORY(memory, 'turning'),
        )
    )


def flying(robot: Robot) -> Robot:
    """The same robot with a hallway's room to fly in."""
    far = (40.0, 40.0, 3.0)
    limits = replace(robot.limits, fence_low=(-40.0, -40.0, -0.1), fence_high=far)
    return replace(robot, limits=limits)


def task(robot: Robot) -> Task:
    """Build the task."""
    return seen_by(flying(robot))


def seen_by(robot: Robot, drawn_by: str = 'raycast', camera: Camera = EYE) -> Task:
    """The task with images that the renderer `drawn_by` draws for `camera`."""
    corridor = Corridor(robot)
    own = robot.cameras[0]
    if camera is EYE:  # what the policy looks through is otherwise like the robot's own
        lens = {name: getattr(EYE, name) for name in ('width', 'height', 'fx', 'fy', 'cx', 'cy')}
        camera = replace(own, distortion=EYE.distortion, **lens)
    hallways = Hallways(camera, drawn_by, RADIUS, AHEAD, WAYS)
    return Task(
        name='corridor',
        robot=robot,
        level='rates',
        signal_names=SIGNALS,
        action_size=3 + len(WAYS.angles),
        foretold=len(WAYS.angles),
        memory_size=MEMORY.size,
        observe=corridor.observe,
        privileged=corridor.privileged,
        act=corridor.act,
        remember=corridor.remember,
        commands=hallways,
        initial_state=partial(initial_state, robot),
        rewards=(Reward('alive', lambda step: torch.ones(len(step.action)), 1.0),),
        terminations=(
            Termination('touched', corridor.touched),
            Termination('tilted', tilted(math.radians(80.0))),
        ),
        error=corridor.left,
        error_unit='m',
        success_error=0.5,
        control_dt=CONTROL_DT,
        episode_length_s=20.0,
        perceive=hallways.perceive,
        eye=EYE,
        seen_by=partial(seen_by, robot),
        teacher=corridor.teacher,
    )

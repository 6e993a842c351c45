"""Gates: fly through a course of gates by one camera, in a place that nobody has seen.

The policy sees the image, the robot's own motion and its height. Its action is a velocity in the
heading frame and a rate of yaw; a velocity controller inside the policy's graph (mdp/flight.py)
makes collective thrust and body rates of them. What stands around the gates is for the renderer
to say: by default rooms of blocks, or places learned from photographs (docs/vision.md). A teacher
that knows the way shows how it is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
import math

import torch

from robot_rl.mdp import flight, images, observations
from robot_rl.mdp.gates import GATES, Gates
from robot_rl.mdp.memory import History, Integral, Memory
from robot_rl.mdp.terminations import tilted
from robot_rl.spec.camera import Camera
from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Reward, Signals, Step, Task, Termination

ROBOTS = ('crazyflie',)

CONTROL_DT = 0.04  # [s] a camera of 25 Hz
RADIUS = 0.08  # [m] of the robot with its propellers
STRAY = 0.9  # [m] from the way at which a flight is lost
SPEED = (2.0, 1.0, 0.8, 2.0)  # [m/s] ahead, left and up, [rad/s] of yaw, of the largest action
CRUISE = 1.5  # [m/s] of the teacher
AHEAD = (0.5, 1.4)  # [m] along the way where the teacher looks: to fly to, and to face
HEIGHT = 1.2  # [m] that heights are counted from
EYE = Camera.pinhole('eye', 40, 30, math.radians(87.0))
"""What the policy sees of whatever image a robot takes."""
SIGNALS = (
    'base_pos_w',
    'base_quat_w',
    'base_lin_vel_b',
    'base_ang_vel_b',
    'rgb',
    'rgb_info',
)
LATER = 5  # periods between the frames that are remembered: what is near is out of sight
SMALL = (EYE.height // 2, EYE.width // 2)  # of the grey frames that are
MEMORY = Memory(
    {
        'frames': History('frame', SMALL[0] * SMALL[1], 2 * LATER),
        'sent': History('action', 4, 1),
        'lift': Integral('slow', 1, 12.0, 4.0),
    },
    CONTROL_DT,
)


def initial_state(
    robot: Robot,
    given: Mapping[str, torch.Tensor],
    num: int,
    _generator: torch.Generator,
    device: torch.device,
) -> dict[str, torch.Tensor]:
    """Before the first gate, level, slow."""
    start = given['course_start']
    yaw, speed, none = start[:, 3:4], start[:, 4:5], torch.zeros(num, 1, device=device)
    return {
        'base_pos_w': start[:, :3],
        'base_quat_w': torch.cat(((0.5 * yaw).cos(), none, none, (0.5 * yaw).sin()), 1),
        'base_lin_vel_b': torch.cat((speed, none, none), 1),
        'base_ang_vel_b': torch.zeros(num, 3, device=device),
        'rotor_speed': torch.tensor(robot.rest['rotor_speed'], device=device).repeat(num, 1),
    }


@dataclass(frozen=True)
class Flight:
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
        """Motion, and the way ahead instead of the image."""
        return observations.concat((_motion(signals, memory), signals['course_ahead']))

    def act(self, action: torch.Tensor, signals: Signals, memory: torch.Tensor) -> torch.Tensor:
        """Thrust and body rates that bring the velocity asked for about."""
        wanted = action.clamp(-1.0, 1.0) * torch.tensor(SPEED, device=action.device)
        return flight.rates(self.robot, wanted, MEMORY(memory, 'lift'), signals, flight.Gains())

    def remember(
        self, memory: torch.Tensor, signals: Signals, action: torch.Tensor
    ) -> torch.Tensor:
        """Keep the action and a grey image; add up how much slower it climbs than asked for."""
        frame = images.grey(images.seen(signals['rgb'], signals['rgb_info'], EYE)) - 0.5
        sent = action.clamp(-1.0, 1.0)
        matrix = observations.rotation_matrix(signals['base_quat_w'])
        up = observations.rotate(matrix, signals['base_lin_vel_b'])[:, 2:3]
        slow = (SPEED[2] * sent[:, 2:3] - up).clamp(-0.5, 0.5)
        return MEMORY.update(memory, {'frame': frame, 'action': sent, 'slow': slow})

    def teacher(self, observation: torch.Tensor) -> torch.Tensor:
        """Fly to the way's nearer point ahead, face the further one; stop where it ends.

        `observation` is that of `privileged`.
        """
        near, far = observation[:, -6:-3], observation[:, -3:]
        bearing = torch.atan2(far[:, 1:2], far[:, 0:1])
        reach = observations.norm(far).unsqueeze(1)
        way = CRUISE * near / observations.norm(near).clamp(min=0.45).unsqueeze(1)
        turn = 2.0 * bearing * (reach / 0.5).clamp(max=1.0)
        scale = torch.tensor(SPEED, device=near.device)
        return (observations.concat((way, turn)) / scale).clamp(-1.0, 1.0)


def left(step: Step) -> torch.Tensor:
    """Gates that are left."""
    return step.signals['gates_left'][:, 0]


def touched(step: Step) -> torch.Tensor:
    """Touches anything, before the end."""
    return (step.signals['arena_clearance'][:, 0] < 0.0) & (left(step) > 0.5)


def missed(step: Step) -> torch.Tensor:
    """Passes a gate beside its opening, before the end."""
    return (step.signals['gate_missed'][:, 0] > 0.5) & (left(step) > 0.5)


def strayed(step: Step) -> torch.Tensor:
    """Is far from the way, before the end."""
    return (step.signals['course_offset'][:, 0] > STRAY) & (left(step) > 0.5)


def _motion(signals: Signals, memory: torch.Tensor) -> torch.Tensor:
    matrix = observations.rotation_matrix(signals['base_quat_w'])
    return observations.concat(
        (
            0.7 * signals['base_lin_vel_b'],
            0.3 * signals['base_ang_vel_b'],
            2.0 * matrix[:, 6:8],
            2.0 * (signals['base_pos_w'][:, 2:3] - HEIGHT),
            MEMORY(memory, 'sent'),
        )
    )


def flying(robot: Robot) -> Robot:
    """The same robot with a large room to fly in."""
    far = (10.0, 10.0, 3.0)
    limits = replace(robot.limits, fence_low=(-10.0, -10.0, -0.1), fence_high=far)
    return replace(robot, limits=limits)


def task(robot: Robot) -> Task:
    """Build the task."""
    return seen_by(flying(robot))


def seen_by(robot: Robot, drawn_by: str = 'raycast', camera: Camera = EYE) -> Task:
    """The task with images for `camera` of the backdrop `drawn_by`, see vision/backdrops.py."""
    if camera is EYE:  # what the policy looks through is otherwise like the robot's own
        lens = {name: getattr(EYE, name) for name in ('width', 'height', 'fx', 'fy', 'cx', 'cy')}
        camera = replace(robot.cameras[0], distortion=EYE.distortion, **lens)
    courses = Gates(camera, drawn_by, RADIUS, AHEAD)
    functions = Flight(robot)
    return Task(
        name='gates',
        robot=robot,
        level='rates',
        signal_names=SIGNALS,
        action_size=4,
        memory_size=MEMORY.size,
        observe=functions.observe,
        privileged=functions.privileged,
        act=functions.act,
        remember=functions.remember,
        commands=courses,
        initial_state=partial(initial_state, robot),
        rewards=(Reward('alive', lambda step: torch.ones(len(step.action)), 1.0),),
        terminations=(
            Termination('touched', touched),
            Termination('missed', missed),
            Termination('strayed', strayed),
            Termination('tilted', tilted(math.radians(80.0))),
        ),
        error=left,
        error_unit='gates',
        success_error=0.5,
        parts=GATES,
        control_dt=CONTROL_DT,
        episode_length_s=9.0,
        perceive=courses.perceive,
        world=courses.world,
        eye=EYE,
        seen_by=partial(seen_by, robot),
        teacher=functions.teacher,
    )

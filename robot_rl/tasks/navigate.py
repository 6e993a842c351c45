"""Navigate: drive to a goal among obstacles that only a lidar shows, touching nothing, and stay.

The policy has no map: it sees the scan, its own motion and where the goal is. With a planner above
it the goal is a point ahead on the plan. Beams are pooled to DIRECTIONS, each of which tells the
nearest thing, so that no thin obstacle falls between two and another lidar can take the place of
this one (mdp/lidar.py). Training measures the way to the goal around obstacles
(kernels/arena_build.py), which leads out of dead ends; the policy never sees it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
import math

import torch

from robot_rl.errors import SpecError
from robot_rl.mdp import observations, rewards
from robot_rl.mdp.arenas import Arenas
from robot_rl.mdp.braking import Brakes, Braking
from robot_rl.mdp.lidar import nearest, nearness
from robot_rl.mdp.memory import History, LowPass, Memory
from robot_rl.spec.lidar import Directions, Lidar
from robot_rl.spec.robot import Robot, Setpoint
from robot_rl.spec.task import Reward, Signals, Step, Task, Termination

ROBOTS = ('jackal', 'turtlebot')

CONTROL_DT = 0.05  # [s] as Nav2's controllers, 20 Hz
DIRECTIONS = Directions(count=72, low=-0.75 * math.pi, high=0.75 * math.pi, range_max=6.0)
BEAMS = 144  # that training traces, two to a bin
MARGIN = 0.06  # [m] free on both sides of the robot
NEAR = 0.12  # [m] an obstacle nearer than this is too near
FASTEST = 1.4  # [m/s] that is asked for; BARN's score gives nothing for more than 1 m/s on average
CRUISE = 0.6  # part of the greatest speed beyond which faster is not better
LONGEST = 20.0  # [m] way for which an episode leaves time at the greatest speed
ARRIVED = 0.25  # [m] to the goal
TURNING = 2.5  # [rad/s] that are used at most
REVERSE = 0.12  # part of the greatest speed that is used backwards, where lidars are blind
SIGNALS = (
    'scan',
    'scan_angles',
    'base_lin_vel_b',
    'base_ang_vel_b',
    'base_pos_w',
    'base_quat_w',
    'goal_pos_w',
)
TRAINING = {
    'iterations': 2700,
    'learning_rate': 1e-3,
    'final_learning_rate': 1e-4,
    'num_envs': 256,
    'num_steps': 32,
    'gamma': 0.99,
    'entropy': 0.01,
    'hidden': (256, 128),
}


class Navigate:
    """The functions of the task for one robot: what differs are its speeds and its lidar."""

    def __init__(self, robot: Robot) -> None:
        """Scale everything by the robot's greatest speeds, look as far as its lidar does."""
        lidar = lidar_of(robot)
        self.looks = replace(DIRECTIONS, range_max=min(DIRECTIONS.range_max, lidar.range_max))
        setpoint = robot.setpoint('velocity')
        self.speed, self.yaw_rate = setpoint.high[0], min(setpoint.high[1], TURNING)
        low = torch.tensor((-REVERSE * self.speed, -self.yaw_rate))
        high = torch.tensor((min(self.speed, FASTEST), self.yaw_rate))
        self._low, self._span = low, 0.5 * (high - low)
        self.braking = Braking(robot.footprint, lidar.position, self.looks, _brakes(setpoint))
        self._most = CONTROL_DT * torch.tensor(setpoint.slew)
        self.memory = Memory(
            {
                'sent': History('setpoint', 2, 1),
                'actions': History('action', 2, 2),
                'slow_action': LowPass('action', 2, 0.3),
                'bins': LowPass('bins', DIRECTIONS.count, 0.4),
                'lately': LowPass('goal', 2, 2.0),
                'long_ago': LowPass('goal', 2, 8.0),
            },
            CONTROL_DT,
        )

    def bins(self, signals: Signals) -> torch.Tensor:
        """(n, count) how near the nearest thing is in each direction."""
        return nearness(signals['scan'], signals['scan_angles'], self.looks)

    def motion(self, signals: Signals) -> torch.Tensor:
        """Speed and yaw rate as parts of the greatest."""
        speed = signals['base_lin_vel_b'][:, 0:1] / self.speed
        return observations.concat((speed, signals['base_ang_vel_b'][:, 2:3] / self.yaw_rate))

    def goal(self, signals: Signals) -> torch.Tensor:
        """(n, 2) [m] way to the goal, world frame."""
        return signals['goal_pos_w'][:, :2] - signals['base_pos_w'][:, :2]

    def observe(self, signals: Signals, memory: torch.Tensor) -> torch.Tensor:
        """Bins and how they change, the goal, motion, actions sent, and where the robot was."""
        bins, way = self.bins(signals), self.goal(signals)
        yaw = observations.heading(signals['base_quat_w'])
        distance = observations.norm(way).unsqueeze(1)
        past = [_turned(self.memory(memory, name) - way, yaw) for name in ('lately', 'long_ago')]
        return observations.concat(
            (
                bins,
                bins - self.memory(memory, 'bins'),
                _turned(way, yaw) / (distance + 0.1),
                (0.2 + distance).log(),
                1.0 / (1.0 + distance),
                self.motion(signals),
                self.memory(memory, 'sent') / self.speed,
                self.memory.all(memory, ('actions', 'slow_action')),
                *(part.clamp(-3.0, 3.0) for part in past),
            )
        )

    def remember(
        self, memory: torch.Tensor, signals: Signals, action: torch.Tensor
    ) -> torch.Tensor:
        """Filter actions, bins and the place."""
        quantities = {
            'setpoint': self.act(action, signals, memory),
            'action': action.clamp(-1.0, 1.0),
            'bins': self.bins(signals),
            'goal': self.goal(signals),
        }
        return self.memory.update(memory, quantities)

    def privileged(self, signals: Signals, memory: torch.Tensor) -> torch.Tensor:
        """What the critic sees: also the way around obstacles, and how near they are."""
        distance = signals['arena_distance'].clamp(max=30.0)
        return observations.concat(
            (
                self.observe(signals, memory),
                (0.2 + distance).log(),
                0.1 * distance,
                signals['arena_approach'].clamp(-3.0, 3.0) / self.speed,
                signals['arena_clearance'],
                5.0 * signals['arena_clearance'].clamp(max=0.2),
            )
        )

    def act(self, action: torch.Tensor, signals: Signals, memory: torch.Tensor) -> torch.Tensor:
        """Speed from -REVERSE of the greatest to the greatest, or FASTEST, and yaw rate.

        They change no faster than the robot's controller lets them, and are less where it could
        not stop before what the lidar sees, see mdp/braking.py.
        """
        sent = self.memory(memory, 'sent')
        device = action.device
        wanted = self._low.to(device) + self._span.to(device) * (action.clamp(-1.0, 1.0) + 1.0)
        ranges = nearest(signals['scan'], signals['scan_angles'], self.looks)
        speed = signals['base_lin_vel_b'][:, 0:1]
        return self.braking(ranges, wanted, sent, self._most.to(device), speed)

    def progress(self, step: Step) -> torch.Tensor:
        """Approach along the way around obstacles, as a part of the greatest speed."""
        approach = step.signals['arena_approach'][:, 0] / self.speed
        return approach.clamp(-1.5, CRUISE)


def _brakes(setpoint: Setpoint) -> Brakes:
    """What of the setpoint's slew a base that is slower than its declaration still brakes with."""
    return Brakes((0.8 * setpoint.slew[0], 0.45 * setpoint.slew[1]), delay=0.28, margin=0.03)


def _turned(vector: torch.Tensor, yaw: torch.Tensor) -> torch.Tensor:
    """World vectors (n, 2) in the body frame."""
    cosine, sine = yaw.cos().unsqueeze(1), yaw.sin().unsqueeze(1)
    x, y = vector[:, 0:1], vector[:, 1:2]
    return observations.concat((cosine * x + sine * y, cosine * y - sine * x))


def initial_state(
    commands: Mapping[str, torch.Tensor],
    num: int,
    generator: torch.Generator,  # noqa: ARG001
    device: torch.device,
) -> dict[str, torch.Tensor]:
    """Where the arena says, at rest."""
    x, y, yaw = commands['arena_start'].unbind(1)
    zero = torch.zeros(num, device=device)
    half = 0.5 * yaw
    return {
        'base_pos_w': torch.stack((x, y, zero), 1),
        'base_quat_w': torch.stack((half.cos(), zero, zero, half.sin()), 1),
        'base_lin_vel_b': torch.zeros(num, 3, device=device),
        'base_ang_vel_b': torch.zeros(num, 3, device=device),
    }


def touched(step: Step) -> torch.Tensor:
    """The robot's outline touches something."""
    return step.signals['arena_clearance'][:, 0] <= 0.0


def near(step: Step) -> torch.Tensor:
    """How much nearer than NEAR an obstacle is, as a part of NEAR."""
    return (1.0 - step.signals['arena_clearance'][:, 0] / NEAR).clamp(0.0, 1.0)


def distance(step: Step) -> torch.Tensor:
    """[m] straight to the goal."""
    signals = step.signals
    return observations.norm(signals['goal_pos_w'][:, :2] - signals['base_pos_w'][:, :2])


def arrived(step: Step) -> torch.Tensor:
    """1 at the goal and still, less in motion, 0 elsewhere."""
    still = 1.0 - step.signals['base_lin_vel_b'][:, 0].abs().clamp(max=1.0)
    return (distance(step) < ARRIVED).float() * still


def under_way(step: Step) -> torch.Tensor:
    """1 until the goal is reached."""
    return (distance(step) >= ARRIVED).float()


def lidar_of(robot: Robot) -> Lidar:
    """Its lidar. Raises SpecError if it has none, or no footprint."""
    if robot.lidar is None or not robot.footprint:
        raise SpecError(
            f'Robot {robot.name!r} has no lidar or no footprint to navigate with. Choose one that '
            f'has both, such as {ROBOTS[0]}.'
        )
    return robot.lidar


def coarse(lidar: Lidar) -> Lidar:
    """The same field of view by BEAMS beams, or as many as there are if those are fewer."""
    beams = min(BEAMS, lidar.beams)
    span = lidar.angle_increment * (lidar.beams - 1)
    most = min(lidar.range_max, DIRECTIONS.range_max)
    return replace(lidar, beams=beams, angle_increment=span / (beams - 1), range_max=most)


def task(robot: Robot) -> Task:
    """Build the task in arenas without end."""
    lidar = coarse(lidar_of(robot))
    where = Arenas(lidar, robot.footprint, MARGIN, CONTROL_DT)
    return on(replace(robot, lidar=lidar), where)


def on(robot: Robot, where: Arenas) -> Task:
    """Build the task in other arenas."""
    its = Navigate(robot)
    length = max(30.0, LONGEST / its.speed)
    return Task(
        name='navigate',
        robot=robot,
        level='velocity',
        signal_names=SIGNALS,
        action_size=2,
        memory_size=its.memory.size,
        observe=its.observe,
        privileged=its.privileged,
        act=its.act,
        remember=its.remember,
        commands=where,
        initial_state=initial_state,
        rewards=(
            Reward('progress', its.progress, 1.0),
            Reward('under_way', under_way, -0.3),
            Reward('arrived', arrived, 0.5),
            Reward('touched', touched, -60.0),
            Reward('near', near, -0.5),
            Reward('action_rate_l2', rewards.action_rate_l2, -0.05),
        ),
        terminations=(Termination('touched', touched),),
        error=distance,
        error_unit='m',
        success_error=0.5,
        control_dt=CONTROL_DT,
        episode_length_s=length,
        perceive=where.perceive,
        training=TRAINING | {'episode_length_s': 0.5 * length},
        directions=its.looks,
        world=where.world,
        coordinates=where.coordinates,
        solid=True,
        crowd=where.crowd,
    )

"""Reach: bring the tool of an arm to a pose, within 1 cm and 5 degrees, and keep it there.

The policy moves joint targets: its action is how fast they should get. A target is what is
remembered, so an arm that hangs below its target, from a load or from friction, is moved until it
does not. The goal is seen from the tool, and as the way that each joint would have to go to come
nearer. It counts as reached if the mean error of the fourth second is within both limits: there
within three, and kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
import math

import torch

from robot_rl.mdp import observations, rewards
from robot_rl.mdp.actions import within
from robot_rl.mdp.commands import PoseGoal
from robot_rl.mdp.kinematics import Kinematics, pose_error
from robot_rl.mdp.memory import History, Memory
from robot_rl.spec.chain import read_chain
from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Reward, Signals, Step, Task, Termination

ROBOTS = ('panda',)

CONTROL_DT = 0.02  # [s]
NEAR = 0.01  # [m] an error that counts as one
ALIGNED = math.sin(math.radians(2.5))  # sine of half of 5 degrees: that counts as one as well
SPEED = 0.7  # of the joints' limits: the fastest that targets move
RAMP = 0.2  # [s] in which targets get from rest to that: a drive overshoots what jumps
HASTE = 0.8  # of the joints' limits: a joint should not be faster, as it may swing beyond
LEASH = 0.25  # [rad] targets stay within this of the joints
# Goals and starts: joint positions about `CENTRE`. On a grid of fingers and joints none of them
# touches itself (tested); `LOW` keeps the tool in front of the base and the hand off the table.
CENTRE = (0.0, -0.1, 0.0, -1.9, 0.0, 2.0, math.pi / 4)  # [rad]
SPREAD = (1.2, 0.7, 0.6, 0.7, 0.8, 0.8, 1.5)  # [rad]
LOW = (0.25, 0.15)  # [m] x and z of the tool
SIGNALS = ('joint_pos', 'joint_vel', 'goal_pos_w', 'goal_quat_w')
TRAINING = {
    'iterations': 720,
    'num_envs': 1024,
    'num_steps': 24,
    'epochs': 4,
    'minibatches': 6,
    'gamma': 0.985,
    'learning_rate': 1e-3,
    'final_learning_rate': 1e-4,
    'hidden': (256, 256),
    'initial_std': 0.5,
}


@dataclass(frozen=True)
class Reach:
    """The functions of the task, on one arm."""

    robot: Robot
    kinematics: Kinematics
    low: torch.Tensor
    """(joints,) [rad] smallest targets."""
    high: torch.Tensor
    fastest: torch.Tensor
    """(joints,) [rad/s] at which the arm's controller stops it."""
    memory: Memory

    def joints(self, signals: Signals) -> torch.Tensor:
        """Positions of the arm's joints (n, joints)."""
        return signals['joint_pos'][:, : self.kinematics.joints]

    def held(self, signals: Signals, memory: torch.Tensor) -> torch.Tensor:
        """Targets now (n, joints): where the arm is, until there is a memory."""
        joints = self.joints(signals)
        return torch.lerp(joints, self.memory(memory, 'target'), self.memory(memory, 'started'))

    def speed_asked(self, action: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        """How fast targets move (n, joints), as parts of the fastest: the action, ramped."""
        before, most = self.memory(memory, 'speed'), CONTROL_DT / RAMP
        return before + (action.clamp(-1.0, 1.0) - before).clamp(-most, most)

    def act(self, action: torch.Tensor, signals: Signals, memory: torch.Tensor) -> torch.Tensor:
        """Next targets, from how fast the action wants them to get."""
        device = action.device
        low, high = self.low.to(device), self.high.to(device)
        joints, step = self.joints(signals), CONTROL_DT * SPEED * self.fastest.to(device)
        target = self.held(signals, memory) + step * self.speed_asked(action, memory)
        return within(within(target, joints - LEASH, joints + LEASH), low, high)

    def remember(
        self, memory: torch.Tensor, signals: Signals, action: torch.Tensor
    ) -> torch.Tensor:
        """Keep the targets, and how fast they move."""
        target = self.act(action, signals, memory)
        return self.memory.update(
            memory,
            {
                'target': target,
                'speed': self.speed_asked(action, memory),
                'started': torch.ones_like(target[:, 0:1]),
            },
        )

    def observe(self, signals: Signals, memory: torch.Tensor) -> torch.Tensor:
        """Joints, where their targets are, and the goal."""
        joints = self.joints(signals)
        middle = (0.5 * (self.low + self.high)).to(joints.device)
        tip = self.kinematics(joints)
        way, turn = pose_error(tip, signals['goal_pos_w'], signals['goal_quat_w'])
        matrix = observations.rotation_matrix(tip.quat)
        goal = observations.rotation_matrix(signals['goal_quat_w'])
        near = observations.saturate_norm(way, 0.1)
        slight = observations.saturate_norm(turn, 0.2)
        return observations.concat(
            (
                0.5 * (joints - middle),
                0.5 * signals['joint_vel'][:, : self.kinematics.joints],
                5.0 * (self.held(signals, memory) - joints),
                self.memory(memory, 'speed'),
                2.0 * signals['goal_pos_w'],
                goal,
                *(observations.rotate_inverse(matrix, goal[:, i::3]) for i in range(3)),
                2.0 * observations.rotate_inverse(matrix, way),
                2.0 * observations.rotate_inverse(matrix, turn),
                10.0 * observations.rotate_inverse(matrix, near),
                5.0 * observations.rotate_inverse(matrix, slight),
                (tip.linear * (10.0 * near).unsqueeze(2)).sum(1)
                + (tip.angular * (5.0 * slight).unsqueeze(2)).sum(1),
            )
        )

    def privileged(self, signals: Signals, memory: torch.Tensor) -> torch.Tensor:
        """What the critic sees: the truth, efforts, and how far joints are from a solution."""
        limits = self.robot.parameters['joint_effort_limit'].nominal[: self.kinematics.joints]
        efforts = signals['joint_effort'][:, : self.kinematics.joints]
        weakest = torch.tensor(limits, device=efforts.device)
        return observations.concat(
            (
                self.observe(signals, memory),
                efforts / weakest,
                signals['goal_joint_pos'] - self.joints(signals),
            )
        )

    def errors(self, step: Step) -> tuple[torch.Tensor, torch.Tensor]:
        """Way to the goal [m] and sine of half the angle to it, each (n,)."""
        tip = self.kinematics(self.joints(step.signals))
        way, turn = pose_error(tip, step.signals['goal_pos_w'], step.signals['goal_quat_w'])
        return observations.norm(way), observations.norm(turn)

    def error(self, step: Step) -> torch.Tensor:
        """The larger of distance / 1 cm and angle / 5 deg: below 1 within both."""
        way, turn = self.errors(step)
        return torch.maximum(way / NEAR, turn / ALIGNED)

    def distance(self, step: Step) -> torch.Tensor:
        """Way to the goal [m], and a fifth of a metre for each radian of turn."""
        way, turn = self.errors(step)
        return way + 0.4 * turn

    def detour(self, step: Step) -> torch.Tensor:
        """Distance [rad] to joint positions that have the goal, on a way that is free.

        A tool can be led straight to its goal with a joint running into its limit, or the arm into
        itself; this tells beforehand. The policy does not see it, only the goal.
        """
        return observations.norm(step.signals['goal_joint_pos'] - self.joints(step.signals))

    def closeness(self, step: Step) -> torch.Tensor:
        """1 at the goal, a half where the error is one."""
        return 1.0 / (1.0 + self.error(step))

    def rates(self, step: Step) -> torch.Tensor:
        """Joint velocities (n, joints) as parts of their limits."""
        velocity = step.signals['joint_vel'][:, : self.kinematics.joints]
        return velocity / self.fastest.to(velocity.device)

    def speed(self, step: Step) -> torch.Tensor:
        """Squared joint velocities, summed, as parts of their limits."""
        return self.rates(step).square().sum(1)

    def haste(self, step: Step) -> torch.Tensor:
        """What joint velocities have beyond `HASTE` of their limits, summed."""
        return (self.rates(step).abs() - HASTE).clamp(min=0.0).sum(1)

    def out_of_limits(self, step: Step) -> torch.Tensor:
        """A joint beyond the positions or velocities at which the arm's controller stops it."""
        joints, rates = self.joints(step.signals), self.rates(step)
        low, high = self.kinematics.low.to(joints.device), self.kinematics.high.to(joints.device)
        return ((joints < low) | (joints > high) | (rates.abs() > 1.0)).any(1)


def touches(step: Step) -> torch.Tensor:
    """The arm touches itself or the ground."""
    return step.signals['contact'][:, 0] > 0.5


def initial_state(
    goals: PoseGoal,
    fingers: int,
    _goal: Mapping[str, torch.Tensor],
    num: int,
    generator: torch.Generator,
    device: torch.device,
) -> dict[str, torch.Tensor]:
    """At rest in some other pose of those that are asked for, fingers anywhere."""
    joints, _, _ = goals.joints(num, generator, device)
    opening = 0.04 * torch.rand(num, fingers, generator=generator, device=device)
    position = observations.concat((joints, opening))
    return {'joint_pos': position, 'joint_vel': torch.zeros_like(position)}


def task(robot: Robot) -> Task:
    """Build the reach task."""
    kinematics = Kinematics(read_chain(robot.urdf, robot.base_frame, robot.tool_frame))
    setpoint = robot.setpoint('positions')
    memory = Memory(
        {
            'target': History('target', setpoint.size, 1),
            'speed': History('speed', setpoint.size, 1),
            'started': History('started', 1, 1),
        },
        CONTROL_DT,
    )
    reach = Reach(
        robot,
        kinematics,
        torch.tensor(setpoint.low),
        torch.tensor(setpoint.high),
        torch.tensor(setpoint.slew),
        memory,
    )
    goals = PoseGoal(kinematics, centre=CENTRE, spread=SPREAD, low=LOW)
    fingers = len(robot.joint_names) - setpoint.size
    return Task(
        name='reach',
        robot=robot,
        level='positions',
        signal_names=SIGNALS,
        action_size=setpoint.size,
        memory_size=memory.size,
        observe=reach.observe,
        privileged=reach.privileged,
        act=reach.act,
        remember=reach.remember,
        commands=goals,
        initial_state=partial(initial_state, goals, fingers),
        rewards=(
            Reward('closeness', reach.closeness, 3.0),
            Reward('distance', reach.distance, -1.0),
            Reward('detour', reach.detour, -1.0),
            Reward('alive', rewards.alive, 4.0),
            Reward('speed', reach.speed, -0.05),
            Reward('haste', reach.haste, -5.0),
            Reward('action_rate_l2', rewards.action_rate_l2, -0.05),
        ),
        terminations=(
            Termination('touches', touches),
            Termination('out_of_limits', reach.out_of_limits),
        ),
        error=reach.error,
        error_unit='of the tolerance',
        success_error=1.0,
        control_dt=CONTROL_DT,
        episode_length_s=4.0,
        training=TRAINING,
    )

"""Insert: put a square peg that the hand holds into a hole that is hardly wider.

The policy moves the tool: its action is a twist along the axes of the hole as it was told where
that is, which is wrong by as much as the clearance. What tells it that it is beside the hole is
that the arm does not go where it is sent. Reward is sparse, 1 where the peg is in, so this is a
task for learning from demonstrations and corrections (docs/people.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from robot_rl.mdp import observations
from robot_rl.mdp.holes import Holes, Peg, Spread
from robot_rl.mdp.kinematics import Kinematics, pose_error
from robot_rl.mdp.memory import History, LowPass, Memory
from robot_rl.spec.chain import read_chain
from robot_rl.spec.held import Held
from robot_rl.spec.robot import Parameter, Robot
from robot_rl.spec.task import Reward, Signals, Step, Task

ROBOTS = ('panda',)

CONTROL_DT = 0.1  # [s] as SERL and HIL-SERL
SPEED = (0.1, 0.5)  # [m/s], [rad/s] of the largest action: about 10 mm and 3 degrees a period
IN = 0.002  # [m] from where the tool is with the peg on the floor of the hole: it is in
SIGNALS = ('joint_pos', 'joint_vel', 'goal_pos_w', 'goal_quat_w')
# The hand's fingers reach 8 mm beyond the tool and must stay off the block.
PEG = Peg(width=0.02, below=0.045, depth=0.025)
LENGTH = 0.075  # [m] of the peg
SPREAD = Spread(
    # The tool points down 0.2 m above the table, half a metre in front of the base.
    centre=(0.0, 0.0459, 0.0, -2.3763, 0.0, 2.4221, 0.7854),
    joints=(0.1, 0.05, 0.05, 0.05, 0.05, 0.05, 0.1),
    aside=0.02,
    yaw=0.15,
    gap=(0.01, 0.05),
    clearance=(0.0005, 0.001),
    error=(0.0005, 0.0003, 0.005),
)
HOVER = 0.003  # [m] over the block where a person aligns the peg
ALIGNED = (0.0012, 0.02)  # [m] and sine of half the angle at which they go down
REPEATABILITY = 1e-4
"""[rad] offsets of joints that are left where a hole is taught by the arm itself: 0.1 mm."""


@dataclass(frozen=True)
class Insert:
    """The functions of the task, on one arm."""

    kinematics: Kinematics
    memory: Memory

    def frame(self, signals: Signals) -> torch.Tensor:
        """Axes of the hole as told, row-major (n, 9): z along the peg's way."""
        return observations.rotation_matrix(signals['goal_quat_w'])

    def tip_twist(self, signals: Signals) -> torch.Tensor:
        """Velocity of the tool (n, 6) along the axes of the hole, parts of the largest action."""
        joints = self.kinematics.joints
        tip = self.kinematics(signals['joint_pos'][:, :joints])
        rates = signals['joint_vel'][:, :joints].unsqueeze(1)
        frame = self.frame(signals)
        return observations.concat(
            [
                observations.rotate_inverse(frame, (jacobian * rates).sum(2)) / most
                for jacobian, most in zip((tip.linear, tip.angular), SPEED, strict=True)
            ]
        )

    def act(self, action: torch.Tensor, signals: Signals, _memory: torch.Tensor) -> torch.Tensor:
        """Twist of the tool in the base's frame."""
        frame, action = self.frame(signals), action.clamp(-1.0, 1.0)
        parts = (action[:, 0:3], action[:, 3:6])
        return observations.concat(
            [
                most * observations.rotate(frame, part)
                for part, most in zip(parts, SPEED, strict=True)
            ]
        )

    def action_of(self, setpoint: torch.Tensor, signals: Signals) -> torch.Tensor:
        """The action that asks for `setpoint`: what a person did, as the policy would do it."""
        frame, parts = self.frame(signals), (setpoint[:, 0:3], setpoint[:, 3:6])
        return observations.concat(
            [
                observations.rotate_inverse(frame, part) / most
                for part, most in zip(parts, SPEED, strict=True)
            ]
        ).clamp(-1.0, 1.0)

    def remember(
        self, memory: torch.Tensor, signals: Signals, action: torch.Tensor
    ) -> torch.Tensor:
        """Keep the action, and how far the arm stays behind what was asked before."""
        sent, moved = self.memory(memory, 'sent'), self.tip_twist(signals)
        quantities = {'action': action.clamp(-1.0, 1.0), 'strain': sent - moved}
        return self.memory.update(memory, quantities)

    def observe(self, signals: Signals, memory: torch.Tensor) -> torch.Tensor:
        """Way and turn to the pose told, coarse and fine, motion, and strain lately and for long.

        Not the last action: a policy that sees what it did repeats what was rounded.
        """
        tip = self.kinematics(signals['joint_pos'][:, : self.kinematics.joints])
        way, turn = pose_error(tip, signals['goal_pos_w'], signals['goal_quat_w'])
        frame, moved = self.frame(signals), self.tip_twist(signals)
        way, turn = (observations.rotate_inverse(frame, part) for part in (way, turn))
        return observations.concat(
            (
                20.0 * way,
                (200.0 * way).clamp(-1.0, 1.0),
                (500.0 * way[:, 0:2]).clamp(-1.0, 1.0),
                10.0 * turn,
                (50.0 * turn).clamp(-1.0, 1.0),
                moved,
                self.memory.all(memory, ('strain', 'strain_long')),
            )
        )

    def expert(self, signals: Signals) -> torch.Tensor:
        """Above the hole and upright first, then down: what a person who sees the hole wants."""
        tip = self.kinematics(signals['joint_pos'][:, : self.kinematics.joints])
        errors = pose_error(tip, signals['hole_pos_w'], signals['hole_quat_w'])
        frame = observations.rotation_matrix(signals['hole_quat_w'])
        way, turn = (observations.rotate_inverse(frame, part) for part in errors)
        aside, deep = way[:, 0:2], way[:, 2:3]
        aligned = (observations.norm(aside) < ALIGNED[0]) & (observations.norm(turn) < ALIGNED[1])
        hover = 15.0 * (deep - PEG.depth - HOVER)
        lower = aligned.unsqueeze(1) | (deep < 0.8 * PEG.depth)
        down = torch.where(lower, torch.full_like(deep, 0.35), hover)
        return observations.concat((15.0 * aside, down, 4.0 * turn)).clamp(-1.0, 1.0)

    def error(self, step: Step) -> torch.Tensor:
        """[m] from the tool to where it is with the peg in."""
        tip = self.kinematics(step.signals['joint_pos'][:, : self.kinematics.joints])
        return observations.norm((step.signals['hole_pos_w'] - tip.place).float())

    def inserted(self, step: Step) -> torch.Tensor:
        """1 where the peg is in."""
        return (self.error(step) < IN).float()


def initial_state(
    commands: Mapping[str, torch.Tensor],
    num: int,
    generator: torch.Generator,  # noqa: ARG001
    device: torch.device,
) -> dict[str, torch.Tensor]:
    """At rest above the hole, fingers around the peg."""
    fingers = torch.full((num, 2), 0.5 * PEG.width, device=device)
    position = observations.concat((commands['start_joint_pos'], fingers))
    return {'joint_pos': position, 'joint_vel': torch.zeros_like(position)}


def holding(robot: Robot) -> Robot:
    """The same arm with the peg in its hand, at a hole that it was taught itself."""
    position = (0.0, 0.0, PEG.below - 0.5 * LENGTH)
    held = Held('peg', (PEG.width, PEG.width, LENGTH), position, mass=0.1)
    sensors = tuple(
        replace(sensor, bias_std=REPEATABILITY) if sensor.signal == 'joint_pos' else sensor
        for sensor in robot.sensors
    )
    friction = Parameter((0.4,), '1', 'dry metal on metal, our assumption')
    return replace(
        robot,
        held=held,
        sensors=sensors,
        parameters={**robot.parameters, 'friction': friction},
        randomization='randomization/panda-insert.yaml',
    )


def task(robot: Robot) -> Task:
    """Build the insertion task."""
    robot = holding(robot)
    kinematics = Kinematics(read_chain(robot.urdf, robot.base_frame, robot.tool_frame), fine=True)
    parts = {
        'sent': History('action', 6, 1),
        'strain': LowPass('strain', 6, 0.3),
        'strain_long': LowPass('strain', 6, 1.5),
    }
    insert = Insert(kinematics, Memory(parts, CONTROL_DT))
    holes = Holes(kinematics, PEG, SPREAD)
    return Task(
        name='insert',
        robot=robot,
        level='cartesian',
        signal_names=SIGNALS,
        action_size=6,
        memory_size=insert.memory.size,
        observe=insert.observe,
        privileged=insert.observe,
        act=insert.act,
        remember=insert.remember,
        commands=holes,
        initial_state=initial_state,
        rewards=(Reward('inserted', insert.inserted, 1.0 / CONTROL_DT),),
        terminations=(),
        error=insert.error,
        error_unit='m',
        success_error=IN,
        control_dt=CONTROL_DT,
        episode_length_s=10.0,
        world=holes.world,
        solid=True,
        action_of=insert.action_of,
        expert=insert.expert,
        corrections={'bounded': True, 'bc_weight': 0.2},
    )

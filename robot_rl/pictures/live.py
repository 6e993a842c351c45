"""A scene that is drawn while it happens: what stays of it once, then where everything is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import json
from typing import Any, cast

import numpy as np

from robot_rl.pictures.camera import aim
from robot_rl.pictures.episode import Episode
from robot_rl.pictures.page import described, described_items, look
from robot_rl.pictures.scene import Scene, stage, surroundings
from robot_rl.spec.robot import Robot
from robot_rl.spec.task import Task
from robot_rl.spec.world import World

REACH = 0.05
"""[m] radius of the ball that is drawn around a goal, unless somebody says otherwise."""


@dataclass(frozen=True)
class _Play:
    """What a scene asks a task for. A robot without torch has no tasks, but can be drawn."""

    robot: Robot
    signal_names: tuple[str, ...]
    success_error: float = REACH
    error_unit: str = 'm'
    terrain: None = None


class LiveScene:
    """A robot on a flat floor, what is asked of it, and what stands around."""

    def __init__(
        self,
        robot: Robot,
        signal_names: Sequence[str],
        signals: Mapping[str, np.ndarray],
        world: World | None = None,
        reach: float = REACH,
    ) -> None:
        """Build it at one moment, see `frames` for the `signals`.

        Args:
            robot: the robot.
            signal_names: what its policy is given; commands among them are drawn.
            signals: where it is.
            world: what stands around; nothing by default.
            reach: [m] radius of the ball that is drawn around a goal.

        Raises:
            SpecError: the URDF cannot be drawn.
        """
        self._play = cast('Task', _Play(robot, tuple(signal_names), reach))
        scene = self._stage(signals, world or World())
        meshes: dict[bytes, int] = {}
        whole = described(scene, *aim(scene), meshes)
        self.description: dict[str, Any] = {
            **whole,
            'look': look(),
            'meshes': [json.loads(mesh) for mesh in meshes],
        }
        """What a page needs to draw the frames, as JSON."""

    def frames(self, signals: Mapping[str, np.ndarray]) -> bytes:
        """Where everything is now, as little-endian float32.

        Args:
            signals: (size,) each, in SI units: where the robot is (base_pos_w, base_quat_w,
                joint_pos, as far as it has them) and all commands that are drawn.

        Returns:
            Middle of the robot (3), what the camera should look at (3), how much around it [m],
            and for each frame of the scene its position (3), quaternion wxyz and size.
        """
        scene = self._stage(signals, World())
        focus, extent = aim(scene)
        numbers = (scene.robot[0], focus[0], extent[:1], scene.frames[0].ravel())
        return np.concatenate(numbers).astype('<f4').tobytes()

    @staticmethod
    def around(world: World) -> dict[str, Any]:
        """What stands around from now on, as JSON: in the place of what did."""
        meshes: dict[bytes, int] = {}
        items = described_items(surroundings(world), meshes)
        return {'items': items, 'meshes': [json.loads(mesh) for mesh in meshes]}

    def _stage(self, signals: Mapping[str, np.ndarray], world: World) -> Scene:
        return stage(
            Episode(
                task=self._play,
                engine='',
                name='',
                ended='',
                failed=False,
                time=np.zeros(1),
                error=np.zeros(1),
                signals={name: np.asarray(value)[None] for name, value in signals.items()},
                setpoint=np.zeros((1, 0)),
                world=world,
            )
        )

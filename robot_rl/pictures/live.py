"""A scene that is drawn while it happens: what stays of it once, then where everything is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
import json
from typing import Any

import numpy as np

from robot_rl.pictures.camera import aim
from robot_rl.pictures.episode import Episode
from robot_rl.pictures.page import described, look
from robot_rl.pictures.scene import Scene, stage
from robot_rl.spec.task import Task
from robot_rl.spec.world import World


class LiveScene:
    """One task's robot, its goal and what stands around."""

    def __init__(self, task: Task, signals: Mapping[str, np.ndarray], world: World) -> None:
        """Build it at one moment, see `frames` for the `signals`; a flat floor stands for terrain.

        Raises SpecError for a URDF that cannot be drawn.
        """
        self._task = replace(task, terrain=None)
        scene = self._stage(signals, world)
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
                joint_pos, as far as it has them) and all commands of the task.

        Returns:
            Middle of the robot (3), what the camera should look at (3), how much around it [m],
            and for each frame of the scene its position (3), quaternion wxyz and size.
        """
        scene = self._stage(signals, World())
        focus, extent = aim(scene)
        return (
            np.concatenate([scene.robot[0], focus[0], extent[:1], scene.frames[0].ravel()])
            .astype('<f4')
            .tobytes()
        )

    def _stage(self, signals: Mapping[str, np.ndarray], world: World) -> Scene:
        return stage(
            Episode(
                task=self._task,
                engine='',
                name='',
                ended='',
                failed=False,
                time=np.zeros(1),
                error=np.zeros(1),
                signals={name: np.asarray(value)[None] for name, value in signals.items()},
                setpoint=np.zeros((1, self._task.setpoint.size)),
                world=world,
            )
        )

"""Hallways as a source of commands: which one, where a flight starts, and what is seen there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from robot_rl.mdp import eyes, images
from robot_rl.spec.camera import Camera
from robot_rl.spec.scene import Scene
from robot_rl.spec.task import Signals
from robot_rl.vision.distance import blocked, distance, uphill
from robot_rl.vision.eyes import Places, renderer
from robot_rl.vision.hallways import SPACING, hallway
from robot_rl.vision.renderer import Renderer

HEIGHT = 1.0  # [m] at which flights are
NUMBERS = 2**24
"""Of hallways: float32 tells as many apart."""
SAMPLES = 2  # along the edge of a pixel


@dataclass(frozen=True)
class Ways:
    """Level flights, straight ahead and to the sides, of which it is told whether they end."""

    angles: tuple[float, ...]
    """[rad] to the left of the heading."""
    ahead: tuple[float, ...]
    """[m] where along each it is looked."""
    radius: float
    """[m] that must be free there."""


class Hallways:
    """Commands of an episode: which hallway, where it starts, what its camera is like.

    Pure functions of what was drawn; scenes are made when somebody is first in them. On a CPU.
    """

    def __init__(
        self,
        camera: Camera,
        drawn_by: str,
        radius: float,
        ahead: tuple[float, float],
        ways: Ways,
    ) -> None:
        """Images are those that the renderer `drawn_by` draws for `camera`, as it is mounted.

        `radius` [m] is the robot's, `ahead` [m] where along the way 'way_ahead' looks, `ways` what
        'ways_blocked' is about.
        """
        self._camera, self._drawn_by = camera, drawn_by
        self._radius, self._ahead, self._ways = radius, ahead, ways
        self._places = Places(_place)

    @cached_property
    def _renderer(self) -> Renderer:
        return renderer(self._drawn_by, self._camera, SAMPLES)

    def draw(
        self, num: int, generator: torch.Generator, device: torch.device
    ) -> dict[str, torch.Tensor]:
        """See spec.task.Commands."""
        number = torch.randint(NUMBERS, (num, 1), generator=generator, device=device)
        return {
            'hallway': number.float(),
            'start': 2.0 * torch.rand(num, 4, generator=generator, device=device) - 1.0,
            **eyes.drawn(self._camera, num, generator, device),
        }

    def step(self, _state: Signals) -> dict[str, torch.Tensor]:
        """Nothing changes."""
        return {}

    def signals(self, state: Signals) -> dict[str, torch.Tensor]:
        """Where it starts: to the left [m], up [m], yaw [rad] and speed [m/s]."""
        scale = torch.tensor((0.15, 0.2, 0.25, 0.5), device=state['start'].device)
        return {'hallway_start': state['start'] * scale}

    def perceive(self, signals: Signals, drawn: Signals) -> dict[str, torch.Tensor]:
        """The image and its age [s], how far from everything and along the way, the way ahead."""
        position = signals['base_pos_w'].numpy()
        quat = signals['base_quat_w'].numpy()
        rows = self._places.rows(drawn['hallway'][:, 0].numpy().astype(np.int64))
        poses = eyes.exposed(signals, drawn, self._camera)
        frames = self._renderer.render(*poses, self._places.scenes, rows)
        scenes, yaw = self._places.scenes, _yaw(quat)
        away = distance(scenes, rows, position) - self._radius
        headings = yaw[:, None] + np.array(self._ways.angles, np.float32)
        level = np.stack((np.cos(headings), np.sin(headings), 0.0 * headings), 2)
        steps = np.array(self._ways.ahead, np.float32)
        shut = blocked(scenes, rows, position, level, steps, self._ways.radius)
        way = self._places.beside[rows]
        nearest = np.square(way - position[:, None, :2]).sum(2).argmin(1)
        info = images.info_of(self._camera, len(rows))
        return {
            'rgb': eyes.lit(frames.rgb, drawn),
            'rgb_info': info,
            'rgb_age': drawn['latency'],
            'arena_clearance': torch.from_numpy(away).unsqueeze(1),
            'track_position': torch.from_numpy(SPACING * nearest[:, None]).float(),
            'ways_blocked': torch.from_numpy(shut),
            'way_out': torch.from_numpy(_turned(uphill(scenes, rows, position), -yaw)),
            'way_ahead': torch.from_numpy(_points(self._ahead, way, nearest, position, quat)),
        }


def _place(number: int) -> tuple[Scene, np.ndarray]:
    made = hallway(number)
    return made.scene, made.way.astype(np.float32)


def _yaw(quat: np.ndarray) -> np.ndarray:
    w, x, y, z = quat.T
    return np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


def _points(
    distances: tuple[float, ...],
    way: np.ndarray,
    nearest: np.ndarray,
    position: np.ndarray,
    quat: np.ndarray,
) -> np.ndarray:
    """Points (n, 4) [m] of the way ahead and to the left of the robot, the near and the far."""
    found = []
    for ahead in distances:
        index = np.minimum(nearest + round(ahead / SPACING), way.shape[1] - 1)
        found.append(_turned(way[np.arange(len(way)), index] - position[:, :2], -_yaw(quat)))
    return np.concatenate(found, 1)


def _turned(vector: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Vectors (n, 2) turned to the left by `angle` (n,) [rad]."""
    cosine, sine, (x, y) = np.cos(angle), np.sin(angle), vector.T
    return np.stack((cosine * x - sine * y, sine * x + cosine * y), 1).astype(np.float32)

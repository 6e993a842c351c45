"""A bank of tracks as a source of commands: which track, where on it, and what is seen there.

What FastRLAP (Stachowicz et al. 2023) counts progress with, checkpoints passed in order, are here
the SECTIONS cross-sections of a track, with the arc length between them as 'track_position'.
Between two control periods it changes by far less than half a lap, so its changes add up, with
their sign: going to and fro adds up to nothing, and nobody skips a section without touching a
wall.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch

from robot_rl.kernels import corridor
from robot_rl.mdp.observations import heading
from robot_rl.mdp.racing import Grip, speed_profile
from robot_rl.mdp.tracks import SECTIONS, Tracks
from robot_rl.spec.lidar import Lidar
from robot_rl.spec.world import Line, World

State = Mapping[str, torch.Tensor]

AHEAD = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0)
"""[m] ahead of the robot, where the signal 'track_curvature' tells the centre line's curvature."""
WALL_HEIGHT = 0.12  # [m] in pictures


class Circuit:
    """Tracks, one of them drawn for each episode with a place to start.

    Pure functions of what was drawn: the state is kept by whoever calls them. On a CPU only.
    """

    def __init__(
        self,
        tracks: Tracks,
        lidar: Lidar,
        stride: int,
        outline: tuple[tuple[float, float], ...],
        grip: Grip,
        *,
        in_turn: bool = False,
    ) -> None:
        """Make the arrays that kernels/corridor.py needs.

        Args:
            tracks: The bank.
            lidar: The robot's; every `stride`-th beam is traced, those between interpolated.
            stride: Divides the number of beams less one.
            outline: [m] points on the robot's edge, in its body frame, that must not cross a wall.
            grip: With it the speed profile of the centre lines is the reference.
            in_turn: Whether environments get the tracks one after another, not by chance, and
                start at rest on the centre line.
        """
        self.tracks = tracks
        self._lidar, self._stride, self._in_turn = lidar, stride, in_turn
        self._outline = np.array(outline, np.float32)
        self._grip = grip

    @cached_property
    def _arrays(self) -> tuple[Any, ...]:
        """`edges`, `spine` and spacing for the kernel; made when they are first needed."""
        tracks = self.tracks
        edges = corridor.edges_of(tracks.centre, tracks.tangent, *tracks.walls)
        spine = np.concatenate(
            (tracks.centre, tracks.tangent, tracks.curvature[..., None]), -1, dtype=np.float32
        )
        return edges, spine, tracks.spacing.astype(np.float32)

    @cached_property
    def reference(self) -> torch.Tensor:
        """(tracks, sections) [m/s] speed profile of the centre lines."""
        spacing = np.repeat(self.tracks.spacing[:, None], SECTIONS, 1)
        speed = speed_profile(self.tracks.curvature, spacing, self._grip)
        return torch.from_numpy(speed.astype(np.float32))

    @cached_property
    def start(self) -> torch.Tensor:
        """(tracks, sections, 6): point, heading, and distance to the walls at cross-sections."""
        tracks = self.tracks
        heading = np.arctan2(tracks.tangent[..., 1], tracks.tangent[..., 0])
        parts = (tracks.centre, heading[..., None], tracks.left[..., None])
        rows = np.concatenate((*parts, tracks.right[..., None]), -1)
        return torch.from_numpy(rows.astype(np.float32))

    @cached_property
    def _beams(self) -> Any:
        lidar = self._lidar
        angle = lidar.angle_min + lidar.angle_increment * np.arange(lidar.beams)
        return np.stack((np.cos(angle), np.sin(angle)), 1).astype(np.float32)

    def draw(
        self, num: int, generator: torch.Generator, device: torch.device
    ) -> dict[str, torch.Tensor]:
        """A track and a place on it for `num` environments.

        'track_id' (num, 1) and 'track_start' (num, 4): x, y [m], heading [rad], speed [m/s]. One
        start in eight is at rest, up to 70 degrees off: such a car must reverse to get away.
        """
        u = torch.rand(num, 6, generator=generator, device=device)
        track = (u[:, 0] * self.tracks.num).long().clamp(max=self.tracks.num - 1)
        section = (u[:, 1] * SECTIONS).long().clamp(max=SECTIONS - 1)
        if self._in_turn:
            track = torch.arange(num, device=device) * self.tracks.num // num
            section = section * 0
        x, y, heading, left, right = self.start[track, section].unbind(1)
        askew = (u[:, 5] < 0.125).float()
        side = 2.0 * u[:, 2] - 1.0
        offset = side * torch.where(side > 0.0, left, right).sub(0.5).clamp(min=0.05)
        offset = offset * (1.0 - 0.7 * askew)
        turn = (2.0 * u[:, 3] - 1.0) * (0.3 + 0.9 * askew)
        speed = u[:, 4] * self.reference[track, section] * (1.0 - askew)
        if self._in_turn:
            offset, turn, speed = 0.0 * offset, 0.0 * turn, 0.0 * speed
        start = (x - heading.sin() * offset, y + heading.cos() * offset, heading + turn, speed)
        return {'track_id': track.float().unsqueeze(1), 'track_start': torch.stack(start, 1)}

    def step(self, state: State) -> dict[str, torch.Tensor]:  # noqa: ARG002
        """Nothing of it changes during an episode."""
        return {}

    def signals(self, state: State) -> dict[str, torch.Tensor]:
        """Where the episode starts; for initial_state."""
        return {'track_start': state['track_start']}

    def perceive(self, signals: State, drawn: State) -> dict[str, torch.Tensor]:
        """The scan, and where the robot is on its track."""
        edges, spine, spacing = self._arrays
        yaw = heading(signals['base_quat_w'])
        pose = torch.column_stack((signals['base_pos_w'][:, :2], yaw)).numpy()
        track = drawn['track_id'][:, 0].long()
        index, lidar, num = track.numpy(), self._lidar, len(pose)
        place = np.array(
            (*lidar.position[:2], lidar.range_min, lidar.range_max, self._stride), np.float32
        )
        scan = np.empty((lidar.beams, num), np.float32).T
        corridor.cast(edges, spine, index, pose, self._beams, place, scan)
        velocity = signals['base_lin_vel_b'][:, :2].contiguous().numpy()
        ahead = np.array(AHEAD, np.float32)
        found = np.empty((corridor.PLACE + len(ahead), num), np.float32).T
        corridor.survey(edges, spine, spacing, index, pose, velocity, self._outline, ahead, found)
        where = torch.from_numpy(found)
        section = (where[:, 0] / torch.from_numpy(spacing)[track]).long().clamp(0, SECTIONS - 1)
        names = ('position', 'offset', 'heading', 'speed', 'side', 'clearance')
        return {
            'scan': torch.from_numpy(scan),
            **{f'track_{name}': where[:, i : i + 1] for i, name in enumerate(names)},
            'track_curvature': where[:, corridor.PLACE :],
            'track_reference': self.reference[track, section].unsqueeze(1),
        }

    def world(self, known: Mapping[str, Any]) -> World:
        """The walls of the track that an environment drew."""
        track = int(known['track_id'][0])
        lines = []
        for wall in self.tracks.walls:
            points = np.zeros((SECTIONS + 1, 3))
            points[:, :2] = np.concatenate((wall[track], wall[track, :1]))
            lines.append(Line(points, height=WALL_HEIGHT))
        return World(tuple(lines))

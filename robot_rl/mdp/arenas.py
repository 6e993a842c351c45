"""Arenas without end as a source of commands: where to start, where to go, what is seen there.

An arena is a function of its key, which an environment draws at its reset; a cache holds those in
use. So there is no bank to be learned by heart, and a seed still determines everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from robot_rl.errors import SpecError
from robot_rl.kernels import arena, arena_build, arena_cache, arena_draw, arena_scan
from robot_rl.mdp.observations import heading
from robot_rl.spec.arena import Arena
from robot_rl.spec.lidar import Lidar
from robot_rl.spec.world import Column, Line, World

State = Mapping[str, torch.Tensor]

SEEDS = 2**23
"""Seeds of arenas for training: half of what a float32 counts to. The other half is for judging,
see `held_out`."""
NEAR = 1.0
"""[m] obstacles further away than this count as this far."""
WALL_HEIGHT, PERSON_HEIGHT = 0.5, 1.7  # [m] lidars are below both
APART = 1e-3
"""[m] as far away an obstacle is at least of which an engine says that it isn't touched."""


class Arenas:
    """Arenas for one robot, drawn anew for each episode, or a row of given ones in turn.

    Pure functions of what was drawn: the state is kept by whoever calls them. On a CPU only.
    """

    def __init__(
        self,
        lidar: Lidar,
        footprint: Sequence[tuple[float, float]],
        margin: float,
        control_dt: float,
        given: Sequence[Arena] = (),
    ) -> None:
        """Make nothing yet: slots are made when they are first needed.

        Args:
            lidar: The robot's.
            footprint: [m] corners of the robot's outline in base_link, see arena.clearances.
            margin: [m] that is free on both sides of the robot along the way to a goal.
            control_dt: [s] control period.
            given: Arenas to take in turn instead of drawing some.
        """
        self._corners = np.array(footprint, np.float32)
        self._radius = margin + float(np.abs(self._corners[:, 1]).max())
        self._lidar, self._dt, self.given = lidar, control_dt, tuple(given)
        angle = lidar.angle_min + lidar.angle_increment * np.arange(lidar.beams)
        self._beams = np.stack((np.cos(angle), np.sin(angle)), 1).astype(np.float32)
        self._place = np.array((*lidar.position[:2], lidar.range_min, lidar.range_max), np.float32)
        self._angles = torch.tensor([[lidar.angle_min, lidar.angle_increment]])
        self.coordinates = () if self.given else (0.5,) * (arena_draw.KEY - 1)
        self._clock = 0
        self._make(0)

    def _make(self, slots: int) -> None:
        """Room for `slots` arenas; all that was there is forgotten."""
        circles = max([arena_draw.CIRCLES, *(len(one.circles) for one in self.given)])
        segments = max([arena_draw.SEGMENTS, *(len(one.segments) for one in self.given)])
        walkers = max([arena_draw.WALKERS, *(len(one.walkers) for one in self.given)])
        self._bank = arena_build.bank(slots, circles, segments, walkers)
        self._tags = np.full((slots, arena_draw.KEY), -1.0, np.float32)
        self._used = np.zeros(slots, np.int64)
        self._distance = np.zeros((slots, arena_build.NODES), np.float32)
        self._ends = np.zeros((slots, 6), np.float32)

    def _find(self, keys: torch.Tensor) -> Any:
        """Slots (n,) of the arenas of `keys` (n, KEY)."""
        num = len(keys)
        if self.given:
            if not len(self._tags):
                self._make(len(self.given))
                for slot, one in enumerate(self.given):
                    self._fill(slot, one)
            return keys[:, 0].long().numpy()
        if len(self._tags) < arena_cache.WAYS * num:
            self._make(arena_cache.WAYS * max(num, 256))
        self._clock += 1
        out = np.empty(num, np.int64)
        arena_cache.find(
            self._bank,
            keys.contiguous().numpy(),
            self._tags,
            self._used,
            self._clock,
            self._radius,
            self._corners,
            self._distance,
            self._ends,
            out,
        )
        return out

    def _fill(self, slot: int, one: Arena) -> None:
        """Put a given arena into a slot."""
        bank = self._bank
        ends = (*one.start, *one.goal)
        walls = np.concatenate((one.segments[:, :2], one.segments[:, 2:]))
        points = np.concatenate((walls, one.circles[:, :2], [ends[:2], ends[3:5]]))
        low, high = points.min(0) - 1.0, points.max(0) + 1.0
        bank.frame[slot, :2] = low
        bank.frame[slot, 2:] = np.ceil((high - low) / arena.CELL)
        bank.circles[slot, : len(one.circles)] = one.circles
        bank.segments[slot, : len(one.segments), :2] = one.segments[:, :2]
        bank.segments[slot, : len(one.segments), 2:] = one.segments[:, 2:] - one.segments[:, :2]
        bank.walkers[slot, :, 4] = 0.0
        bank.walkers[slot, : len(one.walkers)] = one.walkers
        bank.room[slot] = one.room
        count = (len(one.circles), len(one.segments))
        if not arena_build.index(bank, slot, *count):
            wide, long = (high - low).tolist()
            raise SpecError(
                f'Arena {one.name!r} is too large: {wide:.0f} x {long:.0f} m with {count[0]} '
                f'circles and {count[1]} walls, and there is room for {arena.CELLS} cells of '
                f'{arena.CELL} m and {arena_build.ITEMS} entries in them. Leave out what lies '
                'far from start and goal.'
            )
        blocked = np.zeros(arena_build.NODES, np.uint8)
        arena_build.block(bank, slot, *count, self._radius, blocked)
        arena_build.spread(bank.frame[slot], *one.goal, blocked, self._distance[slot])
        self._ends[slot] = (*ends, one.path_length)

    def draw(
        self, num: int, generator: torch.Generator, device: torch.device
    ) -> dict[str, torch.Tensor]:
        """Arenas for `num` environments.

        'arena_key' (num, KEY), 'arena_start' (num, 3) x, y [m], yaw [rad], 'arena_time' (num, 1)
        [s] and 'goal_pos_w' (num, 3) [m].
        """
        return self._begin(torch.rand(num, arena_draw.KEY, generator=generator, device=device))

    def choose(
        self, coordinates: torch.Tensor, generator: torch.Generator, device: torch.device
    ) -> dict[str, torch.Tensor]:
        """As `draw`; `coordinates` (num, KEY - 1) are kind, density, smoothness and crowd."""
        seed = torch.rand(len(coordinates), 1, generator=generator, device=device)
        return self._begin(torch.cat((seed, coordinates), 1))

    def _begin(self, u: torch.Tensor) -> dict[str, torch.Tensor]:
        """Arenas of keys `u`, the seeds among which are still numbers from 0 to 1."""
        num, device = len(u), u.device
        if self.given:
            turn = torch.arange(num, device=device) * len(self.given) // num
            u[:, 0] = turn.float()
        else:
            u[:, 0] = (u[:, 0] * SEEDS).floor().clamp(max=SEEDS - 1)
        slots = self._find(u)
        ends = torch.from_numpy(self._ends[slots])
        return {
            'arena_key': u,
            'arena_start': ends[:, :3].clone(),
            'arena_time': torch.zeros(num, 1, device=device),
            'goal_pos_w': torch.cat((ends[:, 3:5], torch.zeros(num, 1)), 1),
        }

    def step(self, state: State) -> dict[str, torch.Tensor]:
        """Time goes on."""
        return {'arena_time': state['arena_time'] + self._dt}

    def signals(self, state: State) -> dict[str, torch.Tensor]:
        """The goal, and where the episode starts, for initial_state."""
        return {name: state[name].clone() for name in ('goal_pos_w', 'arena_start')}

    def perceive(self, signals: State, drawn: State) -> dict[str, torch.Tensor]:
        """The scan, the distance to what is nearest, and the way to the goal.

        Where an engine holds the arena as bodies, the scan is the engine's, and something is
        touched where the engine says so.
        """
        slots = self._find(drawn['arena_key'])
        pose = torch.column_stack((signals['base_pos_w'][:, :2], heading(signals['base_quat_w'])))
        poses, time = pose.contiguous().numpy(), drawn['arena_time'][:, 0].contiguous().numpy()
        num = len(poses)
        scan = signals.get('scan')
        if scan is None:
            ranges = np.empty((self._lidar.beams, num), np.float32).T
            arena_scan.cast(self._bank, slots, poses, time, self._beams, self._place, ranges)
            scan = torch.from_numpy(ranges)
        clear, way = np.empty(num, np.float32), np.empty((2, num), np.float32).T
        arena.clearances(self._bank, slots, poses, time, self._corners, NEAR, clear)
        clearance = torch.from_numpy(clear).unsqueeze(1)
        if 'collision' in signals:
            touched = signals['collision'] > 0.0
            clearance = clearance.clamp(max=0.0).where(touched, clearance.clamp(min=APART))
        velocity = signals['base_lin_vel_b'][:, :2].contiguous().numpy()
        arena_cache.ways(self._bank, slots, self._distance, poses, velocity, self._dt, way)
        return {
            'scan': scan,
            'scan_angles': self._angles.repeat(num, 1),
            'arena_clearance': clearance,
            'arena_distance': torch.from_numpy(way[:, :1]),
            'arena_approach': torch.from_numpy(-way[:, 1:]),
        }

    def world(self, known: Mapping[str, Any]) -> World:
        """Walls and columns of the arena that an environment drew; people where they begin."""
        key = torch.from_numpy(np.array(known['arena_key'], np.float32)[None])
        slot = int(self._find(key)[0])
        circles, segments = _listed(self._bank, slot)
        people = self._bank.walkers[slot]
        return World(
            lines=tuple(_wall(segment) for segment in segments),
            columns=tuple(_column(x, y, r, WALL_HEIGHT) for x, y, r in circles),
            people=tuple(
                _column(x, y, r, PERSON_HEIGHT) for x, y, _, _, r in people[people[:, 4] > 0.0]
            ),
        )

    def crowd(self, drawn: State) -> torch.Tensor:
        """Where the people are: (num, n, 2) [m], in the order in which `world` has them."""
        slots = self._find(drawn['arena_key'])
        places = np.zeros((len(slots), self._bank.walkers.shape[1], 3), np.float32)
        arena.crowds(self._bank, slots, drawn['arena_time'][:, 0].contiguous().numpy(), places)
        return torch.from_numpy(places[:, :, :2])


def held_out(
    num: int, seed: int, footprint: Sequence[tuple[float, float]], margin: float
) -> list[Arena]:
    """`num` arenas that no training meets, drawn as training draws; the rest as in `Arenas`."""
    generator = np.random.default_rng(seed)
    keys = generator.random((num, arena_draw.KEY)).astype(np.float32)
    keys[:, 0] = SEEDS + generator.integers(0, SEEDS, num)
    corners = np.array(footprint, np.float32)
    radius = margin + float(np.abs(corners[:, 1]).max())
    bank = arena_build.bank(1, arena_draw.CIRCLES, arena_draw.SEGMENTS, arena_draw.WALKERS)
    distance, ends = np.zeros(arena_build.NODES, np.float32), np.zeros(6, np.float32)
    found: list[Arena] = []
    for index, key in enumerate(keys):
        arena_draw.draw(bank, 0, key, radius, corners, distance, ends)
        circles, segments = _listed(bank, 0)
        x, y, yaw, goal_x, goal_y, length = ends.astype(float).tolist()
        low_x, low_y, high_x, high_y = bank.room[0].astype(float).tolist()
        found.append(
            Arena(
                name=f'arena-{seed}-{index}',
                start=(x, y, yaw),
                goal=(goal_x, goal_y),
                path_length=length,
                segments=np.concatenate((segments[:, :2], segments[:, :2] + segments[:, 2:]), 1),
                circles=circles,
                walkers=bank.walkers[0][bank.walkers[0, :, 4] > 0.0].astype(float),
                room=(low_x, low_y, high_x, high_y),
                goal_tolerance=0.5,
                time_limit_s=60.0,
            )
        )
    return found


def _listed(bank: arena.Bank, slot: int) -> tuple[Any, Any]:
    """Circles (n, 3) and segments (n, 4), as one end and the way to the other, of an arena."""
    frame = bank.frame[slot]
    items = np.unique(bank.items[slot, : bank.head[slot, int(frame[2] * frame[3])]])
    circles, segments = bank.circles[slot, items[items >= 0]], bank.segments[slot]
    return circles.astype(float), segments[-1 - items[items < 0]].astype(float)


def _wall(segment: Any) -> Line:
    points = np.zeros((2, 3))
    points[:, :2] = segment[:2], segment[:2] + segment[2:]
    return Line(points, height=WALL_HEIGHT)


def _column(x: float, y: float, radius: float, height: float) -> Column:
    return Column((float(x), float(y), 0.5 * height), float(radius), height)

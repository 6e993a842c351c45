"""An episode as things to draw: meshes that move with frames, trails, and where to look.

Both the film and the page draw from this, so what is added here shows in both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
import math

import numpy as np

from robot_rl.assets import asset
from robot_rl.pictures import mesh
from robot_rl.pictures.body import Body, load_body, poses_of, transforms
from robot_rl.pictures.episode import Episode
from robot_rl.pictures.mesh import Mesh
from robot_rl.spec.task import Task
from robot_rl.spec.terrain import Terrain
from robot_rl.spec.world import Colour, World

WORLD = 0
"""The frame of what does not move."""
GOAL: Colour = (0.10, 0.62, 0.36, 1.0)
GHOST = 0.16
"""Opacity of the ball within which a goal counts as reached."""
GROUND: Colour = (0.62, 0.64, 0.66, 1.0)
PATH: Colour = (0.15, 0.40, 0.79, 0.9)
PLUMB: Colour = (0.25, 0.28, 0.31, 0.45)
AXIS = 0.1
"""[m] length of the axes of an attitude."""
SPEED_SCALE = 0.5
"""[s] an arrow of a velocity is as long as the way gone in this time."""


@dataclass(frozen=True)
class Item:
    """A mesh that moves with a frame."""

    mesh: Mesh
    colour: Colour
    frame: int
    """Row of `Scene.frames`."""


@dataclass(frozen=True)
class Trail:
    """The way something came."""

    points: np.ndarray
    """(n, 3) [m] at each sample."""
    colour: Colour
    whole: bool
    """Also what is still to come."""


@dataclass(frozen=True)
class Scene:
    """One episode, ready to be drawn."""

    episode: Episode
    frames: np.ndarray
    """(n, k, 8) position [m], quaternion wxyz and size of each frame at each sample."""
    items: tuple[Item, ...]
    trails: tuple[Trail, ...]
    robot: np.ndarray
    """(n, 3) [m] middle of the robot."""
    radius: float
    """[m] of a ball about it that holds the robot."""
    goal: np.ndarray | None
    """(n, 3) [m] what the camera tries to keep in sight, too."""
    flies: bool
    """Whether a plumb line to the ground helps to read the height."""
    floor: bool
    """Whether there is a flat floor at z = 0."""


def stage(episode: Episode) -> Scene:
    """Build the scene of an episode. Raises SpecError for a URDF that cannot be drawn."""
    task, signals = episode.task, episode.signals
    body = load_body(asset('urdf', task.robot.urdf), task.robot.held_urdf)
    base = base_poses(episode)
    links = body.link_poses(task.robot.base_frame, base, joint_positions(episode))
    shown = list(dict.fromkeys(part.link for part in body.parts))
    frames = [_still(len(base)), *(_frame(poses_of(links[link])) for link in shown)]
    items = [Item(p.mesh, p.colour, 1 + shown.index(p.link)) for p in body.parts]
    for moving, thing in _asked(episode, base):
        items += [replace(item, frame=len(frames)) for item in thing]
        frames.append(moving)
    items += [*surroundings(episode.world), *_ground(task.terrain)]
    robot, radius = _extent(body, links)
    goal = signals.get('goal_pos_w')
    trails = [Trail(robot, PATH, whole=False)]
    if goal is not None and np.ptp(goal, axis=0).max() > 0.01:
        trails.append(Trail(goal, (*GOAL[:3], 0.6), whole=True))
    return Scene(
        episode=episode,
        frames=np.stack(frames, axis=1).astype(np.float32),
        items=tuple(items),
        trails=tuple(trails),
        robot=robot,
        radius=radius,
        goal=goal,
        flies=bool(np.median(robot[:, 2]) > 3.0 * radius),
        floor=task.terrain is None,
    )


def base_poses(episode: Episode) -> np.ndarray:
    """(n, 7) pose of the base; at the origin for a robot that is bolted down and reports none."""
    num = len(episode.time)
    position = episode.signals.get('base_pos_w', np.zeros((num, 3)))
    quat = episode.signals.get('base_quat_w', np.tile([1.0, 0.0, 0.0, 0.0], (num, 1)))
    return np.concatenate([position, quat], axis=1).astype(float)


def joint_positions(episode: Episode) -> dict[str, np.ndarray]:
    """(n,) position of each joint that the episode knows; none without the signal."""
    values = episode.signals.get('joint_pos')
    if values is None:
        return {}
    return dict(zip(episode.task.robot.joint_names, values.T.astype(float), strict=True))


def _still(num: int) -> np.ndarray:
    return _frame(np.tile([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], (num, 1)))


def _frame(poses: np.ndarray, size: np.ndarray | None = None) -> np.ndarray:
    return np.column_stack([poses, np.ones(len(poses)) if size is None else size])


def commanded(task: Task) -> list[str]:
    """Signals that somebody asks for instead of a sensor measuring them."""
    return [name for name in task.signal_names if task.robot.topic(name).requested]


def _asked(episode: Episode, base: np.ndarray) -> Iterator[tuple[np.ndarray, list[Item]]]:
    """Frame and shapes of each command that has a place or a direction in space."""
    task, signals = episode.task, episode.signals
    level = np.tile([1.0, 0.0, 0.0, 0.0], (len(base), 1))
    for name in commanded(task):
        kind, values = task.robot.signal(name), signals[name].astype(float)
        if kind.unit == 'm' and kind.frame == 'world' and kind.size == 3:
            attitude = signals.get(name.replace('_pos_', '_quat_'))
            quat = level if attitude is None else attitude
            reach = task.success_error if task.error_unit == 'm' else 0.05
            yield _frame(np.column_stack([values, quat])), [*_goal(reach, attitude is not None)]
        elif kind.unit == 'm/s' and kind.size in (2, 3) and kind.frame in ('world', 'body'):
            start, velocity = base[:, :3], np.zeros((len(base), 3))
            velocity[:, : kind.size] = values
            if kind.frame == 'body':
                velocity = np.einsum('nij,nj->ni', transforms(base)[:, :3, :3], velocity)
            else:
                start = signals.get('goal_pos_w', start)
            yield _pointing(start, velocity), [*_arrow()]


@cache
def _arrow() -> tuple[Item, ...]:
    return (Item(mesh.arrow(), GOAL, WORLD),)


@cache
def _goal(reach: float, has_attitude: bool) -> tuple[Item, ...]:
    """A ball of the size of success [m], its middle, and axes where an attitude is asked for."""
    items = [
        Item(mesh.sphere(reach), (*GOAL[:3], GHOST), WORLD),
        Item(mesh.sphere(0.1 * reach), GOAL, WORLD),
    ]
    if has_attitude:
        for axis in range(3):
            size = np.full(3, 0.1 * AXIS)
            size[axis] = AXIS
            centre = np.eye(4)
            centre[axis, 3] = 0.5 * AXIS
            colour = np.array([0.2, 0.2, 0.2, 1.0])
            colour[axis] = 0.85
            r, g, b, a = colour.tolist()
            x, y, z = size.tolist()
            items.append(Item(mesh.box((x, y, z)).placed(centre), (r, g, b, a), WORLD))
    return tuple(items)


def _pointing(start: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Frames whose x axis lies along `velocity` (n, 3) and whose size is its length, scaled."""
    speed = np.linalg.norm(velocity, axis=1)
    direction = velocity / np.maximum(speed, 1e-9)[:, None]
    # Half-way between x and the direction: the shortest rotation from one to the other.
    quat = np.column_stack(
        [1.0 + direction[:, 0], np.zeros(len(speed)), -direction[:, 2], direction[:, 1]]
    )
    backward = np.linalg.norm(quat, axis=1) < 1e-6
    quat[backward] = [0.0, 0.0, 0.0, 1.0]
    quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    size = np.where(speed > 0.02, SPEED_SCALE * speed, 0.0)
    return _frame(np.column_stack([start, quat]), size)


def surroundings(world: World) -> list[Item]:
    """What stands around a robot."""
    items: list[Item] = []
    for line in world.lines:
        points = np.asarray(line.points, float)
        if line.height:
            shape = mesh.wall(points, line.height)
        else:
            shape = mesh.ribbon(points + np.array([0.0, 0.0, 0.002]), line.width)
        items.append(Item(shape, line.colour, WORLD))
    for block in world.blocks:
        pose = transforms(np.array([*block.position, *block.quat]))
        items.append(Item(mesh.box(block.size).placed(pose), block.colour, WORLD))
    for column in (*world.columns, *world.people):
        pose = transforms(np.array([*column.position, 1.0, 0.0, 0.0, 0.0]))
        shape = mesh.cylinder(column.radius, column.height).placed(pose)
        items.append(Item(shape, column.colour, WORLD))
    return items


def _ground(terrain: Terrain | None) -> list[Item]:
    """Terrain; nothing for a plane, which the renderers have."""
    if terrain is None:
        return []
    x, y = terrain.half_size
    shape = mesh.surface(np.asarray(terrain.heights.T, float), terrain.cell, (-x, -y))
    return [Item(shape, GROUND, WORLD)]


def _extent(body: Body, links: dict[str, np.ndarray]) -> tuple[np.ndarray, float]:
    """Middle of the robot, (n, 3), and the radius about it that it stays within [m]."""
    corners = []
    for part in body.parts:
        matrix, cube = links[part.link], part.corners
        corners.append(np.einsum('nij,kj->nki', matrix[:, :3, :3], cube) + matrix[:, None, :3, 3])
    if not corners:
        return poses_of(links[body.root])[:, :3], 0.1
    points = np.concatenate(corners, axis=1)
    middle = 0.5 * (points.min(axis=1) + points.max(axis=1))
    radius = float(np.linalg.norm(points - middle[:, None], axis=2).max())
    return middle, radius if math.isfinite(radius) else 1.0

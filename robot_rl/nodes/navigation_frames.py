"""Transforms between frames, from /tf and /tf_static: the newest ones, and how old they are.

There is no tf2 for Python without a ROS 2 installation, and what is needed of it is little: where
a goal that was given in `map` lies in `odom` now. The newest transform of each pair is kept;
nothing is interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node

from robot_rl.nodes.cdr import parse_transforms
from robot_rl.nodes.interfaces import interface
from robot_rl.nodes.qos import profile, quality
from robot_rl.nodes.subscriptions import TakenByHand
from robot_rl.spec.rotation import inverse, product, rotate

Array = NDArray[np.float64]
TYPE = 'tf2_msgs/msg/TFMessage'


@dataclass(frozen=True)
class Transform:
    """From one frame to another."""

    pos: Array
    """(3,) [m] origin of the one in the other."""
    quat: Array
    """(4,) wxyz."""

    def __call__(self, points: Array) -> Array:
        """Points (n, 3) of the one frame in the other."""
        return self.pos + rotate(self.quat[None], points)

    def after(self, first: Transform) -> Transform:
        """`first`, and then this one."""
        return Transform(self(first.pos[None])[0], product(self.quat[None], first.quat[None])[0])

    def inverse(self) -> Transform:
        """The other way."""
        back = inverse(self.quat[None])
        return Transform(-rotate(back, self.pos[None])[0], back[0])


IDENTITY = Transform(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]))


@dataclass(frozen=True)
class _Link:
    """A frame in its parent."""

    parent: str
    transform: Transform
    stamp: float
    """[s] ROS time; inf for one that never changes."""


def yaw_of(quat: Array) -> float:
    """Heading [rad] of a quaternion (4,) wxyz."""
    w, x, y, z = quat.tolist()
    return math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


class Frames:
    """The tree of frames, as far as it was heard of."""

    def __init__(self, node: Node, max_age_s: float) -> None:
        """Subscribe; a transform older than `max_age_s` [s] is none.

        Raises MissingPackageError where tf2_msgs cannot be had.
        """
        self._node, self._max_age_s = node, max_age_s
        hand, kind, moving = TakenByHand(), interface(TYPE), quality('transform')
        still = replace(moving, durability='transient_local')
        self._subscriptions: list[tuple[Any, bool]] = [
            (hand.subscribe(node, kind, '/tf', profile(moving), raw=True), False),
            (hand.subscribe(node, kind, '/tf_static', profile(still), raw=True), True),
        ]
        self._links: dict[str, _Link] = {}

    def take(self) -> None:
        """Keep what has arrived."""
        for subscription, static in self._subscriptions:
            for data in TakenByHand.all(subscription):
                for stamp, parent, child, numbers in parse_transforms(data):
                    self.keep(parent, child, numbers, math.inf if static else stamp)

    def keep(self, parent: str, child: str, numbers: tuple[float, ...], stamp: float) -> None:
        """Keep one: `numbers` are x, y, z [m] and a quaternion xyzw, `stamp` [s] ROS time.

        Numbers that are no pose are left aside, as tf2 does; the one before ages.
        """
        pos, xyzw = np.array(numbers[:3]), np.array(numbers[3:])
        length = float(np.linalg.norm(xyzw))
        if not (np.isfinite(pos).all() and abs(length - 1.0) < 0.1):
            return
        transform = Transform(pos, xyzw[[3, 0, 1, 2]] / length)
        self._links[child.lstrip('/')] = _Link(parent.lstrip('/'), transform, stamp)

    def find(self, target: str, source: str, ros_time: float) -> Transform | str:
        """From `source` to `target` at `ros_time` [s]; a sentence where there is none."""
        target, source = target.lstrip('/'), source.lstrip('/')
        up, down = self._ancestors(source), self._ancestors(target)
        common = next((frame for frame in up if frame in down), None)
        if common is None:
            known = ', '.join(sorted({*self._links, *(v.parent for v in self._links.values())}))
            return (
                f'nobody publishes a transform from {source!r} to {target!r}; frames heard of: '
                f'{known or "none"}'
            )
        rise, fall = up[: up.index(common)], down[: down.index(common)]
        for frame in (*rise, *fall):
            age = ros_time - self._links[frame].stamp
            if age > self._max_age_s:
                parent = self._links[frame].parent
                return (
                    f'the transform from {parent!r} to {frame!r} is {age:.3f} s old, limit '
                    f'{self._max_age_s:g} s'
                )
        return self._chain(fall).inverse().after(self._chain(rise))

    def _ancestors(self, frame: str) -> list[str]:
        """`frame`, its parent, and so on; a loop ends where it begins."""
        found = [frame]
        while found[-1] in self._links and self._links[found[-1]].parent not in found:
            found.append(self._links[found[-1]].parent)
        return found

    def _chain(self, frames: list[str]) -> Transform:
        """From the first of `frames` to the parent of the last."""
        result = IDENTITY
        for frame in frames:
            result = self._links[frame].transform.after(result)
        return result

    def close(self) -> None:
        """Unsubscribe."""
        for subscription, _ in self._subscriptions:
            self._node.destroy_subscription(subscription)

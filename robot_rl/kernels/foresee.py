"""What comes of velocities on a costmap: rollouts of a unicycle, checked and scored; by numba.

A robot follows asked velocities as fast as its accelerations allow: within a period `dt` speed and
yaw rate change by at most `most` and are then held. Costmaps, `frame`, `shape` and `bands` are
those of kernels/costmap.py. A pose collides if more of the footprint lies on obstacles than
`allowed`: 0, or where the robot already touches one, what touches now, so that it can get away.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit
import numpy as np
from numpy.typing import NDArray

from robot_rl.kernels.costmap import INSCRIBED, MANY, cost_at, hits

Array = NDArray[Any]

COLLISION = 1e6
"""Cost of a rollout that collides, as in Nav2's MPPI."""
_OPTIONS: Any = {'cache': True, 'error_model': 'numpy', 'fastmath': {'contract', 'arcp', 'nsz'}}


@njit(**_OPTIONS)
def toward(value: float, asked: float, most: float) -> float:
    """`asked`, or as near to it as a change of `most` gets."""
    return min(max(asked, value - most), value + most)


@njit(**_OPTIONS)
def collides(found: int, allowed: int) -> bool:
    """Whether a pose with `found` hits is worse than one with `allowed`, middle or points."""
    return found > allowed or found % MANY > allowed % MANY


@njit(**_OPTIONS)
def free_steps(
    cost: Array,
    frame: Array,
    shape: Array,
    bands: tuple[int, int],
    allowed: int,
    pose: Array,
    velocities: Array,
    dt: float,
) -> int:
    """How many of the steps `velocities` (n, 2) [m/s, rad/s] can be driven without a collision."""
    x, y, yaw = pose[0], pose[1], pose[2]
    for step in range(len(velocities)):
        v, w = velocities[step, 0], velocities[step, 1]
        x += v * dt * math.cos(yaw + 0.5 * w * dt)
        y += v * dt * math.sin(yaw + 0.5 * w * dt)
        yaw += w * dt
        found = hits(cost, frame, shape, bands, x, y, math.cos(yaw), math.sin(yaw))
        if collides(found, allowed):
            return step
    return len(velocities)


@njit(**_OPTIONS)
def nearest(path: Array, first: int, x: float, y: float) -> tuple[int, float]:
    """Index of the point of `path` (n, 2), from `first` on, nearest to a place; its distance."""
    index, least = first, 1e18
    for point in range(first, len(path)):
        dx, dy = path[point, 0] - x, path[point, 1] - y
        if dx * dx + dy * dy < least:
            index, least = point, dx * dx + dy * dy
    return index, math.sqrt(least)


@njit(**_OPTIONS)
def _follow(
    cost: Array, frame: Array, shape: Array, bands: tuple[int, int], allowed: int,
    pose: Array, velocity: Array, target: tuple[float, float], most: Array, times: Array,
    end: Array,
) -> bool:  # fmt: skip
    """Roll out one pair of target velocities; whether it collides.

    `end` (6,) gets x, y, yaw of the last free pose, the way [m] and the turn [rad] driven up to
    it, and the greatest cost met.
    """
    dt, steps = times[0], int(times[1])
    x, y, yaw, v, w = pose[0], pose[1], pose[2], velocity[0], velocity[1]
    end[0], end[1], end[2], end[3], end[4], end[5] = x, y, yaw, 0.0, 0.0, 0.0
    for _ in range(steps):
        v, w = toward(v, target[0], most[0] * dt), toward(w, target[1], most[1] * dt)
        x += v * dt * math.cos(yaw + 0.5 * w * dt)
        y += v * dt * math.sin(yaw + 0.5 * w * dt)
        yaw += w * dt
        found = hits(cost, frame, shape, bands, x, y, math.cos(yaw), math.sin(yaw))
        if collides(found, allowed):
            return True
        end[0], end[1], end[2] = x, y, yaw
        end[3] += abs(v) * dt
        end[4] += abs(w) * dt
        end[5] = max(end[5], float(cost_at(cost, frame, x, y)))
    return False


@njit(**_OPTIONS)
def window(
    cost: Array, frame: Array, shape: Array, bands: tuple[int, int], allowed: int,
    pose: Array, velocity: Array, speeds: Array, turns: Array, most: Array, times: Array,
    path: Array, ahead: float, weights: Array, out: Array,
) -> None:  # fmt: skip
    """Score pairs of velocities by the critics of DWB; those not admissible cost infinity.

    Admissible are, with D. Fox, W. Burgard, S. Thrun, "The dynamic window approach to collision
    avoidance", 1997, (14), velocities that can still be braked before the obstacle that their
    rollout meets: v^2 / (2 a) and the way of the time until braking begins within the free way,
    and the same for the turn.

    Args:
        cost: See above.
        frame: See above.
        shape: See above.
        bands: See above.
        allowed: See above.
        pose: x, y [m], yaw [rad].
        velocity: [m/s, rad/s] from which the rollouts start.
        speeds: (v,) [m/s] tried.
        turns: (w,) [rad/s] tried with each.
        most: Accelerations [m/s^2, rad/s^2].
        times: [s] between poses, their number, [s] until braking begins.
        path: (n, 2) [m] from the robot on, evenly spaced, up to the local goal.
        ahead: [m] of the point before the robot that is to be on the path too.
        weights: Of the distance from the path, of the way left along it, of both for the point
            ahead, [1/m]; of the greatest cost met.
        out: (v * w, 3), written: total, free way [m], free turn [rad]; infinite if all is free.
    """
    end = np.empty(6)
    gap = math.sqrt((path[-1, 0] - path[-2, 0]) ** 2 + (path[-1, 1] - path[-2, 1]) ** 2)
    for i in range(len(speeds)):
        for j in range(len(turns)):
            v, w, row = speeds[i], turns[j], i * len(turns) + j
            hit = _follow(
                cost, frame, shape, bands, allowed, pose, velocity, (v, w), most, times, end
            )
            out[row, 0], out[row, 1], out[row, 2] = math.inf, math.inf, math.inf
            if hit:
                out[row, 1], out[row, 2] = end[3], end[4]
                if abs(v) * times[2] + 0.5 * v * v / most[0] > end[3] and v != 0.0:
                    continue
                if abs(w) * times[2] + 0.5 * w * w / most[1] > end[4] and w != 0.0:
                    continue
            index, away = nearest(path, 0, end[0], end[1])
            total = weights[0] * away + weights[1] * gap * (len(path) - 1 - index)
            px, py = end[0] + ahead * math.cos(end[2]), end[1] + ahead * math.sin(end[2])
            index, away = nearest(path, 0, px, py)
            total += weights[2] * away + weights[3] * gap * (len(path) - 1 - index)
            out[row, 0] = total + weights[4] * end[5]


@njit(**_OPTIONS)
def _near(path: Array, index: int, x: float, y: float) -> tuple[int, float]:
    """As `nearest`, but walks on from `index` only as long as the path comes nearer."""
    dx, dy = path[index, 0] - x, path[index, 1] - y
    least = dx * dx + dy * dy
    while index + 1 < len(path):
        dx, dy = path[index + 1, 0] - x, path[index + 1, 1] - y
        if dx * dx + dy * dy > least:
            break
        index, least = index + 1, dx * dx + dy * dy
    return index, math.sqrt(least)


@njit(**_OPTIONS)
def _sample(
    cost: Array, frame: Array, shape: Array, bands: tuple[int, int], allowed: int,
    pose: Array, velocity: Array, limits: Array, dt: float,
    path: Array, weights: Array, plan: Array, noise: Array, controls: Array, end: Array,
) -> float:  # fmt: skip
    """Roll out what can be followed of `plan` and `noise` (steps, 2), into `controls`; its score.

    `end` (4,) gets x, y, yaw of the last pose and the index of the path nearest to it.
    """
    x, y, cosine, sine = pose[0], pose[1], math.cos(pose[2]), math.sin(pose[2])
    v, w, index, steps = velocity[0], velocity[1], 0, len(controls)
    gap = math.sqrt((path[-1, 0] - path[-2, 0]) ** 2 + (path[-1, 1] - path[-2, 1]) ** 2)
    met, away, back, left, looked, hit = 0.0, 0.0, 0.0, 0.0, 0, False
    for step in range(steps):
        ask_v, ask_w = plan[step, 0] + noise[step, 0], plan[step, 1] + noise[step, 1]
        v = toward(v, min(max(ask_v, limits[0]), limits[1]), limits[3] * dt)
        w = toward(w, min(max(ask_w, -limits[2]), limits[2]), limits[4] * dt)
        controls[step, 0], controls[step, 1] = v, w
        if hit:
            continue
        # Half the turn, the way, the other half; series exact to 1e-7 up to 0.3 rad.
        half = 0.5 * w * dt
        square = half * half
        c = 1.0 - square * (0.5 - square * (1.0 / 24.0))
        s = half * (1.0 - square * (1.0 / 6.0 - square * (1.0 / 120.0)))
        cosine, sine = cosine * c - sine * s, sine * c + cosine * s
        x += v * dt * cosine
        y += v * dt * sine
        cosine, sine = cosine * c - sine * s, sine * c + cosine * s
        back += max(-v, 0.0) * dt
        grade = cost_at(cost, frame, x, y)
        if grade >= bands[0] and (step % 2 == 1 or grade >= INSCRIBED):  # 0.1 s apart, as in DWA
            found = hits(cost, frame, shape, bands, x, y, cosine, sine)
            hit = collides(found, allowed)
        met += grade
        if step % 4 == 3:
            index, distance = _near(path, index, x, y)
            away += distance
            left += gap * (len(path) - 1 - index)
            looked += 1
    index, _ = _near(path, index, x, y)
    end[0], end[1], end[2], end[3] = x, y, math.atan2(sine, cosine), index
    total = weights[0] * met / (254.0 * steps) + weights[1] * away / max(looked, 1)
    total += weights[4] * back + weights[5] * left / max(looked, 1)
    return total + COLLISION if hit else total


@njit(**_OPTIONS)
def rollouts(
    cost: Array, frame: Array, shape: Array, bands: tuple[int, int], allowed: int,
    pose: Array, velocity: Array, limits: Array, dt: float,
    path: Array, weights: Array, offset: int, plan: Array, noise: Array,
    controls: Array, ends: Array, out: Array,
) -> None:  # fmt: skip
    """Roll out and score samples of controls; costs in the manner of the critics of Nav2's MPPI.

    Args:
        cost: See above.
        frame: See above.
        shape: See above.
        bands: See above.
        allowed: See above.
        pose: x, y [m], yaw [rad].
        velocity: [m/s, rad/s] from which the rollouts start.
        limits: Least and greatest speed [m/s], greatest yaw rate [rad/s], accelerations [m/s^2,
            rad/s^2].
        dt: [s] of a step.
        path: (n, 2) [m] from the robot on.
        weights: Of the mean cost (254 is 1), of the mean distance from the path [1/m], of the
            distance of the last pose to the point to follow [1/m], of the angle to it [1/rad], of
            the way backwards [1/m], of the mean way left along the path [1/m].
        offset: Points of the path by which the one to follow lies beyond what any sample reaches.
        plan: (steps, 2) [m/s, rad/s] about which the samples lie.
        noise: (k, steps, 2) of the samples.
        controls: (k, steps, 2) [m/s, rad/s], written: what the robot can follow of plan + noise.
        ends: (k, 4) scratch.
        out: (k,), written: total; COLLISION and more where a rollout collides.
    """
    reached = 0
    for k in range(len(controls)):
        out[k] = _sample(
            cost, frame, shape, bands, allowed, pose, velocity, limits, dt,
            path, weights, plan, noise[k], controls[k], ends[k],
        )  # fmt: skip
        if out[k] < COLLISION:
            reached = max(reached, int(ends[k, 3]))
    follow = path[min(reached + offset, len(path) - 1)]
    for k in range(len(controls)):
        dx, dy = follow[0] - ends[k, 0], follow[1] - ends[k, 1]
        distance = math.sqrt(dx * dx + dy * dy)
        out[k] += weights[2] * distance
        if distance > 0.1:
            turn = math.cos(ends[k, 2]) * dx + math.sin(ends[k, 2]) * dy
            out[k] += weights[3] * math.acos(min(max(turn / distance, -1.0), 1.0))

"""Footprint: the outline of a robot on the ground, in the frame of its base."""

from __future__ import annotations

from robot_rl.errors import SpecError

Footprint = tuple[tuple[float, float], ...]
"""Corners x, y [m] of a convex polygon, counter-clockwise; () where nobody has said."""


def check_footprint(robot: str, footprint: Footprint) -> None:
    """Raise SpecError unless `footprint` is empty, or convex and counter-clockwise."""
    if not footprint:
        return
    if len(footprint) < 3:
        raise SpecError(
            f'Robot {robot!r}: a footprint needs at least 3 corners, got {len(footprint)}.'
        )
    ends = zip(footprint, footprint[1:] + footprint[:1], strict=True)
    sides = [(bx - ax, by - ay) for (ax, ay), (bx, by) in ends]
    turns = [
        ax * by - ay * bx for (ax, ay), (bx, by) in zip(sides, sides[1:] + sides[:1], strict=True)
    ]
    for corner, turn in zip(footprint[1:] + footprint[:1], turns, strict=True):
        if not turn > 0.0:
            raise SpecError(
                f'Robot {robot!r}: the footprint does not turn left at its corner {corner}. It '
                'must be convex and counter-clockwise, without corners on a straight side.'
            )
    if not _once_around(sides):
        raise SpecError(
            f'Robot {robot!r}: the footprint goes around more than once. It must be convex: write '
            'its corners in order.'
        )


def _once_around(sides: list[tuple[float, float]]) -> bool:
    """Whether sides that always turn left turn by 360 degrees, and not by a multiple (a star)."""
    up = [y > 0.0 or (y == 0.0 and x > 0.0) for x, y in sides]
    return sum(a != b for a, b in zip(up, up[1:] + up[:1], strict=True)) == 2

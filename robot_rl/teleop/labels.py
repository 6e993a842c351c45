"""Which step a label is about: a person presses after they have seen, not while it happens."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
import math

from robot_rl.errors import SpecError

REACTION_S = 0.3
"""[s] from what a person sees to their press, unless they say otherwise; the scripted operator is
as slow."""


def attribute(
    stamps: Sequence[float], label_stamp: float, reaction_s: float = REACTION_S
) -> int | None:
    """Index of the step that a label is about: the one under way `reaction_s` before the press.

    Args:
        stamps: [s] when each step began, in order.
        label_stamp: [s] when the button was pressed, on the same clock.
        reaction_s: [s] that the person took.

    Returns:
        An index into `stamps`; the last one for all that comes after it began. None where no step
        had begun: the label is about what came before these.

    Raises:
        SpecError: The stamps are not in order, or a number is not finite, or the reaction is
            negative.
    """
    ordered = all(a <= b for a, b in pairwise(stamps))
    finite = all(map(math.isfinite, (*stamps, label_stamp, reaction_s)))
    if not ordered or not finite or reaction_s < 0.0:
        raise SpecError(
            'A label needs finite stamps of steps in their order and a reaction time of at least '
            f'0 s, got {len(stamps)} steps, a label at {label_stamp} s and {reaction_s} s.'
        )
    index = bisect_right(stamps, label_stamp - reaction_s) - 1
    return index if index >= 0 else None

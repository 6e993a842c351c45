"""Mirror images: a vector of components, and where each comes from when left and right change.

What is as good to the left as to the right need not be learned twice: every sample has a mirror
image (F. Abdolhosseini et al., "On Learning Symmetric Locomotion", 2019).
"""

from __future__ import annotations

from collections.abc import Sequence

Mirror = tuple[tuple[int, ...], tuple[float, ...]]
"""(index, sign) of each component: image[i] = sign[i] * vector[index[i]]."""


def signs(*values: float) -> Mirror:
    """Components that stay where they are, some with their sign changed."""
    return tuple(range(len(values))), values


def swapped(order: Sequence[int], values: Sequence[float] = (1.0,)) -> Mirror:
    """Blocks of len(values) components: block i comes from block order[i], times `values`."""
    size = len(values)
    index = tuple(size * block + part for block in order for part in range(size))
    return index, tuple(values) * len(order)


def joined(*parts: Mirror) -> Mirror:
    """Vectors one after another."""
    index: list[int] = []
    sign: list[float] = []
    for where, value in parts:
        start = len(index)
        index += [start + i for i in where]
        sign += value
    return tuple(index), tuple(sign)

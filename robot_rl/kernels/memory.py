"""Memory for results, used again as soon as nobody holds the last ones.

Fresh megabytes in every step would come from the operating system page by page, which takes longer
than computing what is written there. A result stays untouched for as long as any tensor shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
import sys

import numpy as np
import torch

_KEPT = 4


def _first_unused(blocks: list[np.ndarray], limit: int) -> np.ndarray | None:
    """Return the first block with at most `limit` references, counted from in here."""
    for block in blocks:
        if sys.getrefcount(block) <= limit:
            return block
    return None


def _count_of_unused() -> int:
    """Count of a block that only its list holds; versions of Python count differently."""
    limit = 1
    while _first_unused([np.empty(1)], limit) is None:
        limit += 1
    return limit


_UNUSED = _count_of_unused()


class Recycler:
    """Blocks of float32 numbers on the CPU, all of one shape."""

    def __init__(self, rows: int, columns: int) -> None:
        """Blocks (rows, columns).

        Rows lie a little further apart: at a power of two they would compete for the same cache
        lines.
        """
        stride = 16 * (-(-columns // 16) | (columns >= 256))  # whole vectors, see rows.py
        self._shape, self._columns = (rows, stride), columns
        self._blocks: list[np.ndarray] = []

    def take(self) -> torch.Tensor:
        """Return a block (rows, columns) that no tensor shows, with anything in it."""
        block = _first_unused(self._blocks, _UNUSED)
        if block is None:
            block = _aligned(self._shape)
            # What somebody holds on to for long is his, and forgotten here.
            self._blocks = [*self._blocks[1 - _KEPT :], block]
        return torch.from_numpy(block)[:, : self._columns]


def _aligned(shape: tuple[int, int]) -> np.ndarray:
    """Array that starts where a line of the cache does."""
    space = np.empty(shape[0] * shape[1] + 16, np.float32)
    skip = -space.ctypes.data % 64 // 4
    return space[skip : skip + shape[0] * shape[1]].reshape(shape)


def view(tensors: Sequence[torch.Tensor]) -> torch.Tensor | None:
    """Tensors (num, size) that adjoin in memory as one (total, num), None where they do not."""
    tensors = [tensor for tensor in tensors if tensor.shape[1]]
    if not tensors:
        return None
    first = tensors[0]
    stride, start = first.stride(), first.data_ptr()
    at, total, row = start, 0, first.element_size() * stride[1]
    if stride[0] != 1:
        return None
    storage = first.untyped_storage().data_ptr()
    for tensor in tensors:
        same = tensor.untyped_storage().data_ptr() == storage and tensor.stride() == stride
        if not same or tensor.data_ptr() != at:
            return None
        size = tensor.shape[1]
        total += size
        at += row * size
    return first.as_strided((total, first.shape[0]), (stride[1], 1))


def block(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Tensors (num, size) side by side as (total, num): a view where they adjoin in memory."""
    joined = view(tensors)
    if joined is None:
        joined = torch.cat([t.T for t in tensors]) if tensors else torch.empty(0, 0)
    return joined

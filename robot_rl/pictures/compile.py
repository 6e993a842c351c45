"""How the drawing is compiled: by numba, with the machine code kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

_OPTIONS: Any = {'error_model': 'numpy', 'fastmath': {'contract', 'arcp', 'nsz'}}


def compiled(function: Callable[..., Any]) -> Any:
    """Compile, and keep the machine code where a disk takes it."""
    try:
        return njit(nogil=True, cache=True, **_OPTIONS)(function)
    except RuntimeError:  # no folder can be written to
        return njit(nogil=True, **_OPTIONS)(function)


# Inlined, arrays are not counted as references at every call, which would cost more than the call.
inlined: Any = njit(forceinline=True, **_OPTIONS)

"""A message that is serialized once and then only has its numbers replaced.

rclpy turns a message into C, field by field, each time it is published. For a setpoint at a
steady rate, the same bytes go out with another stamp and other doubles; where those lie is found
by writing numbers that occur nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.serialization import serialize_message

from robot_rl.nodes.messages import split_seconds

_STAMP = struct.Struct('<iI')
_SECONDS, _NANOSECONDS = 0x51525354, 0x21222324
_STAMP_AT = 4  # after the encapsulation, where the message begins with a header


class StampedBytes:
    """Serialized form of one message with a header and `size` doubles."""

    def __init__(self, data: bytes, offsets: list[int]) -> None:
        """Keep `data`, whose doubles lie at `offsets`; see `find`."""
        self._data = bytearray(data)
        self._offsets = offsets
        self._double = struct.Struct('<d')
        # One call where the doubles follow each other, as they do in a JointState.
        row = [offsets[0] + 8 * i for i in range(len(offsets))]
        self._row = struct.Struct(f'<{len(offsets)}d') if offsets == row else None

    @classmethod
    def find(
        cls, message: Any, size: int, write: Callable[[NDArray[np.float64]], None]
    ) -> StampedBytes | None:
        """Find where `write` puts its values in `message`; None if that is not certain."""
        values = 1.2345e-200 * np.sqrt(np.arange(2.0, 2.0 + size))
        write(values)
        message.header.stamp.sec, message.header.stamp.nanosec = _SECONDS, _NANOSECONDS
        data = bytes(serialize_message(message))
        marks = [struct.pack('<d', value) for value in values.tolist()]
        stamp = _STAMP.pack(_SECONDS, _NANOSECONDS)
        if data[:2] != b'\x00\x01' or data[_STAMP_AT : _STAMP_AT + 8] != stamp:
            return None
        if any(data.count(mark) != 1 for mark in marks):
            return None
        return cls(data, [data.index(mark) for mark in marks])

    def fill(self, values: NDArray[np.float64], seconds: float) -> bytes:
        """Bytes of the message with these values and this stamp [s]."""
        _STAMP.pack_into(self._data, _STAMP_AT, *split_seconds(seconds))
        if self._row is not None:
            self._row.pack_into(self._data, self._offsets[0], *values.tolist())
        else:
            for offset, value in zip(self._offsets, values.tolist(), strict=True):
                self._double.pack_into(self._data, offset, value)
        return bytes(self._data)

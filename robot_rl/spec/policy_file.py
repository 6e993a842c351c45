"""The policy file: an ONNX graph with our metadata, read here without the onnx package.

A robot needs to look into the file before it trusts it: which metadata it carries, whether a byte
was edited since it was written, whether every weight is a finite number. ONNX is a protobuf
message, and the few fields wanted are found by walking it: a field is a key, which is
`number << 3 | wire type`, and a value.

The digest is the SHA-256 of the whole file with the 64 digits of the digest itself taken as zeros,
so that it covers graph, weights, contract and golden rows alike. It guards against accident, not
attack.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
import hashlib
from pathlib import Path

import numpy as np

from robot_rl.errors import PolicyFileError

CONTRACT_KEY = 'robot_rl.contract'
GOLDEN_KEY = 'robot_rl.golden'
DIGEST_KEY = 'robot_rl.digest'
BEAMS = 'beams'
"""Name of the dimension that is as long as a robot's lidar has beams."""
ROWS_AND_COLUMNS = ('rows', 'columns')
"""Names of the dimensions that are as long as a robot's image has pixels."""
NO_DIGEST = '0' * 64
OPSETS = (13, 21)
"""Oldest and newest opset of the standard ONNX operators that is accepted."""
GOLDEN_TOLERANCE = 1e-4
"""Golden rows must reproduce to this part of the setpoint's span, or of max(1, |value|) of memory.

Ten times the parity demanded at export: another processor may add in another order.
"""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FLOAT, _DOUBLE = 1, 11
_FLOATS = {_FLOAT: '<f4', 10: '<f2', _DOUBLE: '<f8'}
_EXTERNAL = 1


@dataclass(frozen=True)
class PolicyFile:
    """What was found in a policy file, before any of it is believed."""

    path: Path
    data: bytes
    metadata: dict[str, str]
    opset: int
    """Version of the standard ONNX operators; 0 where the file names none."""
    weights: dict[str, memoryview]
    """Initializer name to its TensorProto."""


def digest_of(data: bytes, written: str) -> str:
    """SHA-256 of a file's bytes, the digest `written` in it counted as zeros."""
    return hashlib.sha256(data.replace(written.encode(), NO_DIGEST.encode())).hexdigest()


def read(path: str | Path) -> PolicyFile:
    """Read a policy file. Raises PolicyFileError for one that is missing, damaged or foreign."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise PolicyFileError(
            f'There is no policy file {str(path)!r}. Write one of a run with: robot_rl export'
        ) from None
    except IsADirectoryError:
        raise PolicyFileError(
            f'{str(path)!r} is a directory, expected an .onnx policy file. Write one of a run '
            'with: robot_rl export'
        ) from None
    except OSError as error:
        raise PolicyFileError(
            f'Cannot read {str(path)!r}: {error.strerror}. Check who may read it, and the disk.'
        ) from None
    try:
        return _parse(path, data)
    except (_DamagedError, UnicodeDecodeError):
        raise PolicyFileError(
            f'{str(path)!r} is not a complete ONNX file ({len(data)} bytes): it was cut short or '
            'is something else. Copy or export it again.'
        ) from None


def check_origin(file: PolicyFile) -> None:
    """Raise PolicyFileError for an ONNX file that robot_rl did not write."""
    for key in (CONTRACT_KEY, GOLDEN_KEY, DIGEST_KEY):
        if key not in file.metadata:
            raise PolicyFileError(
                f'{str(file.path)!r} is not a policy of robot_rl: it has no metadata {key!r}. '
                'Write policy files with: robot_rl export'
            )
    low, high = OPSETS
    if not low <= file.opset <= high:
        raise PolicyFileError(
            f'{str(file.path)!r} uses ONNX opset {file.opset}, supported are {low} to {high}. '
            'Export it again with this version.'
        )


def check_digest(file: PolicyFile) -> None:
    """Raise PolicyFileError for a file that changed after it was written."""
    written = file.metadata[DIGEST_KEY]
    once = len(written) == len(NO_DIGEST) and file.data.count(written.encode()) == 1
    if once and digest_of(file.data, written) == written:
        return
    raise PolicyFileError(
        f'{str(file.path)!r} was changed after it was exported: its weights or metadata do not '
        'match its digest. Export it again; a policy file is never edited.'
    )


def check_weights(file: PolicyFile) -> None:
    """Raise PolicyFileError for a weight that is not finite or lies in a side file."""
    for name, tensor in file.weights.items():
        values = _values(tensor)
        if values is None:
            raise PolicyFileError(
                f'{str(file.path)!r} keeps the weight {name!r} in a side file. Export it again.'
            )
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            raise PolicyFileError(
                f'{str(file.path)!r} holds {bad} NaN or infinite values in the weight {name!r}: '
                'training diverged. Export an earlier checkpoint.'
            )


class _DamagedError(Exception):
    """The bytes are no protobuf message."""


def _parse(path: Path, data: bytes) -> PolicyFile:
    metadata: dict[str, str] = {}
    weights: dict[str, memoryview] = {}
    opset, graphs = 0, 0
    for number, value in _walk(memoryview(data)):
        if number == 7 and isinstance(value, memoryview):  # ModelProto.graph
            graphs += 1
            for part, tensor in _walk(value):
                if part == 5 and isinstance(tensor, memoryview):  # GraphProto.initializer
                    weights[_text(tensor, 8)] = tensor
        elif number == 8 and isinstance(value, memoryview):  # ModelProto.opset_import
            if _text(value, 1) in ('', 'ai.onnx'):
                opset = next((v for n, v in _walk(value) if n == 2 and isinstance(v, int)), 0)
        elif number == 14 and isinstance(value, memoryview):  # ModelProto.metadata_props
            metadata[_text(value, 1)] = _text(value, 2)
    if graphs != 1:
        raise _DamagedError
    return PolicyFile(path, data, metadata, opset, weights)


def _values(tensor: memoryview) -> np.ndarray | None:
    """Floating-point values of a TensorProto; empty for other types, None for a side file."""
    kind, raw, listed = 0, memoryview(b''), memoryview(b'')
    for number, value in _walk(tensor):
        if number == 14 and value == _EXTERNAL:  # data_location
            return None
        if number == 2 and isinstance(value, int):  # data_type
            kind = value
        elif number == 9 and isinstance(value, memoryview):  # raw_data
            raw = value
        elif number in (4, 10) and isinstance(value, memoryview):  # packed float_data, double_data
            listed = value
    if kind not in _FLOATS:
        return np.empty(0)
    if len(raw):
        return np.frombuffer(raw, _FLOATS[kind])
    return np.frombuffer(listed, '<f8' if kind == _DOUBLE else '<f4')


def _text(message: memoryview, wanted: int) -> str:
    """String field `wanted` of a message, '' where it is absent."""
    for number, value in _walk(message):
        if number == wanted and isinstance(value, memoryview):
            return bytes(value).decode()
    return ''


def _walk(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Fields of a protobuf message: (number, integer or bytes). Raises _DamagedError."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise _DamagedError
        if key >> 3 == 0 or at + size > len(message):
            raise _DamagedError
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Integer of seven bits a byte that starts at `at`, and where the next field starts."""
    value = 0
    for count, byte in enumerate(message[at : at + 10]):
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, at + count + 1
    raise _DamagedError

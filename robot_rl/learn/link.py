"""Between who acts and who learns: episodes one way, weights the other.

Frames over a socket of this machine or of the network, authenticated by a token (a keyed digest of
a challenge, multiprocessing.connection). A frame is JSON and raw numbers; nothing that is received
is ever executed or unpickled.
"""

from __future__ import annotations

from collections.abc import Mapping
import json
import math
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
import struct
from typing import Any

import numpy as np

from robot_rl.data.reader import Episode, Label
from robot_rl.errors import SpecError

Array = Any
LONGEST = 64_000_000
"""[byte] of a frame: an episode of an hour, or weights of sixteen million numbers."""
SOCKET = 'link.sock'
"""In a run's folder: where its learner listens, by default."""
_TYPES = {'f4': np.float32, 'f8': np.float64, 'b1': np.bool_}
_ROWS = ('memory', 'action', 'setpoint', 'reward', 'person', 'stamps')
_PLAIN = ('number', 'first', 'terminated', 'truncated', 'success', 'seed', 'complete')


def address_of(text: str, run: Path) -> tuple[str, int] | str:
    """HOST:PORT, or the socket in the folder `run` where `text` is empty.

    Raises SpecError for something else.
    """
    if not text:
        return str(run / SOCKET)
    host, _, port = text.rpartition(':')
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise SpecError(f'An address is HOST:PORT, got {text!r}. Write 127.0.0.1:5588, say.')
    return host, int(port)


def listen(address: tuple[str, int] | str) -> Listener:
    """Listen at `address`; a socket that a killed process left goes. See learn/peers.py.

    Raises SpecError where the address cannot be used.
    """
    try:
        if isinstance(address, str):
            Path(address).unlink(missing_ok=True)
        return Listener(address, backlog=16)
    except OSError as error:
        raise SpecError(
            f'Cannot listen at {address}: {error.strerror}. Choose another --address; a path may '
            'be too long for a socket.'
        ) from None


def connect(address: tuple[str, int] | str, token: str) -> Connection | None:
    """Connect to the learner that listens; None where nobody does, or nobody who knows how.

    Raises SpecError for a token that is not theirs.
    """
    try:
        return Client(address, authkey=token.encode())
    except AuthenticationError:
        raise SpecError(
            f'The learner at {address} refuses the token. Give the one it was started with: it is '
            "in 'token' in the folder of its run."
        ) from None
    except (OSError, EOFError, AssertionError):
        return None


def pack(kind: str, told: Mapping[str, Any], arrays: Mapping[str, Array] | None = None) -> bytes:
    """A frame of `kind` with what can be said in JSON and arrays of numbers."""
    shapes, blobs = [], []
    for name, array in (arrays or {}).items():
        array = np.ascontiguousarray(array)
        shapes.append([name, array.dtype.str[1:], list(array.shape)])
        blobs.append(array.tobytes())
    head = json.dumps({'kind': kind, 'told': dict(told), 'arrays': shapes}).encode()
    return b''.join((struct.pack('<I', len(head)), head, *blobs))


def unpack(frame: bytes) -> tuple[str, dict[str, Any], dict[str, Array]]:
    """Kind, JSON and arrays of a frame. Raises ValueError for what `pack` did not write."""
    try:
        (size,) = struct.unpack_from('<I', frame)
        head = json.loads(frame[4 : 4 + size])
        arrays, place = {}, 4 + size
        for name, kind, shape in head['arrays']:
            if any(type(size) is not int or size < 0 for size in shape):
                raise ValueError(f'An array of shape {shape}')
            count = math.prod(shape)
            array = np.frombuffer(frame, _TYPES[kind], count, place)
            arrays[name], place = array.reshape(shape), place + array.nbytes
        return str(head['kind']), dict(head['told']), arrays
    except (KeyError, TypeError, OverflowError, RecursionError, struct.error) as error:
        raise ValueError(f'Not a frame: {error}') from None


def of_episode(episode: Episode) -> bytes:
    """A frame with all of an episode."""
    told = {name: getattr(episode, name) for name in _PLAIN}
    told |= {'operators': episode.operators, 'labels': episode.labels}
    arrays = {name: getattr(episode, name) for name in _ROWS}
    return pack('episode', told, arrays | {f'/{k}': v for k, v in episode.signals.items()})


def to_episode(told: Mapping[str, Any], arrays: Mapping[str, Array]) -> Episode:
    """What `of_episode` sent. Raises ValueError for something else."""
    try:
        return Episode(
            signals={k[1:]: v for k, v in arrays.items() if k.startswith('/')},
            operators=tuple(map(str, told['operators'])),
            labels=tuple(Label(int(step), str(what)) for step, what in told['labels']),
            extra=({},) * len(arrays['reward']),
            **{name: arrays[name] for name in _ROWS},
            **{name: told[name] for name in _PLAIN},
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f'Not an episode: {error}') from None

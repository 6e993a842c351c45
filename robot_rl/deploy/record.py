"""Recordings: MCAP files that survive a killed process up to the last flush.

Messages arrive as serialized bytes and are written as they are. Every chunk is flushed within a
second, and `read` takes an unfinished file (kill -9, power cut) up to there. The package mcap is
imported where it is needed: a robot that does not record does not need it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
import importlib
import os
from pathlib import Path
import shutil
import struct
from typing import Any, NamedTuple

from robot_rl.errors import MissingPackageError, RunFolderError

_MAGIC = b'\x89MCAP'
PROFILE = 'ros2'
SCHEMA_ENCODING = 'ros2msg'
MESSAGE_ENCODING = 'cdr'
FLUSH_S = 0.5
"""[s] longest time that a message waits in memory."""
MIN_FREE = 50_000_000
"""[byte] a recording stops while this much of the disk is still free."""


class Message(NamedTuple):
    """One recorded message."""

    topic: str
    ros_type: str
    log_time: int
    """[ns] when it was received."""
    data: bytes
    """Serialized (CDR)."""
    schema: str
    """Complete definition of its type."""


@dataclass(frozen=True)
class Channel:
    """A topic of a recording."""

    topic: str
    ros_type: str
    schema: str
    """Complete definition in the 'ros2msg' form, or that of `schema_encoding`."""
    encoding: str = MESSAGE_ENCODING
    """How its messages are serialized."""
    schema_encoding: str = SCHEMA_ENCODING


class _File:
    """Unbuffered file: an error is raised by the write it belongs to and never again at close."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        self._position = 0

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        while view:
            written = os.write(self._fd, view)
            self._position += written
            view = view[written:]
        return len(data)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        os.close(self._fd)


class Recording:
    """An MCAP file being written. Errors of the disk are raised as RunFolderError and end it."""

    def __init__(self, path: Path, *, min_free: int = MIN_FREE, profile: str = PROFILE) -> None:
        """Create `path`, which must not exist.

        Raises:
            RunFolderError: the file exists or cannot be created.
            MissingPackageError: mcap is not installed.
        """
        writer = _mcap('writer')
        self.path, self._min_free = path, min_free
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _File(path)
        except FileExistsError:
            raise RunFolderError(
                f'The recording {path} exists. Nothing is overwritten: choose another name.'
            ) from None
        except OSError as error:
            raise RunFolderError(
                f'Cannot record to {path}: {error.strerror}. Choose a place where you may write.'
            ) from None
        self._writer: Any = writer.Writer(self._file, compression=writer.CompressionType.ZSTD)
        self._flushed = 0.0
        self.messages = 0
        """Messages handed over so far."""
        self.open = True
        """False once it was closed or ended by an error."""
        self._guarded(self._writer.start, profile, 'robot_rl')

    def add(self, channel: Channel) -> int:
        """Announce a topic; returns the id that `write` wants."""
        schema_id: int = self._writer.register_schema(
            channel.ros_type, channel.schema_encoding, channel.schema.encode()
        )
        more = {'offered_qos_profiles': ''} if channel.encoding == MESSAGE_ENCODING else {}
        return int(self._writer.register_channel(channel.topic, channel.encoding, schema_id, more))

    def note(self, name: str, told: dict[str, str]) -> None:
        """Write, at once, what holds for the whole file; see `notes`. Raises RunFolderError."""
        self._guarded(self._writer.add_metadata, name, told)

    def write(self, channel: int, data: bytes, log_time: int, publish_time: int) -> None:
        """Add a serialized message; times in nanoseconds. Raises RunFolderError."""
        self.messages += 1
        self._guarded(self._writer.add_message, channel, log_time, data, publish_time)

    def flush(self, now: float, *, always: bool = False) -> bool:
        """Write out what is held if FLUSH_S has passed since the last time; `now` in seconds.

        With `always`, write it out whenever that was.

        Raises:
            RunFolderError: the disk is full or about to be. What was flushed before stays
            readable.
        """
        if not always and now - self._flushed < FLUSH_S:
            return False
        self._flushed = now
        free = shutil.disk_usage(self.path.parent).free
        if free < self._min_free:
            self.close()
            raise RunFolderError(
                f'Recording stopped: {free / 1e6:.0f} MB left on the disk of {self.path}, '
                f'{self._min_free / 1e6:.0f} MB are kept free. The file is complete up to '
                'here. Free some space, then record to a new one.'
            )
        self._guarded(self._writer.flush)
        return True

    def close(self) -> None:
        """Write the index and close. Does nothing the second time."""
        if not self.open:
            return
        self._guarded(self._writer.finish)
        self.open = False
        self._file.close()

    def _guarded(self, call: Any, *args: Any) -> None:
        """Run one call that writes; on an error of the disk, close what there is and say so."""
        if not self.open:
            raise RunFolderError(
                f'The recording {self.path} has ended, nothing can be added. Record to a new file.'
            )
        try:
            call(*args)
        except OSError as error:
            self.open = False
            self._file.close()
            raise RunFolderError(
                f'Recording stopped: {error.strerror} while writing {self.path}. '
                'It stays readable up to the last half second. Free some space, or choose another '
                'disk, and record to a new file.'
            ) from None


def read(path: Path, topics: frozenset[str] | None = None) -> Iterator[Message]:
    """Messages of a recording, of `topics` or all; ends quietly where a file breaks off.

    It also ends where the checksum of a chunk says that something was changed.

    Raises:
        RunFolderError: the file is missing or is no MCAP file at all.
    """
    records = _mcap('records')
    schemas: dict[int, tuple[str, str]] = {0: ('', '')}
    channels: dict[int, tuple[str, str, str]] = {}
    for record in _records(path):
        if isinstance(record, records.Schema):
            schemas[record.id] = (record.name, record.data.decode())
        elif isinstance(record, records.Channel):
            channels[record.id] = (record.topic, *schemas[record.schema_id])
        elif isinstance(record, records.Message):
            topic, ros_type, schema = channels[record.channel_id]
            if topics is None or topic in topics:
                yield Message(topic, ros_type, record.log_time, record.data, schema)


def notes(path: Path) -> dict[str, dict[str, str]]:
    """What `Recording.note` wrote before the first messages, by name. Raises as `read` does."""
    records = _mcap('records')
    found: dict[str, dict[str, str]] = {}
    for record in _records(path, emit_chunks=True):
        if isinstance(record, records.Chunk):
            break
        if isinstance(record, records.Metadata):
            found[record.name] = dict(record.metadata)
    return found


def _records(path: Path, **options: bool) -> Iterator[Any]:
    """What a file consists of, up to its index or to where it breaks off."""
    records, reader = _mcap('records'), _mcap('stream_reader')
    broken = (
        *(StopIteration, EOFError, struct.error, ValueError, KeyError, MemoryError, OverflowError),
        _mcap('exceptions').McapError,
        getattr(reader.zstandard, 'ZstdError', EOFError),
    )
    try:
        stream = path.open('rb')
    except OSError as error:
        raise RunFolderError(
            f'Cannot read the recording {path}: {error.strerror}. Check its name and who may read '
            'it.'
        ) from None
    with stream:
        begin = stream.read(5)
        if begin != _MAGIC:
            raise RunFolderError(
                f'{path} is not an MCAP file: it begins with {begin!r}, expected {_MAGIC!r}. Give '
                'one that robot_rl wrote.'
            )
        stream.seek(0)
        iterator = iter(reader.StreamReader(stream, validate_crcs=True, **options).records)
        while True:
            try:
                record = next(iterator)
            except broken:
                return
            if isinstance(record, records.DataEnd):
                return
            yield record


def _mcap(module: str) -> Any:
    try:
        return importlib.import_module(f'mcap.{module}')
    except ImportError:
        raise MissingPackageError('mcap') from None

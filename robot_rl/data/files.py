"""Files of episodes as a whole: found, summed up, and sifted into a new one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
import os
from pathlib import Path

from robot_rl.data.episodes import Episode, Episodes, EpisodeWriter, Header
from robot_rl.errors import RecordingError, RobotRLError, RunFolderError

Wanted = Callable[[Episode], bool]


@dataclass(frozen=True)
class Summary:
    """A file in numbers."""

    path: Path
    header: Header
    episodes: int
    """Of which at least one transition can be read."""
    successes: int
    steps: int
    """Transitions."""
    person: int
    """Of these, those in which a person acted."""
    seconds: float
    closed: bool
    """False for one that broke off or is still being written."""
    gaps: int
    """Refused steps that an episode was cut at."""


def summary(path: Path) -> Summary:
    """Read a file through. Raises as `Episodes` does."""
    file = Episodes(path)
    pieces = list(file)
    numbers = {piece.number for piece in pieces}
    steps = sum(map(len, pieces))
    return Summary(
        path=path,
        header=file.header,
        episodes=len(numbers),
        successes=len({piece.number for piece in pieces if piece.success}),
        steps=steps,
        person=sum(int(piece.person.sum()) for piece in pieces),
        seconds=steps * file.header.control_dt,
        closed=file.closed,
        gaps=len(pieces) - len(numbers),
    )


def find(paths: Sequence[Path]) -> list[Path]:
    """The files named, and those with episodes in the folders named.

    Raises:
        RunFolderError: there is no such file or folder, or nothing in the folders.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += filter(_holds_episodes, sorted(path.rglob('*.mcap')))
        else:
            found.append(path)
    if not found:
        raise RunFolderError(
            f'There are no episodes in {", ".join(map(str, paths))}: no .mcap file there holds '
            'any. Name another folder, or a file.'
        )
    return found


def table(rows: Iterable[Summary]) -> str:
    """Say it as text, a line each."""
    head = ('file', 'task', 'kind', 'episodes', 'success', 'steps', 'person', 'time', '')
    cells: list[tuple[str, ...]] = [head]
    for row in rows:
        success = f'{row.successes / row.episodes:.0%}' if row.episodes else '-'
        person = f'{row.person / row.steps:.1%}' if row.steps else '-'
        gaps = f'{row.gaps} gaps' if row.gaps else ''
        state = ', '.join(filter(None, ('' if row.closed else 'not closed', gaps)))
        numbers = (str(row.episodes), success, str(row.steps), person, f'{row.seconds:.1f} s')
        cells.append((str(row.path), row.header.task, row.header.kind, *numbers, state))
    widths = [max(len(line[i]) for line in cells) for i in range(len(head))]
    return '\n'.join(
        '  '.join(
            cell.rjust(width) if 3 <= i < 8 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def copy(episode: Episode, writer: EpisodeWriter) -> None:
    """Write an episode again. One that broke off ends, as truncated, where it did."""
    states = [
        ({name: rows[t] for name, rows in episode.signals.items()}, episode.memory[t])
        for t in range(len(episode) + 1)
    ]
    writer.begin(episode.stamps[0], episode.seed)
    for t in range(len(episode)):
        writer.step(
            episode.stamps[t],
            *states[t],
            action=episode.action[t],
            setpoint=episode.setpoint[t],
            reward=float(episode.reward[t]),
            person=bool(episode.person[t]),
            operator=episode.operators[t],
            extra=episode.extra[t],
        )
    for label in episode.labels:
        writer.label(episode.stamps[label.step], label.step, label.what)
    writer.end(
        episode.stamps[-1],
        *states[-1],
        terminated=episode.terminated,
        truncated=episode.truncated or not episode.complete,
        success=episode.success,
    )


def sift(sources: Sequence[Path], out: Path, wanted: Wanted) -> tuple[int, int]:
    """Write the episodes that are `wanted` to the new file `out`; how many, and of how many.

    `out` appears when it is complete; the sources stay as they are.

    Raises:
        RunFolderError: `out` exists or the disk refuses.
        RecordingError: the sources are not of one task, or nothing is wanted.
    """
    files = [Episodes(path) for path in sources]
    require_one_task(files)
    every = [episode for file in files for episode in file]
    kept = [episode for episode in every if wanted(episode)]
    if not kept:
        raise RecordingError(
            f'None of {len(every)} episodes is as asked for, nothing was written. Leave out a '
            'condition.'
        )
    write(out, files[0].header, kept)
    return len(kept), len(every)


def write(out: Path, header: Header, episodes: Iterable[Episode]) -> None:
    """Write `episodes` to the new file `out`, which appears when it is complete.

    Raises RunFolderError.
    """
    refuse_existing(out)
    part = out.with_name(f'.{out.name}.{os.getpid()}')
    try:
        writer = EpisodeWriter(part, header)
        for episode in episodes:
            copy(episode, writer)
        writer.close()
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def refuse_existing(out: Path) -> None:
    """Raise RunFolderError where something is."""
    if out.exists():
        raise RunFolderError(f'{out} exists. Nothing is overwritten: choose another name.')


def require_one_task(files: Sequence[Episodes]) -> None:
    """Raise RecordingError unless all files declare the same."""
    first = files[0]
    for file in files[1:]:
        if file.header.digest != first.header.digest:
            raise RecordingError(
                f'{file.path} holds episodes of {file.header.task} at '
                f'{1.0 / file.header.control_dt:g} Hz, {first.path} of {first.header.task} at '
                f'{1.0 / first.header.control_dt:g} Hz, or with other signals. Give files of one '
                'task.'
            )


def all_of(files: Sequence[Episodes]) -> Iterator[Episode]:
    """Episodes of several files, one after the other. Raises RecordingError."""
    require_one_task(files)
    for file in files:
        yield from file


def _holds_episodes(path: Path) -> bool:
    try:
        Episodes(path)
    except RobotRLError:
        return False
    return True

"""What is left of a run after many kills: files, counts, weights, and whether it went on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from robot_rl.bench.survival import Kill
from robot_rl.data.reader import Episodes
from robot_rl.errors import RecordingError, RunFolderError
from robot_rl.files import write_json
from robot_rl.learn import rows, sessions
from robot_rl.learn.actor import APPLIED
from robot_rl.learn.learner import LEARNED, PUBLISHED
from robot_rl.learn.run_folder import load_state
from robot_rl.machine import machine_name


@dataclass(frozen=True)
class Recorded:
    """What is in the files of a run."""

    files: int
    unreadable: tuple[str, ...]
    sessions: dict[str, int]
    """Session to the number after its last episode."""
    complete: int
    broken_off: int
    """Episodes that nobody ended."""
    steps: int
    longest_broken_off: int
    """Steps of the longest of them."""


def recorded(run: Path) -> Recorded:
    """Read every file, anew and to its end."""
    unreadable, following = list[str](), dict[str, int]()
    complete = steps = 0
    broken = list[int]()
    for path in sessions.files(run):
        try:
            for episode in Episodes(path):
                following[path.stem] = episode.number + 1
                steps += len(episode)
                complete += episode.complete
                if not episode.complete:
                    broken.append(len(episode))
        except (RecordingError, RunFolderError) as error:  # noqa: PERF203
            # One that was killed before its first record is empty, and nothing was lost.
            if path.stat().st_size:
                unreadable.append(f'{path.name}: {error}')
    num = len(sessions.files(run))
    return Recorded(
        num, tuple(unreadable), following, complete, len(broken), steps, max(broken, default=0)
    )


@dataclass(frozen=True)
class Check:
    """One thing that has to hold."""

    what: str
    holds: bool
    found: str


def checks(run: Path, kills: Sequence[Kill], deaths: Sequence[str]) -> list[Check]:
    """All that has to hold, of the folder of a run whose processes were stopped."""
    found = recorded(run)
    newest = max((run / 'checkpoints').glob('*.pt'), key=lambda path: int(path.stem))
    state = load_state(newest)
    known = {session: number for session, number in state['known'].items() if number}
    published = {row[1] for row in rows.read(run / PUBLISHED, 3)}
    applied = rows.read(run / APPLIED, 3)
    learned = rows.read(run / LEARNED, 5)
    updates, heard = [int(row[1]) for row in learned], int(learned[-1][4])
    foreign = sum(row[2] not in published for row in applied)
    fallen = sum(after < before for before, after in pairwise(updates))
    episodes = found.complete + found.broken_off
    lost = max((kill.unwritten_s for kill in kills), default=0.0)
    return [
        Check(
            'every file can be read',
            not found.unreadable,
            f'{found.files} files, {found.complete} complete episodes and {found.broken_off} '
            f'broken off{"".join(f"; {text}" for text in found.unreadable)}',
        ),
        Check(
            'every episode is known once',
            known == found.sessions and state['episodes'] == episodes,
            f'{state["episodes"]} known, {episodes} recorded in {len(found.sessions)} sessions; '
            f'{heard} of them sent to the last learner, the others read by it',
        ),
        Check(
            'counts of steps agree',
            state['steps'] == found.steps,
            f'{state["steps"]} known, {found.steps} recorded',
        ),
        Check(
            'what acted is what was sent',
            bool(applied) and not foreign,
            f'{len(applied)} times weights were taken over, {foreign} of them never published; '
            f'{len(published)} published',
        ),
        Check(
            'training went on',
            updates[-1] > updates[0] and int(newest.stem) == updates[-1],
            f'{updates[0]} to {updates[-1]} updates, the last checkpoint loads; '
            f'{fallen} times rows of the table went back',
        ),
        Check(
            'at most 1 s is lost by a kill',
            lost <= 1.0,
            f'at most {lost:.2f} s, of {sum(kill.acting for kill in kills)} kills while it acted; '
            f'the longest episode that was broken off has {found.longest_broken_off} steps',
        ),
        Check('nothing died by itself', not deaths, '; '.join(deaths) or 'nothing'),
    ]


def save(path: Path, kills: Sequence[Kill], found: Sequence[Check], **asked: float) -> None:
    """Write all as JSON. Raises RunFolderError."""
    told = {
        'machine': machine_name(),
        **asked,
        'checks': [asdict(check) for check in found],
        'kills': [asdict(kill) for kill in kills],
    }
    write_json(path, told)


def text(kills: Sequence[Kill], found: Sequence[Check]) -> str:
    """A table."""
    counts = {kill.victims: 0 for kill in kills}
    for kill in kills:
        counts[kill.victims] += 1
    said = ', '.join(f'{name} {number}' for name, number in sorted(counts.items()))
    lines = [f'{len(kills)} kills: {said}', '']
    lines += [f'{"yes" if each.holds else "NO":4}{each.what:32}{each.found}' for each in found]
    return '\n'.join(lines)

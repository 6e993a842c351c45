"""Episodes that were recorded: looked at, sifted, and taken to the formats of others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from robot_rl.commands.options import Positional
from robot_rl.errors import RecordingError, SpecError


@dataclass(frozen=True)
class DataList:
    """List files of episodes: task, episodes, success, steps, who acted."""

    paths: Positional[tuple[Path, ...]]
    """Files, or folders that are searched."""

    def run(self) -> int:
        """Print a line each."""
        from robot_rl.data import files

        print(files.table(map(files.summary, files.find(self.paths))))
        return 0


@dataclass(frozen=True)
class DataShow:
    """Show the episodes of a file, one a line; or one of them as a picture."""

    file: Positional[Path]
    """File of episodes."""
    episode: int | None = None
    """Line of the one to draw: signals, setpoint, reward, labels, and when a person acted."""
    out: Path | None = None
    """The PNG file, by default beside the file of episodes."""

    def run(self) -> int:
        """Print, or draw."""
        from robot_rl.data.episodes import read

        header, episodes = read(self.file)
        if self.episode is None:
            print(f'{header.kind} of {header.task}, {header.created}: {header.source}')
            for i, e in enumerate(episodes):
                end = 'success' if e.success else 'failure' if e.terminated else 'time over'
                end = end if e.complete or e.success else 'broke off'
                labels = ', '.join(f'{label.what} at {label.step}' for label in e.labels)
                print(
                    f'{i:4}  {len(e):5} steps  {e.person.mean():6.1%} person  '
                    f'return {e.reward.sum():9.3f}  {end:9}  {labels}'.rstrip()
                )
            return 0
        if not 0 <= self.episode < len(episodes):
            raise RecordingError(
                f'{self.file} has no episode {self.episode}, expected 0 to {len(episodes) - 1}. '
                'Choose one that it lists.'
            )
        from robot_rl.data.plot import plot

        out = self.out or self.file.with_name(f'{self.file.stem}-{self.episode}.png')
        title = f'{header.task}, {self.file.name}, episode {self.episode}'
        plot(episodes[self.episode], title, header.setpoint_fields, out)
        print(out)
        return 0


@dataclass(frozen=True)
class DataFilter:
    """Copy episodes that meet every condition to a new file; several files become one."""

    files: Positional[tuple[Path, ...]]
    """Files of episodes of one task."""
    out: Path
    """The file to write; nothing is overwritten."""
    success: bool = False
    """Only those that succeeded."""
    person: bool = False
    """Only those in which a person acted."""
    complete: bool = False
    """Only those that did not break off."""
    min_steps: int = 1
    """Only those at least as long."""
    max_steps: int = 1_000_000_000
    """Only those at most as long."""

    def run(self) -> int:
        """Write it, then say how many there are."""
        from robot_rl.data.files import sift

        kept, every = sift(
            self.files,
            self.out,
            lambda e: (
                (e.success or not self.success)
                and (bool(e.person.any()) or not self.person)
                and (e.complete or not self.complete)
                and self.min_steps <= len(e) <= self.max_steps
            ),
        )
        print(f'{self.out}: {kept} of {every} episodes')
        return 0


@dataclass(frozen=True)
class DataConvert:
    """Convert episodes to a dataset of Minari, or one of those back."""

    files: Positional[tuple[Path, ...]] = ()
    """Files of episodes of one task."""
    to_minari: str = ''
    """Name of the dataset to make of them, 'insert-panda/demonstrations-v0' say. Minari keeps it
    in ~/.minari/datasets or MINARI_DATASETS_PATH."""
    from_minari: str = ''
    """Name of the dataset to take back."""
    out: Path | None = None
    """The file of episodes to write then; nothing is overwritten."""

    def run(self) -> int:
        """Convert, then say what there is."""
        from robot_rl.data import minaris

        if self.to_minari and self.files and not (self.from_minari or self.out):
            count = minaris.to_minari(self.files, self.to_minari)
            print(f'{self.to_minari}: {count} episodes')
        elif self.from_minari and self.out and not (self.to_minari or self.files):
            count = minaris.from_minari(self.from_minari, self.out)
            print(f'{self.out}: {count} episodes')
        else:
            raise SpecError(
                'It is not clear what to convert to what: expected FILES --to-minari NAME, or '
                '--from-minari NAME --out FILE. Give one of the two.'
            )
        return 0


@dataclass(frozen=True)
class DataExportLerobot:
    """Export episodes as a LeRobot dataset (version 3.0)."""

    files: Positional[tuple[Path, ...]]
    """Files of episodes of one task."""
    out: Path
    """The folder to make; nothing is overwritten."""
    instruction: str = ''
    """What is to be done, in words; by default the id of the task."""

    def run(self) -> int:
        """Export, then say how many episodes there are."""
        from robot_rl.data.lerobot import to_lerobot

        count = to_lerobot(self.files, self.out, self.instruction)
        print(f'{self.out}: {count} episodes')
        return 0

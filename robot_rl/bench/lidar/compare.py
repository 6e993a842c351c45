"""Environment steps per second of the batched lidar world, beside IR-SIM, in turns.

Two processes wait; a contender's turn is in one of them or in both at once. All is counted by
processor time, because a machine may have other work: what a process gets of its core is not what
is measured. IR-SIM's rate is of one environment in one process, in whichever of its two forms is
the faster.
"""

from __future__ import annotations

from collections.abc import Sequence
import contextlib
from dataclasses import dataclass
import json
from pathlib import Path
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np

from robot_rl.bench.lidar import ours, peer, places, worker
from robot_rl.errors import RobotRLError
from robot_rl.machine import machine_name
from robot_rl.spec import registry

Array = Any
PROCESSES = 2
POSES = 10
"""In each of worker.PEERS places, from which both scan."""
APART = 1e-3
"""[m] beams further apart than this are counted."""


@dataclass(frozen=True)
class Row:
    """Rates of one contender, one for each turn."""

    name: str
    processes: int
    rates: tuple[float, ...]
    """Environment steps per second of processor time, summed over the processes."""


@dataclass(frozen=True)
class Agreement:
    """How far apart scans of both are, beam by beam."""

    form: str
    beams: int
    greatest: float
    """[m] where both have the very edges that IR-SIM makes of its obstacles."""
    many: int
    """Beams that are more than APART from each other then."""
    median: float
    """[m] where circles are circles here and what IR-SIM makes of them there."""
    most: float
    """[m] as `median`, of 99 beams in 100."""


@dataclass(frozen=True)
class Result:
    """Of one scene."""

    scene: str
    num_envs: int
    rows: tuple[Row, ...]
    agreements: tuple[Agreement, ...]

    @property
    def peer(self) -> Row | None:
        """IR-SIM in one process, in its faster form; None where it is not installed."""
        found = [row for row in self.rows if row.name.startswith('ir-sim') and row.processes == 1]
        return max(found, key=lambda row: float(np.median(row.rates)), default=None)

    def ratios(self, row: Row) -> tuple[float, ...]:
        """Of each turn, to IR-SIM's in the same turn; () where it is not installed."""
        if self.peer is None:
            return ()
        return tuple(a / b for a, b in zip(row.rates, self.peer.rates, strict=True))


def compare(file: Path | None, turns: int, seconds: float) -> list[Result]:
    """Measure both scenes: `turns` of `seconds` of processor time for each contender.

    Raises SpecError for a `file` without BARN worlds, RobotRLError where a process dies or there
    are no turns.
    """
    if turns < 1 or seconds <= 0.0:
        raise RobotRLError(
            f'There must be at least one turn of some time, got {turns} of {seconds} s. Choose '
            'another --turns or --seconds.'
        )
    found = places.scenes(registry.robot(worker.ROBOT), file)
    return [
        Result(scene.name, scene.num_envs, _measure(index, file, turns, seconds), agree(scene))
        for index, scene in enumerate(found)
    ]


def _measure(index: int, file: Path | None, turns: int, seconds: float) -> tuple[Row, ...]:
    setting = json.dumps({'scene': index, 'barn': str(file.resolve()) if file else ''})
    command = (sys.executable, '-m', worker.__name__, setting)
    with contextlib.ExitStack() as stack:
        crew = [stack.enter_context(_Process(command)) for _ in range(PROCESSES)]
        names, *_ = [process.hear() for process in crew]
        rates: dict[tuple[str, int], list[float]] = {}
        for _ in range(turns):
            for name in names:
                for size in range(1, PROCESSES + 1):
                    for process in crew[:size]:
                        process.say([name, seconds])
                    heard = [process.hear() for process in crew[:size]]
                    rates.setdefault((name, size), []).append(sum(heard))
    return tuple(Row(name, size, tuple(found)) for (name, size), found in rates.items())


class _Process:
    """A worker and the pipes to it; ends with its `with`."""

    def __init__(self, command: Sequence[str]) -> None:
        self._said = tempfile.TemporaryFile(mode='w+')  # noqa: SIM115
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True
        )

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._said.close()

    def say(self, what: Any) -> None:
        """Send a line; that it has died is told by `hear`."""
        with contextlib.suppress(BrokenPipeError):
            if self._process.stdin:
                self._process.stdin.write(json.dumps(what) + '\n')
                self._process.stdin.flush()

    def hear(self) -> Any:
        """Wait for a line. Raises RobotRLError where the process ends instead."""
        line = self._process.stdout.readline() if self._process.stdout else ''
        if line:
            return json.loads(line)
        self._said.seek(0)
        raise RobotRLError(
            f'A process of the bench ended with exit code {self._process.wait()}: '
            f'{self._said.read().strip()[-500:]} Run it again, with fewer others on the machine.'
        )


def agree(scene: places.Scene) -> tuple[Agreement, ...]:
    """Scan from the same poses in both; () where IR-SIM is not installed."""
    if not peer.version():
        return ()
    forms = {worker.OBJECTS: False}
    if all(place.lattice for place in scene.places):
        forms[worker.MAP] = True
    return tuple(_agree(scene, form, mapped) for form, mapped in forms.items())


def _agree(scene: places.Scene, form: str, mapped: bool) -> Agreement:
    robot = ours.with_beams(registry.robot(worker.ROBOT), scene.beams)
    lidar: Any = robot.lidar
    generator = np.random.default_rng(0)
    same: list[Array] = []
    other: list[Array] = []
    for place in scene.places[: worker.PEERS]:
        there = peer.Peer(robot, place, mapped)
        circles = place.arena.circles
        low, high = circles[:, :2].min(0), circles[:, :2].max(0)
        poses = generator.uniform((*low, -np.pi), (*high, np.pi), (POSES, 3))
        away = np.linalg.norm(poses[:, None, :2] - circles[None, :, :2], axis=2) - circles[:, 2]
        poses = poses[away.min(1) > 0.1]
        theirs = there.scan(poses)
        edges = ours.scan(np.zeros((0, 3)), there.segments(), lidar, poses)
        same.append(np.abs(edges - theirs).ravel())
        true = ours.scan(circles, place.arena.segments, lidar, poses)
        other.append(np.abs(true - theirs).ravel())
    apart, differ = np.concatenate(same), np.concatenate(other)
    return Agreement(
        form=form,
        beams=len(apart),
        greatest=float(apart.max()),
        many=int((apart > APART).sum()),
        median=float(np.median(differ)),
        most=float(np.percentile(differ, 99)),
    )


def text(results: Sequence[Result]) -> str:
    """Tables of rates and ratios, and how far apart the scans are."""
    lines = [f'environment steps per second of processor time on {machine_name()}']
    if not peer.version():
        lines.append(f'ir-sim is not installed, nothing to compare with: {peer.INSTALL}')
    for result in results:
        turns = len(result.rows[0].rates)
        lines.append(f'{result.scene}: median (least to most) of {turns} turns')
        lines += [_row(result, row) for row in result.rows]
        lines += [_apart(each) for each in result.agreements]
    return '\n'.join(lines)


def _row(result: Result, row: Row) -> str:
    num = result.num_envs if row.name.startswith('robot_rl') else 1
    least, middle, most = np.percentile(row.rates, (0, 50, 100))
    words = f'  {row.name:22} {row.processes} x {num:4d} envs {middle:10.1f}'
    words += f' ({least:.1f} to {most:.1f})'
    if ratios := result.ratios(row):
        low, ratio, high = np.percentile(ratios, (0, 50, 100))
        words += f' {ratio:8.1f} x ir-sim ({low:.1f} to {high:.1f})'
    return words


def _apart(each: Agreement) -> str:
    return (
        f'  {each.form}: {each.many} of {each.beams} beams on the same edges are more than '
        f'{1e3 * APART:.0f} mm apart, the greatest difference is {1e3 * each.greatest:.3f} mm; '
        f'with true circles here the median is {1e3 * each.median:.2f} mm, 99 % are within '
        f'{1e3 * each.most:.1f} mm'
    )

"""Whether learning from people survives kill -9: of who acts, who learns and who watches.

Two are the processes that `robot_rl hil actor` and `robot_rl hil learner` start, and the recorder
is within the one that acts; the third is a browser with the page that the first serves. Some of
them are killed at a moment drawn at random, also while they start, and started again at once. In
the end they are stopped by Ctrl-C, and what is in the folder of the run is held against what the
last learner says that it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
import os
from pathlib import Path
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np

from robot_rl.errors import MissingPackageError, RobotRLError
from robot_rl.files import write_json
from robot_rl.learn import sessions
from robot_rl.learn.hil import demonstrate
from robot_rl.spec import registry
from robot_rl.spec.engines import engine_for

TASK = 'insert-panda'
NAME = 'survival'
DEMONSTRATIONS = 5
PAUSE = (0.2, 2.0)
"""From one kill to the next, parts of the time that both took at first until an episode was
recorded: so many kills meet a process that starts, and most one that works."""
REST = 4.0
"""The same of the end, where nobody is killed."""
PATIENCE_S = 120.0
"""[s] for a process to stop after Ctrl-C."""
LIFE_S = 600.0
"""[s] for both to come to life at first."""
VICTIMS = (('actor',), ('learner',), ('actor', 'learner'))
WATCHED = (*VICTIMS, ('browser',), ('actor', 'browser'), ('actor', 'learner', 'browser'))
BROWSERS = ('chromium', 'google-chrome')
ASKED = ('--demos', 'demos.mcap', '--validation-episodes', '0')
"""Of the learner: nothing is to be chosen at its end."""


@dataclass(frozen=True)
class Kill:
    """One of them."""

    at_s: float
    """[s] since both were started."""
    victims: str
    acting: bool
    """Whether the one who acts was killed and had recorded anything."""
    unwritten_s: float
    """[s] from its last write to its death: what was lived then is lost."""


class Processes:
    """All of them, and what they said."""

    def __init__(self, out: Path, speed: float, browser: str) -> None:
        """In the folder `out`, where demonstrations are; `browser` is its program, '' for none."""
        self.out, self.run = out.resolve(), out.resolve() / 'runs' / NAME
        ours = (sys.executable, '-m', 'robot_rl', 'hil')
        self.names = ('learner', 'actor')
        self._commands = {
            'learner': (*ours, 'learner', TASK, *ASKED, '--name', NAME),
            'actor': (*ours, 'actor', f'runs/{NAME}', '--speed', str(speed)),
        }
        if browser:
            page = f'127.0.0.1:{_free_port()}'
            self.names = (*self.names, 'browser')
            self._commands['actor'] += ('--operator', 'web', '--page', page)
            quiet = ('--headless=new', '--no-sandbox', '--no-first-run', '--disable-gpu')
            profile = f'--user-data-dir={self.out / "browser"}'
            self._commands['browser'] = (browser, *quiet, profile, f'http://{page}/')
        self._alive: dict[str, subprocess.Popen[bytes]] = {}
        self.deaths: list[str] = []
        """What ended without being killed, and with which code."""

    def start(self, name: str) -> None:
        """Start 'actor' or 'learner'; what it says is added to its log."""
        with (self.out / f'{name}.log').open('ab') as log:
            self._alive[name] = subprocess.Popen(
                self._commands[name],
                cwd=self.out,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, 'OMP_NUM_THREADS': '1'},
                start_new_session=True,
            )

    def end(self, name: str, number: signal.Signals) -> None:
        """Send it a signal and wait until it is gone."""
        process = self._alive.pop(name)
        if process.poll() is not None:
            self.deaths.append(f'{name} ended by itself with code {process.returncode}')
            return
        if name == 'browser':  # which is several processes
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        try:
            code = process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        if code != (-signal.SIGKILL if number is signal.SIGKILL else 0):
            self.deaths.append(f'{name} ended with code {code} after {number.name}')

    def close(self) -> None:
        """Kill what is left."""
        for process in self._alive.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def survive(
    out: Path, kills: int, seed: int, speed: float, *, watched: bool = False
) -> tuple[list[Kill], list[str]]:
    """Kill and start again, `kills` times, in the new folder `out`; kills, and unasked deaths.

    With `watched` a browser has the page of who acts, and is a victim as well.

    Raises RobotRLError where nothing begins to learn at all, MissingPackageError where there is no
    browser to be watched by.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), '') if watched else ''
    if watched and not browser:
        raise MissingPackageError('chromium', 'A browser to kill', 'Install chromium.')
    out.mkdir(parents=True)
    task = registry.task(TASK)
    engine = engine_for(task.robot, '')
    demonstrate(task, engine, out / 'demos.mcap', episodes=DEMONSTRATIONS, seed=seed)
    processes, draw, done = (
        Processes(out, speed, browser),
        np.random.default_rng(seed),
        list[Kill](),
    )
    victims = WATCHED if watched else VICTIMS
    try:
        begun = time.monotonic()
        for name in processes.names:
            processes.start(name)
        _wait_for_life(processes.run)
        life = time.monotonic() - begun
        for _ in range(kills):
            time.sleep(life * draw.uniform(*PAUSE))
            done.append(_kill(processes, victims[draw.integers(len(victims))], begun))
            write_json(out / 'kills.json', [asdict(kill) for kill in done])
        time.sleep(life * REST)
        if watched:
            processes.end('browser', signal.SIGKILL)
        processes.end('actor', signal.SIGINT)
        time.sleep(sessions.SETTLE_S + 1.0)
        processes.end('learner', signal.SIGINT)
    finally:
        processes.close()
    return done, processes.deaths


def _free_port() -> int:
    with socket.socket() as tried:
        tried.bind(('127.0.0.1', 0))
        return int(tried.getsockname()[1])


def _wait_for_life(run: Path) -> None:
    """Until an episode was recorded."""
    until = time.monotonic() + LIFE_S
    while not any(
        episode.complete for file in sessions.files(run) for episode in sessions.recorded(file)
    ):
        if time.monotonic() > until:
            raise RobotRLError(
                f'No episode ended in {run} for {LIFE_S:.0f} s, expected one within a minute. '
                'Read learner.log and actor.log in the folder of --out.'
            )
        time.sleep(0.2)


def _kill(processes: Processes, victims: Sequence[str], begun: float) -> Kill:
    at, newest = time.monotonic() - begun, sessions.files(processes.run)[-1]
    alive = 'actor' in victims and not sessions.over(newest)  # else it has not begun
    for name in victims:
        processes.end(name, signal.SIGKILL)
    now, written = time.time(), newest.stat().st_mtime
    acting = alive and any(True for _ in sessions.recorded(newest))
    for name in victims:
        processes.start(name)
    return Kill(at, ' and '.join(victims), acting, max(0.0, now - written) if acting else 0.0)

"""A group of processes that live and die together; knows no ROS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import ctypes
from dataclasses import dataclass
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from typing import IO

import robot_rl
from robot_rl.errors import FlightError, MissingPackageError
from robot_rl.nodes.description import Process

_PR_SET_PDEATHSIG = 1


@dataclass
class Member:
    """A process of the group."""

    description: Process
    popen: subprocess.Popen[bytes]
    log: Path | None
    """Its output, if that does not go to the terminal."""

    def tail(self, lines: int = 6) -> str:
        """Last lines of its output."""
        if self.log is None:
            return ''
        return ' '.join(self.log.read_text(errors='replace').splitlines()[-lines:])


class Group:
    """Starts processes, watches them, and stops all of them, whatever happens."""

    def __init__(
        self,
        processes: Sequence[Process],
        parameter_file: Path | None,
        environment: Mapping[str, str],
        folder: Path,
        *,
        to_terminal: bool = False,
    ) -> None:
        """Prepare; parameters and, unless `to_terminal`, output of each process go to `folder`."""
        self._processes, self._parameter_file = processes, parameter_file
        self._folder, self._to_terminal = folder, to_terminal
        self._environment = dict(environment)
        # The package may be neither installed nor in the working directory of a child.
        paths = [
            str(Path(robot_rl.__file__).resolve().parents[1]),
            environment.get('PYTHONPATH', ''),
        ]
        self._environment['PYTHONPATH'] = os.pathsep.join(path for path in paths if path)
        self._environment.setdefault('ROS_LOG_DIR', str(folder / 'ros'))
        self.members: dict[str, Member] = {}
        """Executable to process."""

    def __enter__(self) -> Group:
        try:
            for process in self._processes:
                self.members[process.executable] = self._start(process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self, process: Process) -> Member:
        name = process.executable
        self._folder.mkdir(parents=True, exist_ok=True)
        own = self._folder / f'{name}.yaml'
        # JSON is YAML: no need of a package to write parameters.
        node = process.name or name
        own.write_text(json.dumps({node: {'ros__parameters': dict(process.parameters)}}))
        files = [file for file in (self._parameter_file, own) if file]
        given = [word for file in files for word in ('--params-file', str(file))]
        given += [word for pair in process.remappings for word in ('-r', ':='.join(pair))]
        given += ['-r', f'__node:={node}'] if process.name else []
        command = [*self._executable(process), '--ros-args', *given]
        log = None if self._to_terminal else self._folder / f'{name}.log'
        output: IO[bytes] | None = log.open('wb') if log else None
        try:
            popen = subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,  # Ctrl-C reaches us alone; we pass it on once
                preexec_fn=_end_with_parent if sys.platform == 'linux' else None,
            )
        finally:
            if output is not None:
                output.close()
        return Member(process, popen, log)

    def _executable(self, process: Process) -> list[str]:
        """Words that start it. Raises MissingPackageError for a package that is not there."""
        if process.package == 'robot_rl':
            return [sys.executable, '-m', f'robot_rl.nodes.{process.executable}']
        return [str(executable_of(process.package, process.executable, self._environment))]

    def check(self) -> None:
        """Raise FlightError, with its last words, if an essential process has ended."""
        for name, member in self.members.items():
            code = member.popen.poll()
            if code is not None and member.description.essential:
                raise FlightError(
                    f'{name} ended with exit code {code}. {member.tail()} Read '
                    f'{member.log or "the terminal"} for more.'
                )

    def wait(self, seconds: float = float('inf')) -> None:
        """Watch for `seconds`. Raises FlightError when an essential process ends."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0.0:
            self.check()
            time.sleep(min(0.1, left))

    def stop(self) -> dict[str, int]:
        """End the policy first, then the others; kill what stays. Returns the exit codes."""
        first = [n for n in self.members if n == 'policy_node']
        self._stop(first)
        self._stop([n for n in self.members if n not in first])
        return {name: member.popen.wait() for name, member in self.members.items()}

    def _stop(self, names: Sequence[str]) -> None:
        members = [self.members[n] for n in names if self.members[n].popen.poll() is None]
        alive = [member.popen for member in members]
        for popen in alive:
            popen.send_signal(signal.SIGINT)
        grace_s = max((member.description.grace_s for member in members), default=0.0)
        end = time.monotonic() + grace_s
        while time.monotonic() < end and any(popen.poll() is None for popen in alive):
            time.sleep(0.01)
        for popen in alive:
            if popen.poll() is None:
                popen.kill()
            popen.wait()


def executable_of(package: str, executable: str, environment: Mapping[str, str]) -> Path:
    """The executable of another ROS package, in a prefix of AMENT_PREFIX_PATH.

    Raises MissingPackageError.
    """
    for prefix in filter(None, environment.get('AMENT_PREFIX_PATH', '').split(os.pathsep)):
        path = Path(prefix) / 'lib' / package / executable
        if os.access(path, os.X_OK):
            return path
    raise MissingPackageError(
        package,
        f'The process {executable}',
        f'Install ros-{environment.get("ROS_DISTRO", "<distro>")}-{package.replace("_", "-")} and '
        'source that ROS 2: lib/ of every prefix in AMENT_PREFIX_PATH was looked through.',
    )


def _end_with_parent() -> None:
    """Have the kernel ask this process to end if its parent dies, even by SIGKILL."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)

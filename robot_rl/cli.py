"""The command line: parses, calls, and says errors in one paragraph. The work is done elsewhere.

Only the command asked for is built into a parser and only its modules are imported, so `--help`
answers at once and a robot without torch can still check and run a policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import dataclasses
from dataclasses import dataclass
import errno
import math
import os
from pathlib import Path
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Annotated, Any

from robot_rl.bench.config import DemoConfig
from robot_rl.errors import MissingPackageError, RobotRLError, UnknownNameError
from robot_rl.learn.config import TrainConfig

if TYPE_CHECKING:
    from tyro.conf import Positional
else:
    try:
        from tyro.conf import Positional
    except ImportError:  # told by `main` when a command is parsed
        Positional = Annotated

EXIT_USAGE, EXIT_INTERRUPTED = 2, 130
_PIP = "Install it with: pip install '{}'"
_REMEDIES = {
    'tyro': ('The command line', _PIP.format('robot_rl[cli]')),
    'onnxruntime': ('Running a policy', _PIP.format('onnxruntime')),
    'rclpy': (
        'ROS 2',
        f'Source a ROS 2 installation, or: {_PIP.format("robot_rl[ros]")}',
    ),
    'mcap': ('Recording', _PIP.format('robot_rl[ros]')),
    'mujoco': ('The mujoco engine', f'It needs Python 3.11. {_PIP.format("robot_rl[train]")}'),
    'warp': ('Running kernels on a GPU', _PIP.format('robot_rl[gpu]')),
    **{
        package: ('This command', _PIP.format('robot_rl[train]'))
        for package in (
            'torch',
            'numba',
            'rsl_rl',
            'tensordict',
            'gymnasium',
            'matplotlib',
            'yaml',
        )
    },
    **{
        package: ('Exporting', _PIP.format('robot_rl[train]'))
        for package in ('onnx', 'onnxscript')
    },
}
"""Missing module to what needs it and how to get it."""
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE}


@dataclass(frozen=True)
class List:
    """List robots, tasks, engines and policies."""

    def run(self) -> int:
        """Print them by kind."""
        from robot_rl.assets import asset_roots
        from robot_rl.envs import engines
        from robot_rl.spec import registry

        policies = {
            path.stem for root in asset_roots() for path in (root / 'policies').glob('*.onnx')
        }
        rows = {
            'robots': registry.robot_names(),
            'tasks': registry.task_ids(),
            'engines': engines.engine_names(),
            'policies': sorted(policies),
        }
        for kind, names in rows.items():
            print(f'{kind:9} {", ".join(names) or "none"}')
        return 0


@dataclass(frozen=True)
class Train(TrainConfig):
    """Train a policy; writes a run folder with checkpoints, progress and the configuration."""

    task: Positional[str] = TrainConfig.task
    """What to train, see `robot_rl list`."""

    def run(self) -> int:
        """Train, then say where the run is and how it scored."""
        from robot_rl.learn.run_folder import read_evaluation
        from robot_rl.learn.train import train

        run = train(TrainConfig(**dataclasses.asdict(self)))
        score = read_evaluation(run)
        print(f'{run}: success {score["success"]:.1%} on {score["episodes"]} unseen episodes')
        return 0


@dataclass(frozen=True)
class Eval:
    """Score a policy on episodes it has never seen, on any engine."""

    policy: Positional[Path]
    """A run folder or an .onnx file."""
    engine: str = 'analytic'
    """Simulator; one it was not trained on is the transfer test."""
    episodes: int = 2000
    """Episodes, each from another start with other physics."""
    seed: int = 1_000_000
    """Of the episodes; training and validation use smaller ones."""
    out: Path | None = None
    """Folder for evaluation-<engine>.json and .html; by default the run folder."""

    def run(self) -> int:
        """Evaluate and print the scores."""
        from robot_rl.bench import evaluation

        done = evaluation.evaluate(
            self.policy, self.engine, episodes=self.episodes, seed=self.seed
        )
        print(evaluation.text(evaluation.score(done), done.task.error_unit))
        folder = self.out or (self.policy if self.policy.is_dir() else None)
        if folder is not None:
            print(f'  page     {evaluation.save(done, folder)}')
        return 0


@dataclass(frozen=True)
class Play:
    """Look at one episode closely."""

    policy: Positional[Path]
    """A run folder or an .onnx file."""
    engine: str = 'analytic'
    """Simulator."""
    seed: int = 0
    """Of the episode."""
    nominal: bool = False
    """Without randomization and sensor noise."""
    out: Path = Path('play.html')
    """Page with the path and the error."""

    def run(self) -> int:
        """Play, print how it went, write the page."""
        from robot_rl.bench import play

        played = play.play(self.policy, self.engine, seed=self.seed, randomize=not self.nominal)
        print(played.text())
        play.picture(played, self.out)
        print(f'  page     {self.out}')
        return 0


@dataclass(frozen=True)
class Export:
    """Write the policy of a run as one file that a robot runs."""

    run_folder: Positional[Path]
    """The run."""
    out: Path | None = None
    """The file to write; by default policy.onnx in the run folder."""

    def run(self) -> int:
        """Export and say what was written."""
        from robot_rl.export.run import export_run

        path, contract = export_run(self.run_folder, self.out)
        print(f'{path}: {contract.task} at {1.0 / contract.control_dt:g} Hz')
        return 0


@dataclass(frozen=True)
class Check:
    """Test a policy file as the node does before it lets the policy drive."""

    policy: Positional[Path]
    """The .onnx file."""
    robot: str = ''
    """Robot it is to run on; by default the one it names."""
    contract: bool = False
    """Print the contract too."""

    def run(self) -> int:
        """Print the findings; exit code 2 for a policy that must not run."""
        from robot_rl.deploy.check import check
        from robot_rl.deploy.describe import contract_text

        report = check(self.policy, self.robot or None)
        if self.contract and report.contract is not None:
            print(contract_text(report.contract), end='\n\n')
        print(report.text())
        return 0 if report.ok else EXIT_USAGE


@dataclass(frozen=True)
class Run:
    """Start simulator, policy and goal as ROS 2 processes; what `ros2 launch` would start."""

    policy: Positional[Path]
    """The .onnx file."""
    engine: str = 'analytic'
    """Engine of the simulated robot; '' if a real one is there."""
    goal: str = 'hover'
    """hover, figure_eight or lissajous; '' if somebody else sends the goal."""
    robot: str = ''
    """Robot; by default the one that the policy names."""
    seconds: float = math.inf
    """Time to run [s]; by default until Ctrl-C."""
    speed: float = 1.0
    """Of the simulation; 0 for as fast as it can."""
    record: Path | None = None
    """A new .mcap file for what is said."""
    domain: int | None = None
    """ROS_DOMAIN_ID; by default a random one, which keeps the run to itself."""

    def run(self) -> int:
        """Start all, stop all."""
        from robot_rl.nodes.run import run

        return run(
            self.policy,
            robot_name=self.robot,
            engine=self.engine,
            goal=self.goal,
            record=self.record,
            domain=self.domain,
            speed=self.speed,
            duration_s=self.seconds,
        )


@dataclass(frozen=True)
class Demo(DemoConfig):
    """Train, evaluate on two engines, export, check and fly over ROS 2; writes a report."""

    def run(self) -> int:
        """Do all of it."""
        from robot_rl.bench.demo import demo

        return demo(self)


@dataclass(frozen=True)
class BenchLatency:
    """Time from signals to setpoint, beside torch and plain onnxruntime."""

    policy: Positional[Path]
    """The .onnx file."""
    rounds: int = 500
    """Turns of each contender."""

    def run(self) -> int:
        """Measure and print."""
        from robot_rl.bench.latency import latency

        latency(self.policy, self.rounds)
        return 0


COMMANDS: dict[str, Any] = {
    'list': List,
    'train': Train,
    'eval': Eval,
    'play': Play,
    'export': Export,
    'check': Check,
    'run': Run,
    'demo': Demo,
    'bench latency': BenchLatency,
}
"""Command to the dataclass of its options; a space separates a subcommand."""


def usage() -> str:
    """Overview of all commands."""
    width = max(map(len, COMMANDS))
    rows = [f'  {name:{width}}  {_first_line(kind)}' for name, kind in COMMANDS.items()]
    return '\n'.join(
        [
            'usage: robot_rl COMMAND [OPTIONS]',
            '',
            'Train policies for robots, check them, and run them over ROS 2.',
            '',
            *rows,
            '',
            'robot_rl COMMAND --help lists the options of a command.',
        ]
    )


def _first_line(kind: Any) -> str:
    return kind.__doc__.splitlines()[0].partition('; ')[0].rstrip('.')


def _command(args: Sequence[str]) -> tuple[str, list[str]]:
    """Split arguments into the command, '' for an overview, and the rest.

    Raises UnknownNameError.
    """
    if not args or args[0] in ('-h', '--help', 'help'):
        return '', []
    groups = {name.split()[0] for name in COMMANDS if ' ' in name}
    name, rest = args[0], list(args[1:])
    if name in groups:
        members = [member.split()[1] for member in COMMANDS if member.startswith(f'{name} ')]
        if rest[:1] in ([], ['-h'], ['--help']):
            return '', []
        if rest[0] not in members:
            raise UnknownNameError(f'{name} command', rest[0], members)
        name = f'{name} {rest.pop(0)}'
    if name not in COMMANDS:
        raise UnknownNameError('command', name, {key.split()[0] for key in COMMANDS})
    return name, rest


def _check_options(kind: Any, args: Sequence[str]) -> None:
    """Refuse an option that the command does not have. Raises UnknownNameError."""
    known = {'--help'}
    for field in dataclasses.fields(kind):
        dashed = field.name.replace('_', '-')
        known.add(f'--{dashed}')
    for arg in args:
        name = arg.partition('=')[0].replace('_', '-')
        if name.startswith('--') and name not in known:
            raise UnknownNameError('option', name, known)


def parse(args: Sequence[str]) -> Callable[[], int]:
    """Turn arguments into the function that does the work.

    Raises:
        UnknownNameError: No such command or option.
        SystemExit: After printing help, or with code 2 for a value that cannot be read.
    """
    name, rest = _command(args)
    if not name:
        return lambda: print(usage()) or 0
    kind = COMMANDS[name]
    _check_options(kind, rest)
    import tyro

    plain = (tyro.conf.FlagCreatePairsOff,)
    return tyro.cli(kind, prog=f'robot_rl {name}', args=rest, config=plain).run


def main(args: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 2 for an error of the user, 130 for Ctrl-C."""
    try:
        return parse(sys.argv[1:] if args is None else args)()
    except RobotRLError as error:
        return _say(str(error))
    except ModuleNotFoundError as error:
        package = (error.name or '').partition('.')[0]
        if package not in _REMEDIES:
            raise
        purpose, remedy = _REMEDIES[package]
        return _say(str(MissingPackageError(package, purpose, remedy)))
    except BrokenPipeError:  # the reader, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno not in _DISK:
            raise
        where = f' {str(error.filename)!r}' if error.filename else ''
        return _say(f'Cannot write{where}: {error.strerror}. What was written before is kept.')
    except KeyboardInterrupt:
        sys.stderr.write('\nInterrupted.\n')
        return EXIT_INTERRUPTED


def _say(text: str) -> int:
    width = min(100, shutil.get_terminal_size().columns)
    sys.stderr.write(textwrap.fill(f'robot_rl: {" ".join(text.split())}', width) + '\n')
    return EXIT_USAGE


if __name__ == '__main__':
    sys.exit(main())

"""From training to a robot: options as a dataclass for each command, and what they call.

Heavy modules are imported inside `run`, so that `--help` answers at once and a robot without torch
can still check and run a policy.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
import math
from pathlib import Path

from robot_rl.assets import shipped_policies
from robot_rl.bench.config import DemoConfig
from robot_rl.commands.options import Policy, PolicyFile, Positional
from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.learn.config import TEST_SEED, DistillConfig, TrainConfig


@dataclass(frozen=True)
class List:
    """List robots, tasks, engines with the robots that each simulates, and policies."""

    def run(self) -> int:
        """Print them by kind, then raise SpecError for those that cannot be read."""
        from robot_rl.spec import engines, registry

        wrong: list[SpecError] = []
        robots = registry.robot_names(wrong.append)
        simulates = engines.robots_by_engine(registry.robots(robots, wrong.append))
        rows = {
            'robots': ', '.join(robots),
            'tasks': ', '.join(registry.task_ids(wrong.append)),
            'engines': f'\n{"":10}'.join(
                f'{engine:9} {", ".join(known)}' for engine, known in simulates.items()
            ),
            'policies': ', '.join(sorted(shipped_policies())),
        }
        for kind, names in rows.items():
            print(f'{kind:9} {names or "none"}')
        if wrong:
            raise SpecError(' '.join(map(str, wrong)))
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

    policy: Positional[Policy]
    """A run folder, an .onnx file, or a policy that `robot_rl list` names."""
    engine: str = ''
    """Simulator, by default the first that knows the robot; one that the policy was not trained on
    is the transfer test."""
    episodes: int = 2000
    """Episodes, each from another start with other physics."""
    seed: int = TEST_SEED
    """Of the episodes; training and validation use smaller ones."""
    hold: tuple[str, ...] = ()
    """What all episodes have instead of what is drawn for each, NAME=VALUE in SI units, components
    separated by commas: clearance=0.0005 for an insertion."""
    renderer: str = ''
    """What draws the images of a camera: raycast, or mujoco, which training did not see; either
    draws the same places. Gates also stand in nerf:FOLDER, learned places, baked:FOLDER, the same
    drawn faster, and rooms:7,8, rooms of `robot_rl nerf capture`."""
    teacher: bool = False
    """Score the teacher that a policy of images learned from instead, on the same episodes. Only
    with --out anything is written."""
    out: Path | None = None
    """Folder for evaluation-<engine>.json and .html; by default the run folder. Of a policy that
    is a file nothing is written without it."""
    video: bool = False
    """Also film the worst, the median and the best episode: evaluation-<engine>.mp4."""

    def run(self) -> int:
        """Evaluate and print the scores."""
        from robot_rl.bench import evaluation

        own = self.policy if self.policy.is_dir() and not self.teacher else None
        folder = self.out or own
        if self.video and folder is None:
            raise SpecError(
                f'A film needs a folder to lie in, {self.policy} is none: say --out FOLDER.'
            )

        done = evaluation.evaluate(
            self.policy,
            self.engine,
            episodes=self.episodes,
            seed=self.seed,
            hold=dict(_numbers('--hold', 'clearance=0.0005', item) for item in self.hold),
            renderer=self.renderer,
            teacher=self.teacher,
        )
        print(evaluation.text(evaluation.score(done), done.task.error_unit))
        if folder is None:
            return 0
        page = evaluation.save(done, folder)
        print(f'  page     {page}')
        if self.video:
            from robot_rl.bench import play
            from robot_rl.pictures.film import film

            film(play.telling(done), page.with_suffix('.mp4'))
            print(f'  film     {page.with_suffix(".mp4")}')
        return 0


@dataclass(frozen=True)
class Play:
    """Look at episodes closely: a page to walk around in, or a film."""

    policy: Positional[Policy]
    """A run folder, an .onnx file, or a policy that `robot_rl list` names."""
    engine: str = ''
    """Simulator; by default the first that knows the robot."""
    episodes: int = 1
    """How many, side by side in a film: 1, 4 or 9 fill the picture."""
    seed: int = 0
    """Of the episodes."""
    nominal: bool = False
    """Without randomization and sensor noise."""
    out: Path = Path('play.html')
    """The file to write: a page (.html) or a film (.mp4)."""

    def run(self) -> int:
        """Play, print how it went, write the page or the film."""
        from robot_rl.bench import play

        kinds = ('.html', '.mp4')
        if self.out.suffix not in kinds:
            raise UnknownNameError('kind of picture', self.out.suffix or str(self.out), kinds)
        if self.out.suffix == '.mp4':
            from robot_rl.pictures.film import film as write
        else:
            from robot_rl.pictures.page import page as write
        played = play.play(
            self.policy,
            self.engine,
            episodes=self.episodes,
            seed=self.seed,
            randomize=not self.nominal,
        )
        print('\n'.join(episode.text() for episode in played))
        write(played, self.out)
        print(f'  written  {self.out}')
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

    policy: Positional[PolicyFile]
    """An .onnx file, or a policy that `robot_rl list` names."""
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
        return 0 if report.ok else 2


@dataclass(frozen=True)
class Run:
    """Start simulator, policy and goal as ROS 2 processes; what `ros2 launch` would start."""

    policy: Positional[PolicyFile]
    """An .onnx file, or a policy that `robot_rl list` names."""
    engine: str | None = None
    """Engine of the simulated robot, by default the fastest that can; '' for a real one."""
    goal: str = 'default'
    """default (see launch/params), hover, figure_eight, lissajous, or task for what the simulated
    world is built around; '' if somebody else sends the goal."""
    robot: str = ''
    """Robot; by default the one that the policy names."""
    seconds: float = math.inf
    """Time to run [s]; by default until Ctrl-C."""
    speed: float = 1.0
    """Of the simulation; 0 for as fast as it can."""
    teleop: str = ''
    """gamepad or spacemouse, whose driver publishes on the topic joy: take over with it; '' for
    none."""
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
            teleop=self.teleop,
            record=self.record,
            domain=self.domain,
            speed=self.speed,
            duration_s=self.seconds,
        )


@dataclass(frozen=True)
class Identify:
    """Estimate a robot's physical parameters from a recorded flight; proposes a randomization."""

    recording: Positional[Path]
    """The .mcap file, with setpoints and states."""
    robot: str
    """Whose flight it is, see `robot_rl list`."""
    known: tuple[str, ...] = ()
    """What was measured otherwise, NAME=VALUE in SI units, components separated by commas."""
    engine: str = ''
    """Simulator that predicts; by default the fastest that knows the robot."""
    horizon: float = 0.5
    """How far ahead predictions are held against the recording [s]."""
    out: Path | None = None
    """A new .yaml file, the picture goes beside it; by default beside the recording."""

    def run(self) -> int:
        """Identify, print the findings, say where the proposal is."""
        from robot_rl.identify.identify import identify
        from robot_rl.identify.text import text

        known = dict(_numbers('--known', 'mass=0.03', item) for item in self.known)
        result = identify(
            self.recording,
            self.robot,
            engine=self.engine,
            known=known,
            horizon_s=self.horizon,
            out=self.out,
        )
        print(text(result))
        return 0


def _numbers(option: str, example: str, item: str) -> tuple[str, tuple[float, ...]]:
    """Read NAME=VALUE[,VALUE...]. Raises SpecError."""
    name, _, values = item.partition('=')
    try:
        return name, tuple(map(float, values.split(',')))
    except ValueError:
        raise SpecError(
            f'{option} takes NAME=VALUE in SI units, components separated by commas, such as '
            f'{example}, got {item!r}.'
        ) from None


@dataclass(frozen=True)
class Distill(DistillConfig):
    """Learn a policy of images from a teacher that knows what no camera shows."""

    task: Positional[str] = DistillConfig.task
    """What to learn; one with a camera and a teacher."""

    def run(self) -> int:
        """Learn, then say where the run is and how it scored beside its teacher."""
        from robot_rl.learn.distill import distill
        from robot_rl.learn.run_folder import read_evaluation

        run = distill(DistillConfig(**dataclasses.asdict(self)))
        score = read_evaluation(run)
        print(
            f'{run}: success {score["success"]:.1%} on {score["episodes"]} unseen episodes, '
            f'the teacher {score["teacher"]["success"]:.1%}'
        )
        return 0


@dataclass(frozen=True)
class Demo(DemoConfig):
    """Train, evaluate on two engines, export, check and fly over ROS 2; writes a report."""

    def run(self) -> int:
        """Do all of it."""
        from robot_rl.bench.demo import demo

        return demo(self)

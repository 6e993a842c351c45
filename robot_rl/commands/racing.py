"""Racing from a camera: eyes, practice without anyone about, laps beside the lidar's policy."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from robot_rl.assets import policy_path
from robot_rl.commands.options import Positional
from robot_rl.learn.config import TEST_SEED, PractiseConfig, PretrainConfig


@dataclass(frozen=True)
class Pretrain(PretrainConfig):
    """Record driving in many places and train eyes on it; writes a run folder with eyes.pt."""

    task: Positional[str] = PretrainConfig.task
    """Whose eyes; one with a camera, a lidar and places elsewhere."""

    def run(self) -> int:
        """Record and train, then say how well they see."""
        from robot_rl.learn.pretrain import FILE, pretrain
        from robot_rl.learn.run_folder import read_evaluation

        run = pretrain(PretrainConfig(**dataclasses.asdict(self)))
        told = read_evaluation(run)
        print(
            f'{run / FILE}: ranges off by {told["range_error"]:.1%} in places not learned from '
            f'(their mean by {told["range_error_of_the_mean"]:.1%}), {told["cpu_seconds"]:.0f} '
            'CPU-s'
        )
        return 0


@dataclass(frozen=True)
class Practise(PractiseConfig):
    """Let a car practise on a course from its camera, alone; writes a run folder."""

    task: Positional[str] = PractiseConfig.task
    """What to practise; one with a camera and courses."""

    def run(self) -> int:
        """Practise, then say how it went."""
        from robot_rl.learn.run_folder import read_evaluation
        from robot_rl.learn.unattended import practise

        run = practise(PractiseConfig(**dataclasses.asdict(self)))
        told = read_evaluation(run)
        last = f', the last in {told["laps"][-1][1]:.1f} s' if told['laps'] else ''
        print(
            f'{run}: {told["robot_seconds"] / 60.0:.1f} minutes, {len(told["laps"])} clean laps'
            f'{last}, {told["failures"]} failures'
        )
        return 0


@dataclass(frozen=True)
class BenchLaps:
    """Laps of cars that practised by camera, beside a lidar's policy on the same courses."""

    runs: Positional[tuple[Path, ...]]
    """Run folders of `robot_rl practise`."""
    twin: str = 'race-racecar'
    """The policy by lidar: a run folder, an .onnx file, or one that `robot_rl list` names."""
    starts: int = 20
    """Cars, each from another place on the course."""
    seed: int = TEST_SEED
    """Of the starts."""
    plot: Path | None = None
    """Also draw how practice went to this .svg or .png file."""

    def run(self) -> int:
        """Measure and print."""
        from robot_rl.bench import laps

        rows = laps.run(self.runs, policy_path(self.twin, runs=True), self.starts, self.seed)
        print(laps.text(rows, self.starts))
        if self.plot:
            from robot_rl.bench import laps_picture

            laps_picture.draw(self.runs, self.plot)
            print(f'written {self.plot}')
        return 0

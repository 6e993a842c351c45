"""Learning from people: demonstrations, and practice with corrections."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from robot_rl.commands.options import Positional
from robot_rl.commands.seats import Sitting
from robot_rl.learn.config import ActConfig, HilConfig

Config = TypeVar('Config', HilConfig, ActConfig)


def _as(kind: type[Config], options: Any) -> Config:
    """Those of a command's options that `kind` has."""
    fields = dataclasses.fields(kind)
    return kind(**{field.name: getattr(options, field.name) for field in fields})


@dataclass(frozen=True)
class HilDemos(Sitting):
    """Record demonstrations to an episode file: of a simulated person, or of a real one."""

    task: Positional[str] = HilConfig.task
    """What to demonstrate; one that knows how it is done."""
    episodes: int = 20
    """Successes; what failed is recorded too, and told by its outcome."""
    operator: Literal['scripted', 'joy', 'web'] = 'scripted'
    """Who shows it: a simulated person, or a real one at a joy driver or at the page."""
    speed: float | None = None
    """Of the simulation, 0 for as fast as it can; by default that, and 1 for a real person."""
    seed: int = 0
    """Of everything random."""
    engine: str = ''
    """Simulator; by default the first that knows the robot."""
    out: Path = Path('demos.mcap')
    """The new file."""

    def run(self) -> int:
        """Demonstrate, then say how it went."""
        from robot_rl.learn.hil import demonstrate
        from robot_rl.learn.pace import Pace, period_of
        from robot_rl.spec import registry
        from robot_rl.spec.engines import engine_for

        task = registry.task(self.task)
        engine = engine_for(task.robot, self.engine)
        pace = Pace(period_of(task.control_dt, self.speed, self.operator))
        with self.seat(self.task, self.operator, self.speed) as person:
            how: dict[str, Any] = {'seed': self.seed, 'person': person, 'pace': pace}
            tallies = demonstrate(task, engine, self.out, episodes=self.episodes, **how)
        done = [tally.steps * task.control_dt for tally in tallies if tally.success]
        took = f', in {sum(done) / len(done):.1f} s on average' if done else ''
        print(f'{self.out}: {len(done)} of {len(tallies)} succeeded{took}')
        return 0


@dataclass(frozen=True)
class HilTrain(HilConfig, Sitting):
    """Learn from demonstrations and corrections; writes a run folder with all that was lived."""

    task: Positional[str] = HilConfig.task
    """What to learn; one that says how it is learned from people."""

    def run(self) -> int:
        """Learn, then say where the run is and how it scored."""
        from robot_rl.learn.hil import learn
        from robot_rl.learn.run_folder import read_evaluation

        with self.seat(self.task, self.operator, self.speed) as person:
            run = learn(_as(HilConfig, self), person=person)
        score = read_evaluation(run)
        print(
            f'{run}: success {score["success"]:.1%} on {score["episodes"]} unseen episodes, '
            f'{score["time_s"]:.1f} s on average; people acted in '
            f'{score["intervention_rate"]:.1%} of the last steps of practice'
        )
        return 0


@dataclass(frozen=True)
class HilLearner(HilConfig):
    """Learn in a process of its own from whoever acts; Ctrl-C ends it, the same again resumes."""

    task: Positional[str] = HilConfig.task
    """What to learn; one that says how it is learned from people."""
    address: str = ''
    """HOST:PORT to listen at; by default a socket in the folder of the run."""
    token: str = ''
    """What who acts has to know; by default made up and kept in the folder of the run."""

    def run(self) -> int:
        """Learn, then say where the run is."""
        from robot_rl.learn.apart import learn_apart

        print(learn_apart(_as(HilConfig, self), self.address, self.token))
        return 0


@dataclass(frozen=True)
class HilActor(ActConfig, Sitting):
    """Act in a process of its own, at its own rate, with the newest weights of the learner."""

    folder: Positional[Path] = ActConfig.folder
    """The folder of a run that `robot_rl hil learner` began."""

    def run(self) -> int:
        """Act, then say how many control periods ended late."""
        from robot_rl.learn.apart import act_apart

        pace = act_apart(_as(ActConfig, self), self._seat)
        print(f'{pace.late} of {pace.periods} control periods ended late')
        return 0

    def _seat(self, task: str) -> Any:
        return self.seat(task, self.operator, self.speed)

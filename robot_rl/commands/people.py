"""Learning from people: demonstrations, and practice with corrections."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from robot_rl.commands.options import Positional
from robot_rl.commands.seats import Sitting
from robot_rl.learn.config import ActConfig, HilConfig

if TYPE_CHECKING:
    from robot_rl.learn.classifier import Confusion

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
        time = score['time_s']  # none where nothing succeeded
        print(
            f'{run}: success {score["success"]:.1%} on {score["episodes"]} unseen episodes'
            f'{f", {time:.1f} s on average" if time is not None else ""}; people acted in '
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


@dataclass(frozen=True)
class TrainClassifier:
    """Learn to see from recorded episodes when a task is done, for `hil train --reward`."""

    files: Positional[tuple[Path, ...]]
    """Files of episodes, demonstrations or practice, with successes and failures."""
    task: str = HilConfig.task
    """What they are of."""
    out: Path = Path('classifier.pt')
    """The file to write."""
    min_accuracy: float = 0.95
    """Balanced accuracy on the frames held out below which nothing is written."""
    threshold: float = 0.5
    """Probability from which a frame counts as done."""
    frames: int = 2
    """Such frames in a row that make a success, which guards against false ones."""
    held_out: float = 0.25
    """Share of the episodes that it is scored on and does not learn from."""
    seed: int = 0
    """Of the split, the first weights and the batches."""

    def run(self) -> int:
        """Learn, say what it is worth on what was held out, and write it if that is enough."""
        from robot_rl.learn import classifier
        from robot_rl.spec import registry

        options = classifier.Options(self.threshold, self.frames, self.held_out, self.seed)
        task = registry.task(self.task)
        fitted = classifier.fit(task, classifier.labelled(task, self.files), options)
        print(_confusion(fitted.confusion, fitted.trained_on, self.frames))
        fitted.save(self.out, self.min_accuracy)
        print(f'{self.out}: balanced accuracy {fitted.confusion.accuracy:.1%}')
        return 0


def _confusion(found: Confusion, trained_on: int, frames: int) -> str:
    """A table of what was said of frames held out, with Wilson intervals of 95 %."""
    from robot_rl.bench.statistics import wilson

    def share(part: int, whole: int) -> str:
        if not whole:
            return 'none'
        rate = wilson(part, whole)
        return f'{rate.estimate:.1%} ({rate.low:.1%} to {rate.high:.1%})'

    done, said = found.hits + found.misses, found.hits + found.false_alarms
    rows = [
        f'Trained on {trained_on} episodes, scored on {found.episodes} others.',
        f'{"frames":>12}{"said done":>12}{"said not":>12}',
        f'{"done":>12}{found.hits:>12}{found.misses:>12}',
        f'{"not done":>12}{found.false_alarms:>12}{found.rejections:>12}',
        f'recall {share(found.hits, done)}, precision {share(found.hits, said)}',
        f'{found.fooled} of {found.episodes} episodes have {frames} frames in a row before it '
        'was done that it took for done',
    ]
    return '\n'.join(rows)

"""Learning from people: demonstrations, and practice with corrections."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from robot_rl.commands.options import Positional
from robot_rl.learn.config import ActConfig, HilConfig


@dataclass(frozen=True)
class HilDemos:
    """Record demonstrations of a simulated person to an episode file."""

    task: Positional[str] = HilConfig.task
    """What to demonstrate; one that knows how it is done."""
    episodes: int = 20
    """Successes; what failed is recorded too, and told by its outcome."""
    seed: int = 0
    """Of everything random."""
    engine: str = ''
    """Simulator; by default the first that knows the robot."""
    out: Path = Path('demos.mcap')
    """The new file."""

    def run(self) -> int:
        """Demonstrate, then say how it went."""
        from robot_rl.learn.hil import demonstrate
        from robot_rl.spec import registry
        from robot_rl.spec.engines import engine_for

        task = registry.task(self.task)
        engine = engine_for(task.robot, self.engine)
        tallies = demonstrate(task, engine, self.out, episodes=self.episodes, seed=self.seed)
        done = [tally.steps * task.control_dt for tally in tallies if tally.success]
        print(
            f'{self.out}: {len(done)} of {len(tallies)} succeeded, in '
            f'{sum(done) / len(done):.1f} s on average'
        )
        return 0


@dataclass(frozen=True)
class HilTrain(HilConfig):
    """Learn from demonstrations and corrections; writes a run folder with all that was lived."""

    task: Positional[str] = HilConfig.task
    """What to learn; one that says how it is learned from people."""

    def run(self) -> int:
        """Learn, then say where the run is and how it scored."""
        from robot_rl.learn.hil import learn
        from robot_rl.learn.run_folder import read_evaluation

        run = learn(HilConfig(**dataclasses.asdict(self)))
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

        told = dataclasses.asdict(self)
        address, token = told.pop('address'), told.pop('token')
        print(learn_apart(HilConfig(**told), address, token))
        return 0


@dataclass(frozen=True)
class HilActor(ActConfig):
    """Act in a process of its own, at its own rate, with the newest weights of the learner."""

    folder: Positional[Path] = ActConfig.folder
    """The folder of a run that `robot_rl hil learner` began."""

    def run(self) -> int:
        """Act, then say how many control periods ended late."""
        from robot_rl.learn.apart import act_apart

        actor = act_apart(ActConfig(**dataclasses.asdict(self)))
        print(f'{actor.late} of {actor.periods} control periods ended late')
        return 0

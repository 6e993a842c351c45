"""`robot_rl bench ...`: options as a dataclass for each comparison, and what they call.

Heavy modules are imported inside `run`, as in everyday.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from robot_rl.commands.options import Policy, PolicyFile, Positional
from robot_rl.learn.config import TEST_SEED


@dataclass(frozen=True)
class BenchSim:
    """Steps per second of whole environments, beside l2f where it is installed."""

    task: Positional[str] = 'hover-crazyflie'
    """Task, see `robot_rl list`."""
    num_envs: int = 8192
    """Environments stepped together."""
    seconds: float = 2.0
    """Time for each contender [s]."""

    def run(self) -> int:
        """Measure and print."""
        from robot_rl.bench import sim

        print(sim.text(sim.sim(self.task, self.num_envs, self.seconds)))
        return 0


@dataclass(frozen=True)
class BenchLidar:
    """Steps per second of robots with lidars, beside IR-SIM where it is installed."""

    barn: Path | None = None
    """File of BARN worlds for 720 beams, instead of drawn ones."""
    turns: int = 5
    """Turns of each contender, on one core and on two."""
    seconds: float = 2.0
    """Processor time of a turn [s]."""

    def run(self) -> int:
        """Measure and print."""
        from robot_rl.bench.lidar import compare

        print(compare.text(compare.compare(self.barn, self.turns, self.seconds)))
        return 0


@dataclass(frozen=True)
class BenchRender:
    """Images per second of cameras, beside MuJoCo's and PyBullet's renderers."""

    seconds: float = 1.0
    """Processor time for each contender and size of image [s]."""
    rounds: int = 5
    """Turns of each contender."""

    def run(self) -> int:
        """Measure and print."""
        from robot_rl.bench import render

        print(render.text(render.render(self.seconds, self.rounds)))
        return 0


@dataclass(frozen=True)
class BenchSight:
    """Flights by camera over ROS 2, in real time: what they touch, and how late setpoints are."""

    policy: Positional[PolicyFile]
    """An .onnx file, or a policy that `robot_rl list` names."""
    flights: int = 5
    """Of the simulator's seeds from 0: another place each."""
    out: Path = Path('sight')
    """The new folder for recordings and logs."""

    def run(self) -> int:
        """Fly and print."""
        from robot_rl.bench import sight

        print(sight.text(sight.sight(self.policy, self.flights, self.out)))
        return 0


@dataclass(frozen=True)
class BenchRlpd:
    """Updates per second of RLPD, beside SAC of Stable-Baselines3 where it is installed."""

    turns: int = 5
    """Turns of each contender."""
    updates: int = 20
    """Updates of a turn."""
    threads: int = 1
    """Torch threads of all."""
    out: Path | None = None
    """JSON file for the figures of all turns."""

    def run(self) -> int:
        """Measure and print."""
        from robot_rl.bench import rlpd

        rows = rlpd.run(self.turns, self.updates, self.threads)
        if self.out is not None:
            rlpd.save(rows, self.out)
        print(rlpd.text(rows))
        return 0


@dataclass(frozen=True)
class BenchSurvival:
    """Kill who acts and who learns, again and again, and see what is left of the run."""

    kills: int = 50
    """How many, each of the actor, the learner or both."""
    seed: int = 0
    """Of who is killed and when."""
    speed: float = 10.0
    """Of the simulation, times real time: so that episodes end between kills."""
    browser: bool = False
    """Also open the page of who acts in Chromium, in real time, and kill that too."""
    out: Path = Path('survival')
    """The new folder for the run, the logs of both and survival.json."""

    def run(self) -> int:
        """Kill, check, print; 1 where something does not hold."""
        from robot_rl.bench import survival, survivors

        speed = min(self.speed, 1.0) if self.browser else self.speed
        kills, deaths = survival.survive(
            self.out, self.kills, self.seed, speed, watched=self.browser
        )
        found = survivors.checks(self.out / 'runs' / survival.NAME, kills, deaths)
        survivors.save(self.out / 'survival.json', kills, found, seed=self.seed, speed=speed)
        print(survivors.text(kills, found))
        return 0 if all(check.holds for check in found) else 1


@dataclass(frozen=True)
class BenchTrain:
    """What training costs and yields over many seeds, beside the C++ original."""

    task: Positional[str] = 'hover-crazyflie'
    """Task, see `robot_rl list`."""
    seeds: int = 10
    """Trainings, with seeds from 0."""
    out: Path = Path()
    """Folder whose runs/ takes the trainings."""
    original: Path | None = None
    """Binary of the original's trainer, timed too."""

    def run(self) -> int:
        """Train them all and print the table."""
        from robot_rl.bench import training

        table = training.training(self.task, range(self.seeds), self.out, self.original)
        print(training.text(table))
        return 0


@dataclass(frozen=True)
class BenchCurricula:
    """Compare curricula with uniform chance on the extremes of wide ranges."""

    task: Positional[str] = 'hover-crazyflie'
    """Task, see `robot_rl list`."""
    seeds: int = 5
    """Trainings of each, with seeds from 0."""
    randomization: str = ''
    """File of ranges, or the name of one in sim/randomization; by default <robot>-wide."""
    out: Path = Path()
    """Folder whose runs/ takes the trainings."""

    def run(self) -> int:
        """Train and judge them all, print the table."""
        from robot_rl.bench import curricula

        seeds = range(self.seeds)
        rows, revisions = curricula.curricula(self.task, seeds, self.out, self.randomization)
        print(curricula.text(self.task, rows, revisions))
        return 0


@dataclass(frozen=True)
class BenchRace:
    """Laps on unseen tracks, beside pure pursuit and a point mass."""

    policy: Positional[Policy]
    """A run folder, an .onnx file, or a policy that `robot_rl list` names."""
    engine: str = ''
    """Simulator; by default the fastest that knows the robot."""
    seed: int = TEST_SEED
    """Of the tracks and of all that is drawn."""
    tracks: int = 20
    """How many, each at ten frictions; fewer are quicker."""

    def run(self) -> int:
        """Drive all laps and print the table."""
        from robot_rl.bench import race

        print(race.text(race.run(self.policy, self.tracks, self.engine, self.seed)))
        return 0


@dataclass(frozen=True)
class BenchLatency:
    """Time from signals to setpoint, beside torch and plain onnxruntime."""

    policy: Positional[PolicyFile]
    """An .onnx file, or a policy that `robot_rl list` names."""
    rounds: int = 500
    """Turns of each contender."""

    def run(self) -> int:
        """Measure and print."""
        from robot_rl.bench import latency

        print(latency.text(latency.latency(self.policy, self.rounds)))
        return 0


@dataclass(frozen=True)
class BenchStartup:
    """How long everyday commands take from start to end, beside a Python that does nothing."""

    policy: Positional[PolicyFile]
    """An .onnx file, or a policy that `robot_rl list` names."""
    rounds: int = 7
    """Turns of each command."""

    def run(self) -> int:
        """Measure and print."""
        from robot_rl.bench import startup

        print(startup.text(startup.startup(self.policy, self.rounds)))
        return 0


@dataclass(frozen=True)
class BenchWalk:
    """Falls and velocity errors of a walking policy, on level and on rough ground."""

    policy: Positional[Policy]
    """A run folder, an .onnx file, or a policy that `robot_rl list` names."""
    engine: str = ''
    """Simulator; by default the fastest that knows the robot."""
    episodes: int = 500
    """Episodes, each from another start with other physics."""
    seed: int = TEST_SEED
    """Of the episodes; training and validation use smaller ones."""

    def run(self) -> int:
        """Measure and print."""
        from robot_rl.bench import walk

        print(walk.text(walk.walks(self.policy, self.engine, self.episodes, self.seed)))
        return 0


@dataclass(frozen=True)
class BenchNav:
    """Planners and policies in the same worlds, within the same limits; writes a report."""

    contenders: Positional[tuple[str, ...]] = (
        'reference:dwa',
        'reference:mppi',
        'reference:pure_pursuit',
    )
    """reference:dwa, reference:mppi, reference:pure_pursuit, policy:FILE; over ROS 2 also
    nav2:mppi, nav2:dwb, nav2:rpp."""
    robot: str = 'jackal'
    """Whose limits, footprint and lidar all have."""
    barn: Path | None = None
    """File of BARN worlds to drive in, instead of drawn ones."""
    crowd: int = 0
    """Rooms with ten people walking to drive in, instead of drawn worlds."""
    worlds: int = 50
    """How many to draw, or to take of the file."""
    seeds: int = 1
    """Trials of each contender in each world, with seeds from 1000000."""
    quick: bool = False
    """Twelve worlds: a first impression in minutes."""
    over: Literal['process', 'ros2'] = 'process'
    """Where policies drive: in this process, or as nodes of ROS 2 in processes of their own."""
    speed: float = 1.0
    """Of simulations over ROS 2, times real time; Nav2 needs 1."""
    nav2_params: Path | None = None
    """YAML file of parameters for Nav2's controllers, laid over those from the limits."""
    out: Path = Path('runs/nav')
    """Folder of the report and of all trials; what is there already is not run again."""

    def run(self) -> int:
        """Run what is missing, write the page, say where it is."""
        from robot_rl.bench.navigation import compare, worlds

        num = 12 if self.quick else self.worlds
        arenas = worlds.choose(self.robot, self.barn, self.crowd, num)
        seeds = tuple(range(TEST_SEED, TEST_SEED + self.seeds))
        what = compare.Comparison(
            self.contenders,
            self.robot,
            arenas,
            seeds,
            over=self.over,
            tuning=self.nav2_params,
            speed=self.speed,
        )
        print(f'report {compare.compare(what, self.out)}')
        return 0


@dataclass(frozen=True)
class BenchVariants:
    """Trainings of navigation against each other, in worlds that none of them saw."""

    task: Positional[str] = 'navigate-jackal'
    """A task of navigation, see `robot_rl list`."""
    variants: tuple[str, ...] = ('history', 'recurrent', 'uniform', 'alp_gmm')
    """Some of history (memory of the task alone), recurrent, uniform and alp_gmm (curricula over
    the worlds); the others are compared with the first."""
    seeds: int = 3
    """Trainings of each, with seeds from 0."""
    iterations: int = 0
    """Rounds of PPO of each; 0 for the task's own number."""
    worlds: int = 300
    """How many each policy drives in."""
    out: Path = Path()
    """Folder whose runs/ takes the trainings; those that are there already are not run again."""

    def run(self) -> int:
        """Train and judge what is missing, print the table."""
        from robot_rl.bench.navigation import variants

        what = variants.Contest(self.task, self.variants, self.iterations, self.worlds)
        print(variants.text(what, *variants.run(what, range(self.seeds), self.out)))
        return 0

"""What a training run is asked for. No torch here: the command line shows it without delay."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

VALIDATION_SEED = 500_000  # seeds of training lie below
EXPORT_SEED = 900_000  # these episodes neither choose nor score a policy
TEST_SEED = 1_000_000


@dataclass(frozen=True)
class TrainConfig:
    """Options of `robot_rl train`."""

    task: str = 'hover-crazyflie'
    """What to train, see `robot_rl list`."""
    engine: str = ''
    """Simulator; by default the first that knows the robot, see `robot_rl list`."""
    seed: int = 0
    """Of everything random: below 500,000, above lie validation and test."""
    name: str = ''
    """Name of the folder in runs/; by default task and time."""
    iterations: int = 0
    """Rounds of PPO; 0 for the task's own number."""
    num_envs: int = 0
    """Environments; 0 for the task's own number."""
    recurrent: int | None = None
    """Gated recurrent units before the layers of actor and critic, 0 for none; by default the
    task's own number."""
    checkpoints: int = 6
    """Checkpoints in a run, evenly spaced, and one at its end; those of the last third are
    validated, and the best of them is the run's policy."""
    validation_episodes: int = 256
    """Episodes that a checkpoint is validated on."""
    test_episodes: int = 2000
    """Episodes that the best checkpoint is scored on, none of which chose it."""
    randomization: str = ''
    """File of ranges, or the name of one in sim/randomization; by default the robot's own,
    sim/randomization/<robot>.yaml."""
    curriculum: str = ''
    """What chooses the parameters marked 'curriculum: true' in that file: none (chance, as the
    file says), uniform, alp_gmm or widening; by default the task's own. Validation and test leave
    them to chance."""
    device: str = 'cpu'
    """Torch device."""
    threads: int = 1
    """Torch threads; small networks are slower on more."""
    resume: bool = False
    """Go on with the run of this name from its last checkpoint."""
    quiet: bool = False
    """No progress bar."""


@dataclass(frozen=True)
class HilConfig:
    """Options of `robot_rl hil`."""

    task: str = 'insert-panda'
    """What to learn; one that says how it is learned from people."""
    demos: tuple[Path, ...] = ()
    """Files of demonstrations. Of files of practice, what people did there is learned from."""
    operator: Literal['scripted', 'none', 'joy', 'web'] = 'scripted'
    """Who corrects: a simulated person, nobody, or a real one at a joy driver or at the page."""
    reward: Path | None = None
    """What says in practice that the task is done: a file of `robot_rl train-classifier`; by
    default the state of the simulation."""
    learner: Literal['rlpd', 'bc'] = 'rlpd'
    """RLPD, which practises; or behavior cloning of the demonstrations alone."""
    steps: int = 18_000
    """Control periods of practice; of behavior cloning, its gradient steps at most."""
    seed: int = 0
    """Of everything random: below 500,000."""
    name: str = ''
    """Name of the folder in runs/; by default task, learner and time."""
    engine: str = ''
    """Simulator; by default the first that knows the robot."""
    validate_every: int = 1_500
    """Control periods between checkpoints; each is validated, and the best is the run's policy."""
    validation_episodes: int = 50
    """Episodes that a checkpoint is validated on; 0 leaves a learner of its own without choice."""
    test_episodes: int = 200
    """Episodes that the best is scored on, none of which chose it."""
    threads: int = 1
    """Torch threads."""
    speed: float | None = None
    """Of the simulation, 0 for as fast as it can; by default that, and 1 for a real person."""
    resume: bool = False
    """Go on with the run of this name from its last checkpoint and its recorded episodes."""


@dataclass(frozen=True)
class ActConfig:
    """Options of `robot_rl hil actor`."""

    folder: Path = Path('runs/insert-panda-apart')
    """The folder of a run that `robot_rl hil learner` began."""
    operator: Literal['scripted', 'none', 'joy', 'web'] = 'scripted'
    """Who corrects: a simulated person, nobody, or a real one at a joy driver or at the page."""
    reward: Path | None = None
    """What says that the task is done: a file of `robot_rl train-classifier`; by default the state
    of the simulation."""
    address: str = ''
    """HOST:PORT of the learner; by default the socket in the folder."""
    token: str = ''
    """By default the one in the folder."""
    speed: float = 1.0
    """Of the simulation; 0 for as fast as it can, which no real person can drive."""


@dataclass(frozen=True)
class DistillConfig:
    """Options of `robot_rl distill`."""

    task: str = 'corridor-crazyflie'
    """What to learn; one with a camera and a teacher."""
    engine: str = ''
    """Simulator; by default the first that knows the robot."""
    seed: int = 0
    """Of everything random: below 500,000."""
    name: str = ''
    """Name of the folder in runs/; by default task and time."""
    blind: bool = False
    """The same without an image: what the rest of the observation is worth."""
    renderer: str = ''
    """What draws the images, by default what the task says: see `robot_rl eval --help`."""
    rounds: int = 16
    """Of gathering an episode in every environment and of learning from all so far."""
    num_envs: int = 160
    """Environments."""
    thin: int = 4
    """One moment of so many is kept: the next is much the same, another place is not."""
    capacity: int = 400_000
    """Moments that are kept; one in a hallway takes 16 kB of memory."""
    passes: float = 2.0
    """Over the moments, in a round."""
    last_passes: float = 6.0
    """In the last round, at a rate that falls to zero."""
    batch: int = 256
    """Moments of an update."""
    learning_rate: float = 1e-3
    """Of AdamW."""
    hidden: tuple[int, ...] = (128, 128)
    """Layers over what is seen and the other numbers."""
    exposure: bool = True
    """Whether each image is divided by its mean, as a camera with automatic exposure would."""
    noise: float = 0.12
    """Of what the teacher does in the first round, parts of the largest action."""
    start: Path | None = None
    """A run folder of the same task, whose policy leads from the first round on."""
    foretell: float = 0.05
    """Weight of what a policy foretells, beside what it does."""
    validation_episodes: int = 48
    """Episodes that a round is validated on."""
    test_episodes: int = 200
    """Episodes that the best is scored on, none of which chose it."""
    threads: int = 1
    """Torch threads."""


@dataclass(frozen=True)
class PretrainConfig:
    """Options of `robot_rl pretrain`."""

    task: str = 'laps-racecar'
    """Whose eyes; one with a camera, a lidar and places elsewhere."""
    engine: str = ''
    """Simulator; by default the first that knows the robot."""
    seed: int = 0
    """Of everything random: below 500,000."""
    name: str = ''
    """Name of the folder in runs/; by default eyes and time."""
    num_envs: int = 64
    """Cars that are driven."""
    seconds: float = 40.0
    """That each is driven."""
    noise: float = 0.08
    """Of the driver in each period, parts of the largest action; it lasts for ten periods."""
    bias: float = 0.15
    """Spread of how far each driver is off all the time."""
    passes: float = 8.0
    """Over what was recorded."""
    images: bool = False
    """Keep the images in the file too, for `robot_rl practise --finetune`: 160 MB."""
    batch: int = 256
    """Images of an update."""
    learning_rate: float = 1e-3
    """Of AdamW; it falls to zero in the second half."""
    threads: int = 1
    """Torch threads."""


@dataclass(frozen=True)
class PractiseConfig:
    """Options of `robot_rl practise`."""

    eyes: Path = Path('runs/eyes/eyes.pt')
    """What `robot_rl pretrain` wrote."""
    task: str = 'laps-racecar'
    """What to practise; one with a camera."""
    course: int = 0
    """On which of its courses."""
    minutes: float = 20.0
    """[min] of the car's time, recoveries among them."""
    seed: int = 0
    """Of everything random, the car among it: below 500,000."""
    name: str = ''
    """Name of the folder in runs/; by default task and time."""
    engine: str = ''
    """Simulator; by default the first that knows the robot."""
    blind_critic: bool = False
    """Whether the critic sees no more than the policy; by default it knows the place too."""
    finetune: bool = False
    """Whether the eyes go on learning (DrQ): ten times the work, of eyes made with --images."""
    keep_every: float = 2.0
    """[min] of practice between policies that are kept."""
    threads: int = 1
    """Torch threads."""

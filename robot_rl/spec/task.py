"""Task: what a policy sees, does, how often, and what counts as success.

The simulator, the exporter and the robot read this one declaration. The callables are written with
torch but this module does not import it: a robot reads only the contract.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from robot_rl.errors import SpecError
from robot_rl.spec.camera import Camera
from robot_rl.spec.lidar import Directions
from robot_rl.spec.robot import Robot, Setpoint
from robot_rl.spec.signal import Signal
from robot_rl.spec.terrain import Terrain
from robot_rl.spec.world import World

Tensor = Any
"""A torch tensor; the batch is its first axis."""
Signals = Mapping[str, Tensor]
"""Signal name to a tensor of shape (num_envs, size)."""


@dataclass(frozen=True)
class Step:
    """What rewards, terminations and success look at: the true state after a control period."""

    signals: Signals
    """True signals, privileged ones and commands among them."""
    action: Tensor
    """(num_envs, action_size) action of this period."""
    last_action: Tensor
    """(num_envs, action_size) action of the period before."""
    memory: Tensor = None
    """(num_envs, memory_size) what the policy carried into this period: its clock, say."""


@dataclass(frozen=True)
class Reward:
    """One reward term; the weight carries the sign."""

    name: str
    function: Callable[[Step], Tensor]
    weight: float


@dataclass(frozen=True)
class Termination:
    """One condition that ends an episode in failure."""

    name: str
    function: Callable[[Step], Tensor]


class Commands(Protocol):
    """A source of commands: pure functions, whoever calls them keeps the state."""

    def draw(self, num: int, generator: Any, device: Any, /) -> dict[str, Tensor]:
        """State at the start of `num` episodes, each (num, size), drawn from a torch generator."""
        ...

    def step(self, state: Signals, /) -> dict[str, Tensor]:
        """What changes in `state` by one control period."""
        ...

    def signals(self, state: Signals, /) -> dict[str, Tensor]:
        """Signals that tell the policy what is asked [SI], each (num, size)."""
        ...


class TaughtCommands(Commands, Protocol):
    """Commands of which a curriculum chooses a part, see Task.coordinates."""

    def choose(self, coordinates: Tensor, generator: Any, device: Any, /) -> dict[str, Tensor]:
        """As `draw`, but for what `coordinates` (num, len(Task.coordinates)) in [0, 1] say."""
        ...


@dataclass(frozen=True)
class Task:
    """A task on a robot. See tasks/hover.py for how one reads."""

    name: str
    robot: Robot
    level: str
    """Setpoint level of the robot that the policy commands."""
    signal_names: tuple[str, ...]
    """Inputs of the deployed policy, in order: measurements and commands."""
    action_size: int
    memory_size: int
    """Scalars that the policy carries from one period to the next (action history, say)."""
    observe: Callable[[Signals, Tensor], Tensor]
    """(signals, memory) -> (num_envs, observation_size) actor observation."""
    privileged: Callable[[Signals, Tensor], Tensor]
    """(true signals, memory) -> critic observation."""
    act: Callable[..., Tensor]
    """(action, signals, memory) -> setpoint in SI units, within the setpoint's limits."""
    remember: Callable[[Tensor, Signals, Tensor], Tensor]
    """(memory, signals, action) -> next memory."""
    commands: Commands
    """What is asked of the policy, see mdp/commands.py."""
    initial_state: Callable[..., dict[str, Tensor]]
    """(commands and randomized parameters, num, generator, device) -> true signals to start an
    episode from."""
    rewards: tuple[Reward, ...]
    terminations: tuple[Termination, ...]
    error: Callable[[Step], Tensor]
    """The task's own measure of how far it is from done, in `error_unit`."""
    error_unit: str
    success_error: float
    """An episode succeeds if it does not terminate and its mean error in the last second is lower
    than this."""
    control_dt: float
    """[s] control period."""
    episode_length_s: float
    perceive: Callable[[Signals, Signals], dict[str, Tensor]] | None = None
    """(true signals, what the environments drew at reset) -> more true signals, such as the scan
    of a world that no engine knows of."""
    terrain: Terrain | None = None
    """The ground; a plane where there is none."""
    mirror: Mapping[str, tuple[Sequence[int], Sequence[float]]] = field(
        default_factory=dict[str, tuple[Sequence[int], Sequence[float]]]
    )
    """Of the observations 'actor' and 'critic' and of the 'action': where each component of the
    mirror image comes from, and its sign. Empty where left and right differ."""
    training: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Hyperparameters of the learner that differ from its defaults."""
    directions: Directions | None = None
    """In which a policy sees the scan, where any lidar will do that shows them."""
    eye: Camera | None = None
    """Through which a policy sees the image, where any camera will do that shows as much. The
    image is the last part of its observation, (height, width, 3) in a row."""
    seen_by: Callable[..., Task] | None = None
    """(name of a renderer, camera) -> the same task with images of another: a renderer that no
    training saw, or a camera as it is on the robot."""
    curriculum: str = 'none'
    """What chooses the parameters that its randomization leaves to one, see curricula/."""
    coordinates: tuple[float, ...] = ()
    """Easy or usual values, in [0, 1], of what a curriculum also chooses of its commands."""
    world: Callable[[Mapping[str, Any]], World] | None = None
    """(true signals of one environment and what it drew at its reset, (size,) each) -> what stands
    around the robot: for pictures, and for engines where it is `solid`."""
    solid: bool = False
    """Whether an engine that can is to hold `world` as bodies, which stop the robot. It then
    reports 'collision', and the 'scan' of a robot with a lidar; `perceive` makes what is needed of
    them. Other engines leave all of it to `perceive`."""
    crowd: Callable[[Signals], Tensor] | None = None
    """(what the environments drew and what has changed since) -> (num_envs, n, 2) [m] where the
    people of `world` are, in their order; rows beyond those that there are mean nothing."""
    action_of: Callable[[Tensor, Signals], Tensor] | None = None
    """(setpoint, signals) -> the action that asks for it: how a policy would have done what a
    person did. Only a task that has it can be learned from people."""
    expert: Callable[[Signals], Tensor] | None = None
    """(true signals) -> the action of one who sees all: what a simulated person has in mind."""
    parts: int = 0
    """How many equal parts `error` counts what is left of, such as gates: scores then also say
    which share was done, also by episodes that failed. 0 where it is no such count."""
    teacher: Callable[[Tensor], Tensor] | None = None
    """(critic observation) -> action: who shows a policy of images how it is done."""
    foretold: int = 0
    """How many of an action's components, the last ones, foretell something: what `act` may heed,
    and what is learned beside the rest."""
    elsewhere: Callable[[], Task] | None = None
    """The same task in other places, with a teacher: where driving is recorded that eyes learn
    from, see learn/pretrain.py."""
    corrections: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Hyperparameters of learning from people that differ from its defaults."""

    def __post_init__(self) -> None:
        """Check the declaration against the robot's."""
        self.robot.setpoint(self.level)
        if not self.rewards:
            raise SpecError(f"Task {self.name!r} has no reward. Add a term to 'rewards'.")
        for name in self.signal_names:
            if self.robot.signal(name).privileged:
                raise SpecError(
                    f'Task {self.name!r}: {name!r} is privileged, a robot cannot measure it. '
                    'Leave it to the critic: remove it from signal_names.'
                )
            self.robot.topic(name)

    @property
    def id(self) -> str:
        """File-safe name of the task on its robot."""
        return f'{self.name}-{self.robot.name}'

    @property
    def signals(self) -> tuple[Signal, ...]:
        """Inputs of the deployed policy."""
        found = (self.robot.signal(name) for name in self.signal_names)
        if self.eye is None:
            return tuple(found)
        shape = (self.eye.height, self.eye.width, 3)
        return tuple(replace(s, shape=shape) if s.is_image else s for s in found)

    def drawn_by(self, renderer: str) -> Task:
        """The task with images of another renderer, see `seen_by`; the same where it is ''.

        Raises SpecError for a task without images.
        """
        if not renderer:
            return self
        if self.seen_by is None:
            raise SpecError(
                f'The task {self.id!r} has no camera, got the renderer {renderer!r}. Leave '
                '--renderer out.'
            )
        return self.seen_by(renderer)

    @property
    def setpoint(self) -> Setpoint:
        """The setpoint level commanded."""
        return self.robot.setpoint(self.level)

    @property
    def max_episode_steps(self) -> int:
        """Control periods in an episode."""
        return round(self.episode_length_s / self.control_dt)

"""Robot: what a machine is, what it accepts, how it may be hurt, and how it speaks ROS 2.

Everything about safety lives here and not in a policy: limits, watchdog ages and the safe action.
A policy file cannot widen any of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
import math

from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.spec.camera import Camera, check_cameras
from robot_rl.spec.drive import JointDrive
from robot_rl.spec.footprint import Footprint, check_footprint
from robot_rl.spec.held import Held
from robot_rl.spec.lidar import Lidar
from robot_rl.spec.signal import Signal, signal
from robot_rl.spec.stage import Stage, Stuck

GRAVITY = 9.81  # [m/s^2]
JOINT_LIMITS = ('joint_speed', 'joint_effort')
"""Those of `Limits` with a component for each joint."""


@dataclass(frozen=True)
class Parameter:
    """A physical number of the robot that an engine simulates and randomization may change."""

    nominal: tuple[float, ...]
    unit: str
    source: str
    """Paper, datasheet or firmware the number comes from."""
    positive: bool = True
    """Whether every component must stay above zero."""


@dataclass(frozen=True)
class Setpoint:
    """A level at which the robot accepts setpoints, in SI units."""

    name: str
    fields: tuple[str, ...]
    """Component names in order; joint names where a component belongs to a joint."""
    units: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    slew: tuple[float, ...]
    """Largest change per second of each component [unit/s]; math.inf where the drive limits it."""
    neutral: tuple[float, ...]
    """What keeps an undisturbed robot where it is."""
    safe: tuple[Stage, ...]
    """The safe action, stage after stage: what happens when something fails."""
    topic: str
    message: str
    """ROS type that carries it, for example 'sensor_msgs/msg/JointState'."""
    physics_dt: float
    """[s] longest physics step that resolves the drive's own loop."""
    fallback: str = ''
    """ROS type for a machine without the package of `message`; '' for none."""
    gains: bool = False
    """Whether the message carries stiffness and damping beside positions."""
    start: tuple[Stage, ...] = ()
    """What the robot does before the policy drives (a robot with legs stands up)."""
    stop: tuple[Stage, ...] = ()
    """What it does when asked to stop (it sits down); the safe action where there is none."""
    stuck: Stuck | None = None
    """When it counts as stuck, and what it does then."""
    drive: JointDrive | None = None
    """How engines with joints move them at this level; None where the model of the robot has a
    drive of its own (rotors)."""

    def __post_init__(self) -> None:
        """Check that all rows have one length and that neutral and safe lie within the limits."""
        where = f'Setpoint {self.name!r}'
        for name in ('units', 'low', 'high', 'slew', 'neutral'):
            if (got := len(getattr(self, name))) != len(self.fields):
                raise SpecError(
                    f'{where}: every row needs {len(self.fields)} components, got {got} in '
                    f'{name!r}.'
                )
        if not self.safe:
            raise SpecError(f"{where} has no safe action. Add a stage to 'safe'.")
        unstick = self.stuck.action if self.stuck else ()
        neutral = Stage('neutral', self.neutral, math.inf)
        for stage in (neutral, *self.safe, *self.start, *self.stop, *unstick):
            stage.check(where, self.low, self.high)

    @property
    def size(self) -> int:
        """Number of components."""
        return len(self.fields)

    @property
    def follows_joints(self) -> bool:
        """Whether it asks joints for positions, so that it must start from where they are."""
        return self.drive is not None and set(self.units) <= {'rad', 'm'}


@dataclass(frozen=True)
class Sensor:
    """How a robot's measurement of one signal differs from the truth."""

    signal: str
    noise_std: float
    """White noise per sample, in the signal's unit."""
    bias_std: float
    """Spread of a constant offset, drawn once an episode."""
    latency_s: tuple[float, float]
    """[s] smallest and largest delay; drawn once an episode."""
    source: str


@dataclass(frozen=True)
class Topic:
    """A ROS 2 topic that supplies signals."""

    name: str
    message: str
    signals: tuple[str, ...]
    rate_hz: float
    """Rate at which the robot publishes it; 0 for a topic published on demand. Where that is less
    often than a policy runs, its simulation is as slow and it sees the newest message again."""
    max_age_s: float
    """[s] watchdog: older than this, the robot goes to its safe action."""
    silence_stops: bool = False
    """Whether silence asks for zeros instead: no velocity, where no more is heard of one."""

    @property
    def requested(self) -> bool:
        """Whether it says what somebody asks for, instead of what a sensor measures."""
        return self.rate_hz == 0.0

    def slow(self, control_dt: float) -> bool:
        """Whether it comes less often than a policy of period `control_dt` [s] runs."""
        return 0.0 < self.rate_hz * control_dt < 1.0 - 1e-6


@dataclass(frozen=True)
class Limits:
    """What the controller never lets happen without acting."""

    tilt: float = math.inf
    """[rad] largest angle between body z and world z."""
    fence_low: tuple[float, float, float] = (-math.inf, -math.inf, -math.inf)
    """[m] corner of the geofence, world frame."""
    fence_high: tuple[float, float, float] = (math.inf, math.inf, math.inf)
    joint_speed: tuple[float, ...] = ()
    """[rad/s] largest measured speed of each joint; () for none."""
    joint_effort: tuple[float, ...] = ()
    """[N m] largest measured effort of each joint; () for none."""
    overruns: int = 5
    """Missed deadlines in a row that count as a fault."""
    recovery_s: float = 0.5
    """[s] how long a failed input may take to clear before the fault latches."""
    takeover_age_s: float = 0.25
    """[s] how old a human's command may be while the human drives."""


@dataclass(frozen=True)
class Robot:
    """One robot. The URDF is the one description of its body; this adds what a URDF cannot say."""

    name: str
    urdf: str
    """File in urdf/, or the absolute path of one in a package of its own; the same goes for
    `randomization`."""
    model: str
    """Closed-form dynamics in kernels/ that the analytic engine uses; '' where there are none."""
    joint_names: tuple[str, ...]
    """The only joint order: that of the URDF."""
    parameters: Mapping[str, Parameter]
    setpoints: Mapping[str, Setpoint]
    sensors: tuple[Sensor, ...]
    topics: tuple[Topic, ...]
    limits: Limits = field(default_factory=Limits)
    randomization: str = ''
    """File in sim/ of how the parameters are spread; '' for randomization/<name>.yaml. To be
    read from `ranges`."""
    fixed_base: bool = False
    """Whether the base is bolted to the world."""
    rest: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    """True signals of a robot at rest, from which a simulation starts."""
    touching: tuple[str, ...] = ()
    """Links that may touch things: feet, wheels. Any other contact sets the signal 'contact'."""
    sliding: tuple[str, ...] = ()
    """Those of `touching` that slide without friction, such as casters."""
    skids: bool = False
    """Whether it turns by letting its wheels slip, so that friction must be the same in every
    direction, which costs time to simulate."""
    footprint: Footprint = ()
    """Outline on the ground: corners x, y [m] in base_link, convex, counter-clockwise."""
    lidar: Lidar | None = None
    cameras: tuple[Camera, ...] = ()
    """Each with a name of its own."""
    command_timeout_s: float = 0.5
    """[s] without a setpoint after which the robot's own drives stop following the last one."""
    base_frame: str = 'base_link'
    tool_frame: str = ''
    """Link that carries a payload and takes external forces; the base where empty."""
    held: Held | None = None
    """What the tool holds: engines and pictures add it to the URDF."""
    world_frame: str = 'odom'

    def __post_init__(self) -> None:
        """Reject what contradicts itself at import, not in flight."""
        supplied = [name for topic in self.topics for name in topic.signals]
        for name in [*(sensor.signal for sensor in self.sensors), *supplied]:
            self.signal(name)
        for name in supplied:
            if supplied.count(name) > 1:
                raise SpecError(
                    f'Robot {self.name!r}: more than one topic supplies the signal {name!r}. '
                    'Leave it to one of them.'
                )
        self._check_sizes()
        check_footprint(self.name, self.footprint)
        check_cameras(self.name, self.cameras)
        for name in self.sliding:
            if name not in self.touching:
                raise UnknownNameError(f'touching link of {self.name}', name, self.touching)
        for level in self.setpoints.values():
            strange = [name for name in level.fields if name not in self.joint_names]
            if strange and level.follows_joints:
                raise UnknownNameError(f'joint of {self.name}', strange[0], self.joint_names)
        for name, parameter in self.parameters.items():
            if parameter.positive and min(parameter.nominal) <= 0.0:
                raise SpecError(
                    f'Robot {self.name!r}: parameter {name!r} must be positive, '
                    f'got {parameter.nominal}.'
                )

    def _check_sizes(self) -> None:
        """Reject rows that have not as many numbers as there are joints, or signals components."""
        joints = len(self.joint_names)
        rows = [(name, getattr(self.limits, name), joints) for name in JOINT_LIMITS]
        rows = [row for row in rows if row[1]]
        rows += [(name, row, self.signal(name).size) for name, row in self.rest.items()]
        for name, row, wanted in rows:
            if len(row) != wanted:
                raise SpecError(
                    f'Robot {self.name!r}: {name!r} needs {wanted} numbers, got {len(row)}.'
                )

    @property
    def held_urdf(self) -> str:
        """What is to be added to its URDF for what it holds."""
        return self.held.urdf(self.tool_frame or self.base_frame) if self.held else ''

    def setpoint(self, level: str) -> Setpoint:
        """Setpoint level by name. Raises UnknownNameError."""
        if level not in self.setpoints:
            raise UnknownNameError(f'setpoint level of {self.name}', level, self.setpoints)
        return self.setpoints[level]

    def signal(self, name: str) -> Signal:
        """A signal of the vocabulary with the shape that it has on this robot.

        Raises:
            UnknownNameError: No such signal, with a suggestion.
            SpecError: It has a component for each beam of a lidar, which the robot lacks.
        """
        found = signal(name)
        if found.frame == 'pixel' and self.cameras:
            return replace(found, shape=(self.cameras[0].height, self.cameras[0].width, 3))
        sizes = {
            'pixel': 0,
            'joint': len(self.joint_names),
            'beam': self.lidar.beams if self.lidar else 0,
            'link': len(self.touching),
        }
        if found.frame not in sizes:
            return found
        if not sizes[found.frame]:
            raise SpecError(
                f'Robot {self.name!r} has no {found.frame} for the signal {name!r}. Add one, or '
                'remove the signal.'
            )
        return replace(found, shape=(sizes[found.frame],))

    def sensor(self, name: str) -> Sensor | None:
        """Sensor model of a signal, or None for one that is exact (a command)."""
        return next((s for s in self.sensors if s.signal == name), None)

    def camera(self, name: str) -> Camera:
        """Camera by name. Raises UnknownNameError."""
        for camera in self.cameras:
            if camera.name == name:
                return camera
        known = [camera.name for camera in self.cameras]
        raise UnknownNameError(f'camera of {self.name}', name, known)

    @property
    def ranges(self) -> str:
        """File in sim/ of how the parameters are spread, or its absolute path."""
        return self.randomization or f'randomization/{self.name}.yaml'

    @property
    def has_goal(self) -> bool:
        """Whether something is asked of the robot over ROS."""
        return any(topic.requested for topic in self.topics)

    @property
    def goal(self) -> Topic:
        """Topic that says what is asked of the robot. Raises SpecError if there is none."""
        for topic in self.topics:
            if topic.requested:
                return topic
        raise SpecError(
            f'Robot {self.name!r} has no topic for a goal. Add one, with a rate of 0: it is '
            'published on demand.'
        )

    def topic(self, name: str) -> Topic:
        """Topic that supplies a signal. Raises SpecError if none does."""
        for topic in self.topics:
            if name in topic.signals:
                return topic
        raise SpecError(
            f'Robot {self.name!r} has no topic that supplies the signal {name!r}. Add one, or '
            'remove the signal from the task.'
        )

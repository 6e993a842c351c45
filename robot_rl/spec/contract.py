"""Contract: the part of a Task that travels inside the policy file, and whether it fits a robot.

A policy file says in its contract what every input and output means, so that nothing about it
lives in prose or is typed a second time on the robot. Numbers survive JSON exactly: Python writes
the shortest text that reads back as the same float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
import hashlib
import json
from typing import Any, cast

from robot_rl.errors import ContractError, SpecError
from robot_rl.spec import contract_json
from robot_rl.spec.camera import Camera
from robot_rl.spec.contract_json import SCHEMA
from robot_rl.spec.lidar import Directions
from robot_rl.spec.robot import Robot, Setpoint, Topic
from robot_rl.spec.signal import VOCABULARY, Signal
from robot_rl.spec.task import Task

SLOW = 'slow_topics_hz'
"""Key of `Contract.training`: topics that came less often than the policy ran, and their rates."""
LOOKS = 'directions'
"""Key of `Contract.training`: in which directions a policy looks that takes any lidar."""
EYE = 'eye'
"""Key of `Contract.training`: the camera through which a policy sees any image."""


@dataclass(frozen=True)
class Contract:
    """What a policy was trained for: inputs, outputs, rate and what it saw."""

    schema: int
    task: str
    """Id, '<task>-<robot>'."""
    robot: str
    level: str
    """Setpoint level of the robot that the policy commands."""
    signals: tuple[Signal, ...]
    """Inputs, in order."""
    joint_names: tuple[str, ...]
    setpoint_fields: tuple[str, ...]
    setpoint_units: tuple[str, ...]
    setpoint_low: tuple[float, ...]
    """Smallest setpoint that the policy can ask for [setpoint_units]."""
    setpoint_high: tuple[float, ...]
    """Largest setpoint that the policy can ask for [setpoint_units]."""
    control_dt: float
    """[s] control period."""
    memory_size: int
    """Scalars carried from one period to the next; zero at the start."""
    versions: dict[str, str]
    """Package to version, of what trained and exported the policy."""
    training: dict[str, Any]
    evaluation: dict[str, Any]
    statistics: dict[str, dict[str, Any]]
    """Signal to {mean, std, low, high} a component, as the policy saw it, and further evidence."""

    def to_json(self) -> str:
        """Write as JSON. Raises SpecError for what JSON cannot hold, such as infinity."""
        try:
            return json.dumps(asdict(self), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise SpecError(
                f'The contract of {self.task!r} cannot be written as JSON: {error}. Expected only '
                'finite numbers, texts, lists and mappings.'
            ) from None

    @staticmethod
    def from_json(text: str) -> Contract:
        """Read what `to_json` wrote. Raises PolicyFileError naming the field that is wrong."""
        return Contract(**contract_json.parse(text))

    def digest(self) -> str:
        """SHA-256 of the contract, whatever the order its dictionaries were filled in."""
        text = json.dumps(asdict(self), allow_nan=False, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def input_sizes(self) -> dict[str, int]:
        """Inputs of the graph and their number of scalars, in order, memory last."""
        sizes = {signal.name: signal.size for signal in self.signals}
        return sizes | ({'memory': self.memory_size} if self.memory_size else {})

    @property
    def output_sizes(self) -> dict[str, int]:
        """Outputs of the graph and their number of scalars, in order."""
        sizes = {'setpoint': len(self.setpoint_fields)}
        return sizes | ({'memory_out': self.memory_size} if self.memory_size else {})


def contract_of(
    task: Task,
    *,
    versions: Mapping[str, str],
    training: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    statistics: Mapping[str, Mapping[str, Any]],
    memory_size: int | None = None,
) -> Contract:
    """Contract of a policy trained on `task`; its memory is the task's unless it is larger."""
    setpoint = task.setpoint
    heard = [t for t in task.robot.topics if {*t.signals} & {*task.signal_names}]
    slow = {t.name: t.rate_hz for t in heard if t.slow(task.control_dt)}
    return Contract(
        schema=SCHEMA,
        task=task.id,
        robot=task.robot.name,
        level=task.level,
        signals=task.signals,
        joint_names=task.robot.joint_names,
        setpoint_fields=setpoint.fields,
        setpoint_units=setpoint.units,
        setpoint_low=setpoint.low,
        setpoint_high=setpoint.high,
        control_dt=task.control_dt,
        memory_size=task.memory_size if memory_size is None else memory_size,
        versions=dict(versions),
        training={
            **training,
            **({SLOW: slow} if slow else {}),
            **({LOOKS: asdict(task.directions)} if task.directions else {}),
            **({EYE: asdict(task.eye)} if task.eye else {}),
        },
        evaluation=dict(evaluation),
        statistics={name: dict(entry) for name, entry in statistics.items()},
    )


def directions_of(contract: Contract) -> Directions | None:
    """In which directions the policy looks, if it takes any lidar that shows them."""
    told = contract.training.get(LOOKS)
    return Directions(**cast('dict[str, Any]', told)) if isinstance(told, dict) else None


def eye_of(contract: Contract) -> Camera | None:
    """Through which the policy sees the image, if it takes any camera that shows as much."""
    told = contract.training.get(EYE)
    if not isinstance(told, dict):
        return None
    rows: dict[str, Any] = {
        name: tuple(cast('list[float]', value)) if isinstance(value, list) else value
        for name, value in cast('dict[str, Any]', told).items()
    }
    return Camera(**rows)


def fitted(contract: Contract, robot: Robot) -> Contract:
    """The contract with the beams and the image of `robot`, where any lidar or camera will do.

    What training saw of single beams is left out: those are others.
    """
    free = {'beam'} if directions_of(contract) is not None and robot.lidar else set[str]()
    free |= {'pixel'} if eye_of(contract) is not None and robot.cameras else set[str]()
    signals = tuple(robot.signal(s.name) if s.frame in free else s for s in contract.signals)
    if signals == contract.signals:
        return contract
    kept = {s.name for s in signals if s.frame != 'beam'}
    statistics = {name: row for name, row in contract.statistics.items() if name in kept}
    return replace(contract, signals=signals, statistics=statistics)


def differences(contract: Contract, robot: Robot) -> list[str]:
    """Say, a sentence each, what keeps a policy from running on `robot`; empty where it fits."""
    found: list[str] = []
    if contract.robot != robot.name:
        found.append(
            f'The policy was trained for robot {contract.robot!r}, this is {robot.name!r}.'
        )
    found += _order('Joints', contract.joint_names, robot.joint_names)
    setpoint = robot.setpoints.get(contract.level)
    if setpoint is None:
        found.append(
            f'The policy commands setpoint level {contract.level!r}, which {robot.name!r} lacks; '
            f'it accepts {", ".join(robot.setpoints)}.'
        )
    else:
        found += _setpoint_differences(contract, setpoint)
    topics = {name: topic for topic in robot.topics for name in topic.signals}
    looks = directions_of(contract)
    if looks is not None and robot.lidar is not None and (lack := looks.lacks(robot.lidar)):
        found.append(f'The lidar of {robot.name!r} does not do for this policy: {lack}.')
    eye = eye_of(contract)
    if eye is not None and robot.cameras and (lack := eye.lacks(robot.cameras[0])):
        found.append(f'The camera of {robot.name!r} does not do for this policy: {lack}.')
    for signal in fitted(contract, robot).signals:
        found += _signal_differences(signal, robot, topics.get(signal.name))
    return found + _rate_differences(contract, topics)


def require_fit(contract: Contract, robot: Robot) -> None:
    """Raise ContractError, with every difference, unless the policy fits `robot`."""
    found = differences(contract, robot)
    if found:
        raise ContractError(
            f'The policy for {contract.task!r} does not fit robot {robot.name!r}: '
            f'{" ".join(found)} Use a policy trained for this robot, or train and export one.'
        )


def _order(what: str, policy: tuple[str, ...], robot: tuple[str, ...]) -> list[str]:
    """Difference between two ordered lists of names: other names, or the same in another order."""
    if policy == robot:
        return []
    kind = 'are in another order' if sorted(policy) == sorted(robot) else 'differ'
    return [
        f'{what} {kind}: the policy has {", ".join(policy)}; the robot has {", ".join(robot)}.'
    ]


def _setpoint_differences(contract: Contract, setpoint: Setpoint) -> list[str]:
    found = _order('Setpoint fields', contract.setpoint_fields, setpoint.fields)
    if found:
        return found  # rows of other fields cannot be compared one by one
    for index, name in enumerate(setpoint.fields):
        unit, other = contract.setpoint_units[index], setpoint.units[index]
        if unit != other:
            found.append(
                f'Setpoint {name!r} is in {unit!r} in the policy and in {other!r} on the robot.'
            )
        low, high = contract.setpoint_low[index], contract.setpoint_high[index]
        if low < setpoint.low[index] or high > setpoint.high[index]:
            found.append(
                f'Setpoint {name!r} reaches [{low:g}, {high:g}] {unit} in the policy, wider than '
                f"the robot's limits [{setpoint.low[index]:g}, {setpoint.high[index]:g}]."
            )
    return found


def _signal_differences(signal: Signal, robot: Robot, topic: Topic | None) -> list[str]:
    if signal.name not in VOCABULARY:
        return [f'Signal {signal.name!r} is unknown to this version.']
    try:
        known = robot.signal(signal.name)
    except SpecError as error:
        return [str(error)]
    if signal.privileged or known.privileged:
        return [f'Signal {signal.name!r} is privileged: a robot cannot measure it.']
    rows = [('shape', signal.shape, known.shape), ('unit', signal.unit, known.unit)]
    rows.append(('frame', signal.frame, known.frame))
    found = [
        f'Signal {signal.name!r} has {what} {policy!r} in the policy and {here!r} here.'
        for what, policy, here in rows
        if policy != here
    ]
    if topic is None:
        found.append(
            f'Robot {robot.name!r} has no topic that supplies the signal {signal.name!r}.'
        )
    return found


def _rate_differences(contract: Contract, topics: Mapping[str, Topic]) -> list[str]:
    """Topics of the policy's signals that arrive less often than it runs, or was trained with."""
    trained: dict[str, Any] = {}
    if isinstance(told := contract.training.get(SLOW), dict):
        trained = cast('dict[str, Any]', told)
    found: dict[str, str] = {}
    for topic in (topics.get(signal.name) for signal in contract.signals):
        if topic is None:
            continue
        rate = trained.get(topic.name)
        period = 1.0 / rate if isinstance(rate, int | float) and rate > 0.0 else 0.0
        period = max(period, contract.control_dt)
        if topic.slow(period):
            found[topic.name] = (
                f'The policy needs {1.0 / period:g} Hz but topic {topic.name!r} arrives at '
                f'{topic.rate_hz:g} Hz: it would act on stale signals.'
            )
    return list(found.values())

"""ROS parameters with the errors of a good command line: unknown names, wrong types.

rclpy ignores a misspelt parameter in a YAML file without a word, and a robot then flies with the
default. Here every parameter that was given must be asked for, and must have the type of its
default.
"""

from __future__ import annotations

from collections.abc import Sequence
import math
from typing import Any, TypeVar, cast

from rclpy.node import Node

from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.nodes.qos import Quality, quality
from robot_rl.spec import registry
from robot_rl.spec.robot import Robot

T = TypeVar('T', bool, int, float, str)

NODE_OPTIONS: dict[str, Any] = {
    'allow_undeclared_parameters': True,
    'automatically_declare_parameters_from_overrides': True,
}
"""Keyword arguments of `Node` that this module needs, so that it can see what was given."""

# rclpy's own parameters of every node.
_OWN = ('use_sim_time', 'start_type_description_service', 'qos_overrides.')


class Parameters:
    """Reads the parameters of one node, then refuses those nobody asked for."""

    def __init__(self, node: Node) -> None:
        """Look at what `node` (made with NODE_OPTIONS) was given."""
        self._node = node
        self._given = {
            name: parameter.value for name, parameter in node.get_parameters_by_prefix('').items()
        }
        self._asked: set[str] = set()

    def get(self, name: str, default: T) -> T:
        """Value of a parameter, of the type of its default; an integer serves as a float.

        Raises:
            SpecError: the value has another type.
        """
        return cast(T, self._value(name, default, type(default)))

    def robot(self) -> Robot:
        """The robot that the parameter 'robot' names. Raises SpecError, UnknownNameError."""
        name = self.get('robot', '')
        if not name:
            raise SpecError(
                f"The node {self.name!r} needs the parameter 'robot', got none. See "
                'which there are with: robot_rl list'
            )
        return registry.robot(name)

    def messages(self, robot: Robot) -> dict[str, str]:
        """ROS type of each topic: the robot's own, or the parameter `messages.<topic>`."""
        return {
            topic.name: self.get(f'messages.{topic.name}', topic.message) for topic in robot.topics
        }

    def floats(self, name: str, default: Sequence[float]) -> tuple[float, ...]:
        """List of floats as long as its default. Raises SpecError."""
        values = self._value(name, [float(v) for v in default], list)
        if len(values) != len(default) or not all(
            isinstance(v, int | float) and not isinstance(v, bool) for v in values
        ):
            raise SpecError(
                f'Parameter {name!r} of {self._where}: expected {len(default)} numbers, '
                f'got {values!r}.'
            )
        return tuple(float(v) for v in values)

    def numbers(self, name: str) -> tuple[float, ...]:
        """List of floats of any length; empty if not given. Raises SpecError."""
        values = self._value(name, [math.nan], list)
        if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
            raise SpecError(
                f'Parameter {name!r} of {self._where}: expected numbers, got {values!r}.'
            )
        return tuple(float(v) for v in values if not math.isnan(v))

    def strings(self, name: str, default: Sequence[str]) -> tuple[str, ...]:
        """List of strings; [''] stands for none, because ROS cannot type an empty list."""
        values = self._value(name, list(default) or [''], list)
        if not all(isinstance(v, str) for v in values):
            raise SpecError(
                f'Parameter {name!r} of {self._where}: expected a list of strings, got {values!r}.'
            )
        return tuple(v for v in values if v)

    def quality(self, name: str, purpose: str) -> Quality:
        """QoS of a topic: the profile of its purpose, overridden by `qos.<name>.<field>`."""
        base = quality(purpose)
        return Quality(
            self.get(f'qos.{name}.reliability', base.reliability),
            self.get(f'qos.{name}.durability', base.durability),
            self.get(f'qos.{name}.depth', base.depth),
            self.get(f'qos.{name}.deadline_s', base.deadline_s),
        )

    def finish(self) -> None:
        """Refuse parameters that nobody asked for. Raises UnknownNameError with a suggestion."""
        for name in self._given:
            if name not in self._asked and not name.startswith(_OWN):
                raise UnknownNameError(f'parameter of {self._where}', name, self._asked)

    @property
    def name(self) -> str:
        """Name of the node."""
        return self._node.get_name()

    @property
    def _where(self) -> str:
        return f'the node {self.name!r}'

    def _value(self, name: str, default: Any, kind: type) -> Any:
        self._asked.add(name)
        if name not in self._given:
            self._node.declare_parameter(name, default)
            return default
        value = self._given[name]
        if kind is list and isinstance(value, list | tuple):
            return list(value)
        if kind is list and hasattr(value, 'tolist'):
            return value.tolist()  # array.array
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if type(value) is not kind:
            raise SpecError(
                f'Parameter {name!r} of {self._where}: expected {_NAMES[kind]} such as '
                f'{default!r}, got {value!r} ({_NAMES.get(type(value), type(value).__name__)}).'
            )
        return value


_NAMES = {bool: 'a boolean', int: 'an integer', float: 'a number', str: 'a string', list: 'a list'}

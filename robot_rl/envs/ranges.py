"""Randomization files: how a robot's parameters are spread, read from YAML."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
import re
from typing import Any

from robot_rl.assets import asset
from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.spec.randomization import Spread, spread
from robot_rl.spec.robot import Robot

_KEYS = ('robot', 'parameters')


def load_randomization(robot: Robot, path: Path | None = None) -> tuple[Spread, ...]:
    """Read a randomization file, by default the robot's own.

    Raises:
        SpecError: The file is missing, malformed, of another robot, or one of its ranges is
            impossible.
        UnknownNameError: A parameter or a key that is none.
    """
    import yaml

    path = path or asset('sim', robot.ranges)
    try:
        content = yaml.load(path.read_text(), _loader())
    except (OSError, yaml.YAMLError) as error:
        raise SpecError(
            f'Cannot read the randomization file {path}: {error}. Expected YAML with the keys '
            "'robot' and 'parameters'."
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get('parameters'), dict):
        raise SpecError(
            f"{path}: expected the keys 'robot' and 'parameters' (a mapping), got {content!r:.80}."
        )
    if content.get('robot') != robot.name:
        raise SpecError(
            f'{path} is for robot {content.get("robot")!r}, expected {robot.name!r}. Choose '
            'another '
            "file, or correct its key 'robot'."
        )
    unknown = set(map(str, content)) - set(_KEYS)
    if unknown:
        raise UnknownNameError(f'key of {path}', sorted(unknown)[0], _KEYS)
    return tuple(spread(robot, name, entry) for name, entry in content['parameters'].items())


def _loader() -> Any:
    """YAML's safe loader, made to refuse a key that is there twice and to read 1e-4 right."""
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
            names = [self.construct_object(key, deep=True) for key, _ in node.value]
            twice = sorted({str(name) for name in names if names.count(name) > 1})
            if twice:
                raise yaml.constructor.ConstructorError(
                    None, None, f'the key {twice[0]!r} is there twice', node.start_mark
                )
            return super().construct_mapping(node, deep)

    exponent = re.compile(r'[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$')  # as in YAML 1.2
    Loader.add_implicit_resolver('tag:yaml.org,2002:float', exponent, list('-+0123456789'))
    return Loader

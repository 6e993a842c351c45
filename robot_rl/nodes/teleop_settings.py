"""Parameters of the teleop node."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from robot_rl.deploy.policy import contract_of
from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.nodes.parameters import Parameters
from robot_rl.nodes.qos import Quality
from robot_rl.spec import registry
from robot_rl.spec.contract import Contract
from robot_rl.spec.robot import Robot
from robot_rl.teleop.layouts import BUTTONS, LAYOUTS, ROLES, Layout, layout
from robot_rl.teleop.mapping import Axis, Controls, Hand
from robot_rl.teleop.steering import Steering
from robot_rl.teleop.stick import Button

DEVICES = ('joy', 'keyboard', 'page')


@dataclass(frozen=True)
class Hold:
    """What a person has in their hand, and how it is heard."""

    device: str
    """Its layout."""
    controls: Controls
    operator: str
    """Name for the record."""
    speed: float
    """Share of the robot's range at the end of a stick, until a press of faster or slower."""
    quality: Quality
    """Of the topic `joy`."""

    @staticmethod
    def read(
        parameters: Parameters,
        robot: Robot,
        fields: tuple[str, ...],
        *,
        layout: str = 'gamepad',
        operator: str = 'operator',
    ) -> Hold:
        """Read the axes of a setpoint of `fields`, buttons and the rest; these are defaults.

        Raises SpecError or UnknownNameError.
        """
        device = parameters.get('layout', layout)
        return Hold(
            device,
            _controls(parameters, device, robot, fields),
            parameters.get('operator', operator),
            parameters.get('speed', 0.5),
            parameters.quality('joy', 'joy'),
        )

    def hand(self) -> Hand:
        """What turns messages into sticks."""
        return Hand(self.controls, self.operator, self.speed)


@dataclass(frozen=True)
class Settings:
    """Parameters of the node; those of a device's axes and buttons become `hold`."""

    robot: Robot
    contract: Contract
    steering: Steering
    policy_node: str
    """Name of the node that is taken over from."""
    setpoint_message: str
    """'' for the one the robot declares; as in the policy node."""
    setpoint_gains: bool
    devices: tuple[str, ...]
    """Of DEVICES; the first who presses drives."""
    hold: Hold
    page_host: str
    page_port: int
    """Where the page is served, see teleop_page.py."""
    nice: int

    @staticmethod
    def read(parameters: Parameters) -> Settings:
        """Read and check them.

        Raises SpecError, UnknownNameError or, from the policy's file, PolicyFileError.
        """
        policy = parameters.get('policy', '')
        if not policy:
            raise SpecError(
                f"The node {parameters.name!r} needs the parameter 'policy', the .onnx file that "
                'the policy node runs, got none. It names the robot, its setpoint and the rate.'
            )
        contract = contract_of(Path(policy).expanduser())
        robot = registry.robot(parameters.get('robot', '') or contract.robot)
        steering = Steering(robot, contract.level, contract.setpoint_low, contract.setpoint_high)
        hold = Hold.read(parameters, robot, steering.setpoint.fields)
        found = Settings(
            robot=robot,
            contract=contract,
            steering=steering,
            policy_node=parameters.get('policy_node', 'policy_node'),
            setpoint_message=parameters.get('setpoint_message', ''),
            setpoint_gains=parameters.get('setpoint_gains', True),
            devices=parameters.strings('devices', ('joy',)),
            hold=hold,
            page_host=parameters.get('page.host', '127.0.0.1'),
            page_port=parameters.get('page.port', 8080),
            nice=parameters.get('nice', -10),
        )
        parameters.finish()
        found.check(parameters)
        return found

    def check(self, parameters: Parameters) -> None:
        """Refuse what contradicts itself."""
        fields, device = self.steering.setpoint.fields, self.hold.device
        if 'joy' in self.devices and not any(self.hold.controls.axes):
            raise SpecError(
                f'The node {parameters.name!r} needs an axis of the {device} for at least one of '
                f'{", ".join(fields)}, got none. Name one as axes.{device}.{fields[0]}.'
            )
        for name in self.devices:
            if name not in DEVICES:
                raise UnknownNameError('device', name, DEVICES)
        if not self.hold.operator.strip() or not self.devices or not 0.0 < self.hold.speed <= 1.0:
            raise SpecError(
                f"The node {parameters.name!r} needs a name as 'operator', at least one of "
                f"'devices' and a 'speed' within (0, 1], got {self.hold.operator!r}, "
                f'{list(self.devices)} and {self.hold.speed}.'
            )


def _shapes(
    parameters: Parameters, robot: Robot
) -> dict[str, tuple[dict[str, str], float, float, float]]:
    """Field to its axis in each layout ('' for none), its dead zone, expo and scale.

    Of all levels: one parameter file serves them.
    """
    levels = robot.setpoints.values()
    return {
        name: (
            {device: parameters.get(f'axes.{device}.{name}', '') for device in LAYOUTS},
            parameters.get(f'dead_zone.{name}', 0.08),
            parameters.get(f'expo.{name}', 0.3),
            parameters.get(f'scale.{name}', 1.0),
        )
        for name in dict.fromkeys(name for level in levels for name in level.fields)
    }


def _controls(
    parameters: Parameters, device: str, robot: Robot, fields: tuple[str, ...]
) -> Controls:
    """What axes and buttons of a `device` mean for a setpoint of `fields`."""
    order = layout(device)
    axes: list[Axis | None] = []
    shapes = _shapes(parameters, robot)
    for names, dead_zone, expo, scale in (shapes[field] for field in fields):
        name = names[device]
        sign = -1.0 if name.startswith('-') else 1.0
        index = order.axis(name.removeprefix('-')) if name else None
        axes.append(None if index is None else Axis(index, sign, dead_zone, expo, scale))
    buttons = _buttons(parameters, device, order)
    if 'dead_man' not in buttons:
        raise SpecError(
            f'The node {parameters.name!r} needs a button as dead-man, got none. Name one as '
            'buttons.dead_man.'
        )
    return Controls(
        axes=tuple(axes),
        dead_man=buttons['dead_man'],
        clutch=buttons.get('clutch'),
        faster=buttons.get('faster'),
        slower=buttons.get('slower'),
        labels={label: buttons[label.value] for label in Button if label.value in buttons},
    )


def _buttons(parameters: Parameters, device: str, order: Layout) -> dict[str, int]:
    """Index of the button of each role that has one. Raises SpecError for two roles of one."""
    named = {
        role: parameters.get(f'buttons.{role}', BUTTONS[device].get(role, '')) for role in ROLES
    }
    found = {role: order.button(name) for role, name in named.items() if name}
    if len(set(found.values())) < len(found):
        raise SpecError(
            f'Each button of the {device} may have one role only, got {named}. Name another for '
            "one of them, or '' for none."
        )
    return found

"""Parameters of the policy node."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from robot_rl.deploy.policy import contract_of
from robot_rl.errors import SpecError
from robot_rl.nodes.parameters import Parameters
from robot_rl.nodes.policy_inputs import Route
from robot_rl.nodes.qos import Quality
from robot_rl.spec import registry
from robot_rl.spec.robot import Robot


@dataclass(frozen=True)
class Settings:
    """Parameters of the node, beside `topics.*`, `messages.*` and `qos.*` of each topic."""

    policy: Path
    """The .onnx file."""
    robot: Robot
    """With the fence of `fence_low` and `fence_high`, if given."""
    setpoint_topic: str
    """'' for the one the robot declares."""
    setpoint_message: str
    """'' for the one the robot declares."""
    setpoint_gains: bool
    """False for a controller that takes positions alone."""
    autostart: bool
    """Configure and activate without a lifecycle manager, and end if that is refused."""
    patience_s: float
    """[s] how long autostart waits for sensors and a goal."""
    rate_window_s: float
    """[s] over which the rate of the sensors is measured before activation."""
    phase_s: float
    """[s] from the arrival of a measurement to the deadline: the loop runs in step with the
    sensor."""
    diagnostics_hz: float
    nice: int
    """Niceness of the process, as far as the system allows; 0 leaves it alone."""
    report: Path | None
    """JSON file for durations and counts, written on activation and at the end."""
    routes: list[Route]
    setpoint_quality: Quality

    @staticmethod
    def read(parameters: Parameters) -> Settings:
        """Read and check them. Without `robot` it is the one that the policy names.

        Raises SpecError, UnknownNameError or, where the policy is asked, PolicyFileError.
        """
        policy, report = parameters.get('policy', ''), parameters.get('report', '')
        if not policy:
            raise SpecError(
                f"The node {parameters.name!r} needs the parameter 'policy', an .onnx file, got "
                'none. Write one with: robot_rl export'
            )
        robot = registry.robot(parameters.get('robot', '') or contract_of(policy).robot)
        robot = fenced(robot, parameters)
        settings = Settings(
            policy=Path(policy).expanduser(),
            robot=robot,
            setpoint_topic=parameters.get('setpoint_topic', ''),
            setpoint_message=parameters.get('setpoint_message', ''),
            setpoint_gains=parameters.get('setpoint_gains', True),
            autostart=parameters.get('autostart', False),
            patience_s=parameters.get('patience_s', 30.0),
            rate_window_s=parameters.get('rate_window_s', 0.5),
            phase_s=parameters.get('phase_s', 0.001),
            diagnostics_hz=parameters.get('diagnostics_hz', 1.0),
            nice=parameters.get('nice', -10),
            report=Path(report).expanduser() if report else None,
            routes=[Route.read(parameters, topic) for topic in robot.topics],
            setpoint_quality=parameters.quality('setpoint', 'setpoint'),
        )
        parameters.finish()
        if not (settings.rate_window_s > 0.0 and settings.diagnostics_hz > 0.0):
            raise SpecError(
                f"'rate_window_s' and 'diagnostics_hz' of {parameters.name!r} must be positive, "
                f'got {settings.rate_window_s} s and {settings.diagnostics_hz} Hz.'
            )
        return settings


def fenced(robot: Robot, parameters: Parameters) -> Robot:
    """`robot` with the corners `fence_low` and `fence_high` [m], world frame, of its place.

    Raises SpecError where the one is not below the other.
    """
    low = parameters.floats('fence_low', robot.limits.fence_low)
    high = parameters.floats('fence_high', robot.limits.fence_high)
    if not all(a < b for a, b in zip(low, high, strict=True)):
        raise SpecError(
            f"'fence_low' of {parameters.name!r} must be below 'fence_high' along x, y and z, "
            f'got {list(low)} and {list(high)} m.'
        )
    low, high = (tuple(corner) for corner in (low, high))
    return replace(robot, limits=replace(robot.limits, fence_low=low, fence_high=high))

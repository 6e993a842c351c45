"""`robot_rl run`: the processes of the launch file, where `ros2 launch` is not installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
import signal
import tempfile
import time
from types import FrameType

from robot_rl.deploy.policy import contract_of
from robot_rl.errors import FlightError, MissingPackageError
from robot_rl.nodes.dds import confined, random_domain
from robot_rl.nodes.description import parameter_file, processes
from robot_rl.nodes.group import Group
from robot_rl.spec import registry
from robot_rl.spec.engines import engine_for


def require(engine: str | None) -> None:
    """Find what the nodes need, without importing it: rclpy, torch for a robot on an `engine`.

    Raises MissingPackageError.
    """
    if find_spec('rclpy') is None:
        raise MissingPackageError('rclpy')
    if engine != '' and find_spec('torch') is None:
        raise MissingPackageError('torch')


def run(
    policy: Path,
    *,
    robot_name: str = '',
    engine: str | None = None,
    goal: str = 'default',
    teleop: str = '',
    page: tuple[str, int, str] | None = None,
    record: Path | None = None,
    domain: int | None = None,
    speed: float = 1.0,
    duration_s: float = float('inf'),
) -> int:
    """Start the nodes with their output on the terminal; stop all when one ends or on Ctrl-C.

    Args:
        policy: the .onnx file.
        robot_name: robot; '' for the one the policy was trained for.
        engine: engine of the simulated robot, None for the fastest that can; '' for a real one.
        goal: see nodes.description.GOALS; '' if somebody else sends it.
        teleop: layout of the device on `joy` with which a person may take over; '' for none.
        page: host, port and token ('' for one of its own making) of a page to drive from.
        record: a new .mcap file.
        domain: ROS_DOMAIN_ID; a random one keeps the run to itself.
        speed: of the simulation; 0 for as fast as it can.
        duration_s: [s] of wall time.

    Returns:
        0 after Ctrl-C or `duration_s`, else the exit code of the process that ended first.

    Raises:
        RobotRLError: the policy cannot be read, a name is unknown, `record` exists, or a package
            is missing.
    """
    require(engine)
    contract = contract_of(policy)
    robot = registry.robot(robot_name or contract.robot)
    if engine is None:
        engine = engine_for(robot)
    described = processes(
        robot,
        policy.resolve(),
        engine=engine,
        goal=goal,
        level=contract.level,
        task=contract.task,
        teleop=teleop,
        page=page[:2] if page else None,
        record=record.resolve() if record else None,
        use_sim_time=bool(engine) and speed != 1.0,
        sim_parameters={'speed': float(speed)},
    )
    with tempfile.TemporaryDirectory(prefix='robot_rl_') as folder, _signals_as_interrupts():
        environment = confined(Path(folder), random_domain() if domain is None else domain)
        environment |= {'ROBOT_RL_TELEOP_TOKEN': page[2]} if page and page[2] else {}
        group = Group(
            described, parameter_file(robot), environment, Path(folder), to_terminal=True
        )
        with group:
            return _watched(group, duration_s)


def _watched(group: Group, duration_s: float) -> int:
    """Exit code of a group that runs for `duration_s` [s]."""
    try:
        group.wait(duration_s)
    except KeyboardInterrupt:
        return 0
    except FlightError:
        codes = [m.popen.poll() for m in group.members.values()]
        return next((code for code in codes if code), 1)
    return 0


class _signals_as_interrupts:  # noqa: N801
    """SIGTERM ends the group as Ctrl-C does."""

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGTERM, self._raise)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._before)

    @staticmethod
    def _raise(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt


def wait_for(path: Path, group: Group, seconds: float) -> None:
    """Wait until a process has written `path`. Raises FlightError if one ends or time is up."""
    end = time.monotonic() + seconds
    while not path.exists():
        group.check()
        if time.monotonic() > end:
            words = '; '.join(f'{n}: {m.tail(2)}' for n, m in group.members.items() if m.log)
            raise FlightError(
                f'The policy was not flying after {seconds:g} s; {words} Read the logs in '
                f'{path.parent}.'
            )
        time.sleep(0.05)

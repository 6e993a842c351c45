"""Which processes make up a flight, as data: `ros2 launch` and `robot_rl run` both read this.

Imports no ROS. A process runs `python3 -m robot_rl.nodes.<executable>`, which is also what the
executable of that name in lib/robot_rl does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from robot_rl.assets import find
from robot_rl.deploy.stages import landing_s
from robot_rl.errors import RunFolderError, SpecError, UnknownNameError
from robot_rl.spec.engines import ENGINES
from robot_rl.spec.robot import Robot
from robot_rl.teleop.layouts import layout
from robot_rl.teleop.steering import Steering

Value = bool | int | float | str | list[float] | list[str]
"""What a ROS parameter can hold."""

GOALS: dict[str, dict[str, Value]] = {
    'default': {},
    'hover': {'kind': 'hold'},
    'figure_eight': {'kind': 'figure_eight'},
    'lissajous': {'kind': 'lissajous'},
    'task': {'tell_goal': True},
}
"""Goal by name to parameters of goal_node that differ from the parameter file; for 'task' of
sim_node, which then says itself where it has put what its world is built around."""
BUILT_AROUND_GOALS = ('insert-panda',)
"""Tasks whose goal nobody else can know, and where another is no use."""
FENCES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    'corridor-crazyflie': ((-40.0, -40.0, -0.1), (40.0, 40.0, 3.0)),
}
"""Tasks whose world is larger than the robot's own fence: lowest and highest corner [m] of a fence
around it, for a simulation. Around a real robot its owner puts one."""
GRACE_S = 8.0
"""[s] that a process gets to end once its robot is at rest."""
GROUND_TRUTH = 'ground_truth/odom'
JOINT_TRUTH = 'ground_truth/joint_states'
PILOT_TOPICS = ('policy_node/pilot', 'teleop_node/label')
"""Who acted at each step, and what a person said about it."""


@dataclass(frozen=True)
class Process:
    """One node in a process of its own."""

    executable: str
    """Module in robot_rl.nodes, and name in lib/robot_rl."""
    parameters: Mapping[str, Value] = field(default_factory=dict[str, Value])
    """What differs from the parameter file."""
    essential: bool = True
    """Whether the others are stopped when it ends."""
    grace_s: float = GRACE_S
    """[s] that it gets to end when it is asked to."""
    package: str = 'robot_rl'
    """ROS package of the executable; `robot_rl run` starts our own only."""
    name: str = ''
    """Name of the node; '' for that of the executable."""
    remappings: tuple[tuple[str, str], ...] = ()
    """Name in the node to the name outside."""


def parameter_file(robot: Robot) -> Path | None:
    """Parameters of all nodes of one robot: launch/params/<robot>.yaml.

    None for a robot without one, for which the defaults of the nodes do.
    """
    return find('launch', f'params/{robot.name}.yaml')


def processes(
    robot: Robot,
    policy: Path,
    *,
    engine: str,
    goal: str = 'default',
    sim_parameters: Mapping[str, Value] | None = None,
    level: str,
    task: str = '',
    teleop: str = '',
    page: tuple[str, int] | None = None,
    record: Path | None = None,
    report: Path | None = None,
    use_sim_time: bool = False,
) -> tuple[Process, ...]:
    """Processes of a flight: the simulated robot, a goal, the policy, and what else is asked for.

    Args:
        robot: the robot that is simulated.
        policy: the .onnx file.
        engine: name of the engine; '' leaves the simulation out (a real robot is there).
        goal: one of GOALS, see `_goal_of`; '' leaves it out: somebody else sends it.
        sim_parameters: more parameters of sim_node.
        level: setpoint level that the policy commands.
        task: what the policy was trained for, whose world the simulation takes.
        teleop: layout (teleop/layouts.py) of a person's device on the topic `joy`; '' for none.
        page: host and port of a page to drive from; None for none.
        record: a new .mcap file.
        report: where policy_node writes its durations.
        use_sim_time: whether time is that of /clock.

    Raises:
        UnknownNameError: no such engine, goal or layout, with a suggestion.
        SpecError: a goal of a robot that takes none, or a stick for what it cannot drive.
        RunFolderError: `record` is there already.
    """
    _refuse(robot, engine, goal := _goal_of(task, goal, engine), record)
    if teleop or page:
        _refuse_teleop(robot, level, teleop, use_sim_time=use_sim_time)
    clock: dict[str, Value] = {'use_sim_time': True} if use_sim_time else {}
    found: list[Process] = []
    if engine:
        simulation = {'robot': robot.name, 'engine': engine, 'level': level, 'task': task}
        told = GOALS[goal] if goal == 'task' else {}
        found.append(Process('sim_node', {**simulation, **told, **(sim_parameters or {})}))
    if goal not in ('', 'task') and robot.has_goal:
        wanted = {'robot': robot.name, **GOALS[goal], 'level': level}
        found.append(Process('goal_node', {**wanted, **clock}))
    flying: dict[str, Value] = {'robot': robot.name, 'policy': str(policy), 'autostart': True}
    flying |= _fence(task, engine) | ({'report': str(report)} if report else {})
    grace_s = GRACE_S + landing_s(robot.setpoint(level))
    found.append(Process('policy_node', {**flying, **clock}, grace_s=grace_s))
    if teleop or page:
        found.append(_teleop_node(robot, policy, teleop, page))
    if record is not None:
        topics = recorded_topics(robot, level, truth=bool(engine))
        recording: dict[str, Value] = {'path': str(record), 'topics': list(topics)}
        found.append(Process('recorder_node', {**recording, **clock}, essential=False))
    return tuple(found)


def _fence(task: str, engine: str) -> dict[str, Value]:
    if task not in FENCES or not engine:
        return {}
    low, high = map(list, FENCES[task])
    return {'fence_low': low, 'fence_high': high}


def _goal_of(task: str, goal: str, engine: str) -> str:
    """What 'default' means: 'task' for BUILT_AROUND_GOALS, and '' where the robot is real.

    For others it is that of the parameter file, and nothing for a robot of which nothing is asked.
    """
    if goal == 'default' and task in BUILT_AROUND_GOALS:
        return 'task' if engine else ''
    return goal


def _teleop_node(robot: Robot, policy: Path, teleop: str, page: tuple[str, int] | None) -> Process:
    """Where a person drives, see `processes`; the page is what whoever asked for it wants."""
    driving: dict[str, Value] = {'robot': robot.name, 'policy': str(policy)}
    driving['devices'] = [*(['joy'] if teleop else []), *(['page'] if page else [])]
    driving |= {'layout': teleop} if teleop else {}
    driving |= {'page.host': page[0], 'page.port': page[1]} if page else {}
    return Process('teleop_node', driving, essential=page is not None)


def _refuse(robot: Robot, engine: str, goal: str, record: Path | None) -> None:
    """Find what a node would refuse once the others have started, see `processes`."""
    if engine and engine not in ENGINES:
        raise UnknownNameError('engine', engine, ENGINES)
    if goal and goal not in GOALS:
        raise UnknownNameError('goal', goal, GOALS)
    if goal not in ('', 'default') and not robot.has_goal:
        raise SpecError(
            f'Nobody would listen to the goal {goal!r}: nothing is asked of a {robot.name} over '
            'ROS. Leave the goal out.'
        )
    if goal == 'task' and not engine:
        raise SpecError(
            "The goal 'task' is said by the simulation, got none: a real robot needs a node that "
            "knows where its goal is. Start that, and give the goal ''."
        )
    if record is not None and record.exists():
        raise RunFolderError(
            f'The recording {record} exists. Nothing is overwritten: choose another name.'
        )


def _refuse_teleop(robot: Robot, level: str, teleop: str, *, use_sim_time: bool) -> None:
    """Find what a teleop node would refuse, see `processes`."""
    if teleop:
        layout(teleop)
    Steering(robot, level)
    if use_sim_time:
        raise SpecError(
            f'A person with a {teleop or "page"} drives in real time, got a simulation of another '
            'speed. Leave the speed at 1.'
        )


def recorded_topics(robot: Robot, level: str, *, truth: bool) -> Sequence[str]:
    """Topics worth keeping: every input, the setpoint, diagnostics and, simulated, the truth."""
    topics = [topic.name for topic in robot.topics] + [robot.setpoint(level).topic, '/diagnostics']
    topics += PILOT_TOPICS
    truths = [] if robot.fixed_base else [GROUND_TRUTH]
    if robot.setpoint(level).drive is not None:
        truths.append(JOINT_TRUTH)
    return [*topics, *truths] if truth else topics

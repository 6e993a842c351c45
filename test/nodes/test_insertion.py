"""A person takes an insertion over half-way, over DDS, puts the peg in and hands back."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import pytest

from robot_rl.assets import asset
from robot_rl.errors import SpecError
from robot_rl.nodes.description import processes
from robot_rl.spec import registry
from robot_rl.teleop.mapping import Axis

pytestmark = pytest.mark.ros

SHARE = 0.25
"""Of the robot's speed at the end of a stick: 0.1 m/s."""
LEFT = 0
"""The dead-man of a SpaceMouse."""
TRY, RETRY = (0.0003, 0.012), (0.0006, 0.012)  # [m], twice the sine of half the angle
OVER = 0.002  # [m] above the block from where the person tries


class Fitter:
    """Hands of a person who sees the hole: above it first, down then, up again if it sticks."""

    def __init__(self) -> None:
        self.task = registry.task('insert-panda')
        self._kinematics: Any = getattr(self.task.error, '__self__').kinematics  # noqa: B009
        self._trying = False

    def ahead(self, joints: Any, hole: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Way [m] and turn to the hole along its axes (row-major)."""
        import torch

        from robot_rl.mdp.kinematics import pose_error
        from robot_rl.mdp.observations import rotation_matrix

        angles, place, quat = (
            torch.as_tensor(np.asarray(value)[None]).float()
            for value in (joints[:7], hole['goal_pos_w'], hole['goal_quat_w'])
        )
        errors = pose_error(self._kinematics(angles), place, quat)
        frame = rotation_matrix(quat)[0].double().numpy().reshape(3, 3)
        way, turn = (part[0].double().numpy() @ frame for part in errors)
        return way, turn, frame

    def twist(self, joints: Any, hole: dict[str, Any]) -> Any:
        """Twist [m/s, rad/s] in the base's frame that they want now."""
        from robot_rl.tasks.insert import PEG

        way, turn, frame = self.ahead(joints, hole)
        over = way[2] - PEG.depth
        if over > -OVER:
            aside, turned = RETRY if self._trying else TRY
            self._trying = bool(np.hypot(*way[:2]) < aside and np.linalg.norm(turn) < turned)
        wanted = np.concatenate((2.0 * way, 2.0 * turn))
        wanted[2] = 0.02 if self._trying else np.clip(6.0 * (over - OVER), -0.03, 0.03)
        wanted = np.clip(wanted, *(np.repeat((0.05, 0.2), 3) * side for side in (-1.0, 1.0)))
        return np.concatenate((frame @ wanted[:3], frame @ wanted[3:]))


def sticks(motion: Any) -> dict[int, float]:
    """Where to push a device for a motion (6,) within -1 and 1."""
    axis = Axis(0)
    push = np.linspace(axis.dead_zone, 1.0, 500)
    shaped = np.array([axis.motion(value) for value in push])
    raw = np.where(motion == 0.0, 0.0, np.sign(motion) * np.interp(abs(motion), shaped, push))
    return dict(enumerate(raw.tolist()))


class Cell:
    """What is to be heard of the arm, its setpoints and the hole."""

    def __init__(self, peer: Any) -> None:
        from robot_rl.nodes.description import JOINT_TRUTH
        from robot_rl.nodes.messages import message_type, stamp_of
        from robot_rl.nodes.qos import profile, quality
        from robot_rl.nodes.setpoints import codec
        from robot_rl.nodes.signals import decoder
        from robot_rl.nodes.simulated_goal import HOLE_TRUTH

        robot, peer.silent = peer.robot, set(peer.topics)
        setpoint = self.setpoint = robot.setpoint('cartesian')
        self.joints: Any = None
        self.hole: dict[str, Any] = {}
        self.sent: list[tuple[float, Any]] = []
        """(time of the control period, twist), one for each."""
        kind = 'sensor_msgs/msg/JointState'
        read, see, twist = decoder(kind), decoder(robot.goal.message), codec(setpoint.message)
        joint, pose = (
            {name: np.zeros(robot.signal(name).size) for name in by.signals} for by in (read, see)
        )

        def arm(message: Any) -> None:
            read.read(message, robot, joint)
            self.joints = joint['joint_pos'].copy()

        def hole(message: Any) -> None:
            see.read(message, robot, pose)
            self.hole = {name: pose[name].copy() for name in robot.goal.signals}

        def sent(message: Any) -> None:
            values = np.zeros(setpoint.size)
            twist.read(message, robot, setpoint, values)
            self.sent.append((stamp_of(message), values))

        sensor = profile(quality('sensor'))
        peer.listen(message_type(kind), JOINT_TRUTH, sensor, arm)
        peer.listen(message_type(robot.goal.message), HOLE_TRUTH, profile(quality('goal')), hole)
        deep = profile(quality('record'))
        peer.listen(message_type(setpoint.message), setpoint.topic, deep, sent)


def put_in_alone(nodes: Any, peer: Any, cell: Cell, way: Any, trigger: type) -> float:
    """[s] in which the policy, nobody at the stick, puts the peg into another hole."""
    from robot_rl.tasks.insert import IN, PEG

    before = {name: value.copy() for name, value in cell.hole.items()}
    peer.call(trigger, '/sim_node/reset')
    nodes.until(lambda: not np.array_equal(cell.hole['goal_pos_w'], before['goal_pos_w']))
    nodes.until(lambda: way()[2] > PEG.depth)
    began = time.monotonic()
    nodes.until(lambda: np.linalg.norm(way()) < IN)
    return time.monotonic() - began


def test_a_person_finishes_what_the_shipped_policy_began(nodes, make_peer, make_person):
    from std_srvs.srv import Trigger

    from robot_rl.tasks.insert import IN, PEG

    fitter, policy = Fitter(), asset('policies', 'insert-panda.onnx')
    peer = make_peer(robot='panda')
    cell, robot = Cell(peer), peer.robot
    began = time.monotonic()
    person = make_person(peer, fitter.task.control_dt)
    params = ('--params-file', str(asset('launch', 'params/panda.yaml')))
    more = {'sim_node': {'seed': 3}, 'teleop_node': {'speed': SHARE, 'operator': 'anna'}}
    for process in processes(
        robot, policy, engine='mujoco', level='cartesian', task='insert-panda', teleop='spacemouse'
    ):
        given = {**process.parameters, **more.get(process.executable, {})}
        nodes.start(process.executable, *params, **given)

    def way() -> Any:
        return fitter.ahead(cell.joints, cell.hole)[0] if cell.hole else np.full(3, np.inf)

    nodes.until(lambda: cell.joints is not None and way()[2] < PEG.depth + 0.006)
    assert {who for _, who in person.pilots} == {'policy'}
    pressed = person.do(buttons=[LEFT])
    took = person.acted('human anna', pressed)
    fastest = SHARE * np.array(cell.setpoint.high)

    def works() -> bool:
        motion = np.clip(fitter.twist(cell.joints, cell.hole) / fastest, -1.0, 1.0)
        person.say(buttons=[LEFT], axes=sticks(motion))
        time.sleep(0.03)
        return bool(np.linalg.norm(way()) < 0.5 * IN)

    nodes.until(works)
    time.sleep(0.05)  # the pad has said the last of it
    released = person.do()
    gave = person.acted('policy', released)
    since = released + gave
    nodes.until(lambda: person.pilots[-1][0] > since + 0.5)
    assert np.linalg.norm(way()) < IN, 'it stays in'
    alone = put_in_alone(nodes, peer, cell, way, Trigger)

    pilots, sent = list(person.pilots), list(cell.sent)
    told = {stamp for stamp, _ in pilots}
    assert len(sent) > 20 and {stamp for stamp, _ in sent[:-1]} <= told
    driving = [who for stamp, who in pilots if pressed + took <= stamp < since]
    assert len(driving) > 10 and set(driving) == {'human anna'}
    twists = np.array([values for _, values in sent])
    steps = np.abs(np.diff(twists, axis=0)).max(axis=0)
    assert (steps <= np.array(cell.setpoint.slew) * fitter.task.control_dt + 1e-9).all()
    assert (np.abs(twists) <= np.array(cell.setpoint.high) + 1e-9).all()
    sys.stderr.write(
        f'alone {alone:.1f} s; took {took:.3f}, drove {released - pressed:.1f}, gave {gave:.3f}, '
        f'all {time.monotonic() - began:.1f} s; largest step {steps.max():.3f}\n'
    )


def test_an_insertion_has_the_goal_of_its_own_world_and_no_other():
    panda = registry.robot('panda')
    made: dict[str, Any] = {'level': 'cartesian', 'task': 'insert-panda'}
    policy = asset('policies', 'reach-panda.onnx')
    simulated = processes(panda, policy, engine='mujoco', **made)
    assert [p.executable for p in simulated] == ['sim_node', 'policy_node']
    assert simulated[0].parameters['tell_goal'] is True
    assert [p.executable for p in processes(panda, policy, engine='', **made)] == ['policy_node']
    with pytest.raises(SpecError, match='is said by the simulation, got none'):
        processes(panda, policy, engine='', goal='task', **made)

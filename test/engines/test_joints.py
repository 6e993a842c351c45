"""Joint drives and jointed robots against what can be computed by hand."""

from __future__ import annotations

from dataclasses import replace
import math

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from robot_rl.engines.servo import ServoDrive
from robot_rl.envs.engines import engine_factory
from robot_rl.errors import SpecError
from robot_rl.spec.drive import JointDrive, positions
from robot_rl.spec.robot import Parameter, Robot, Setpoint
from robot_rl.spec.stage import Stage
from robot_rl.spec.terrain import Terrain

MASS, LENGTH = 0.5, 0.4  # of the pendulum: a small ball on a light rod
URDF = f"""<robot name="pendulum">
  <link name="base_link"/>
  <link name="ball"><inertial><origin xyz="0 0 {-LENGTH}"/><mass value="{MASS}"/>
    <inertia ixx="1e-6" iyy="1e-6" izz="1e-6" ixy="0" ixz="0" iyz="0"/></inertial></link>
  <joint name="swing" type="revolute"><parent link="base_link"/><child link="ball"/>
    <origin xyz="0 0 2"/><axis xyz="0 1 0"/><limit lower="-9" upper="9" effort="9" velocity="9"/>
  </joint>
</robot>"""


def parameters(**changed):
    values = {
        'joint_stiffness': 20.0,
        'joint_damping': 1.0,
        'joint_effort_limit': 5.0,
        'joint_velocity_limit': 10.0,
        'command_delay': 0.0,
    }
    values |= changed
    return {k: Parameter((v,), '1', 'test', positive=False) for k, v in values.items()}


@pytest.fixture
def make(tmp_path):
    """(drive, fixed_base, **parameters) -> the pendulum."""

    def build(drive=None, **changed):
        (tmp_path / 'pendulum.urdf').write_text(URDF)
        setpoint = Setpoint(
            name='positions',
            fields=('swing',),
            units=('rad',),
            low=(-3.0,),
            high=(3.0,),
            slew=(math.inf,),
            neutral=(0.0,),
            safe=(Stage('hold', (0.0,), math.inf),),
            topic='command',
            message='sensor_msgs/msg/JointState',
            physics_dt=0.001,
            drive=drive or JointDrive(positions(1)),
        )
        return Robot(
            name='pendulum',
            urdf=str(tmp_path / 'pendulum.urdf'),
            model='',
            joint_names=('swing',),
            parameters=parameters(**changed),
            setpoints={'positions': setpoint},
            sensors=(),
            topics=(),
            fixed_base=True,
            rest={'joint_pos': (0.3,), 'joint_vel': (0.0,)},
        )

    return build


def servo(robot, num=1, control_dt=0.02, physics_dt=0.005):
    drive = robot.setpoint('positions').drive
    return ServoDrive(robot, drive, num, control_dt, physics_dt)


def effort(drive, position=0.0, velocity=0.0):
    return float(drive.effort(np.array([[position]]), np.array([[velocity]]))[0, 0])


def test_effort_is_stiffness_and_damping(make):
    drive = servo(make())
    drive.command(torch.tensor([[0.2]]))
    assert effort(drive, 0.1, 0.5) == pytest.approx(20.0 * 0.1 - 1.0 * 0.5)


def test_effort_stays_on_the_torque_speed_line(make):
    drive = servo(make(joint_damping=0.0))
    drive.command(torch.tensor([[3.0]]))
    assert effort(drive, 0.0, 0.0) == 5.0
    assert effort(drive, 0.0, 5.0) == 5.0, 'full effort up to the corner'
    assert effort(drive, 0.0, 7.5) == pytest.approx(2.5)
    assert effort(drive, 0.0, 12.0) == 0.0
    assert effort(drive, 0.0, -9.0) == 5.0, 'it may brake with all it has'
    drive.command(torch.tensor([[-3.0]]))
    assert effort(drive, 0.0, -7.5) == pytest.approx(-2.5)


def test_a_command_is_late_by_its_delay(make):
    drive = servo(make(command_delay=0.01))
    drive.reset(np.array([0]), np.array([[0.0]]))
    drive.command(torch.tensor([[0.1]]))
    assert [effort(drive) for _ in range(4)] == pytest.approx([0.0, 0.0, 2.0, 2.0])


def test_a_delay_may_be_longer_than_a_control_period_and_differ(make):
    drive = servo(make(), num=2)
    drive.randomize({'command_delay': torch.tensor([[0.05]])}, torch.tensor([1]))
    drive.reset(np.arange(2), np.zeros((2, 1)))
    rows = []
    for goal in (0.1, 0.2, 0.3, 0.4):
        drive.command(torch.full((2, 1), goal))
        rows += [drive.effort(np.zeros((2, 1)), np.zeros((2, 1)))[:, 0] for _ in range(4)]
    prompt, late = np.array(rows).T / 20.0
    assert np.allclose(prompt, np.repeat([0.1, 0.2, 0.3, 0.4], 4).clip(max=0.25))
    assert np.allclose(late, [0.0] * 10 + [0.1] * 4 + [0.2] * 2)


def test_a_robot_without_a_drive_parameter_is_refused(make):
    robot = make()
    del robot.parameters['joint_damping']
    with pytest.raises(SpecError, match="no 'joint_damping'"):
        servo(robot)


@pytest.fixture(params=['mujoco', 'pybullet'])
def load(request):
    """(robot, terrain) -> engine with three copies."""
    pytest.importorskip(request.param)
    factory = engine_factory(request.param)
    return lambda robot, terrain=None: factory(robot, 'positions', 3, 0.02, terrain=terrain)


@pytest.fixture
def swing(load):
    """(robot, seconds, command) -> engine that has run for that long."""

    def run(robot, seconds, command=0.0):
        engine = load(robot)
        for _ in range(round(seconds / 0.02)):
            engine.step(torch.full((3, 1), command))
        return engine

    return run


def test_a_free_pendulum_swings_with_its_period(make, swing):
    free = make(joint_stiffness=0.0, joint_damping=0.0)
    period = 2.0 * math.pi * math.sqrt(LENGTH / 9.81) * (1.0 + 0.3**2 / 16.0)
    for part, expected in ((0.5, -0.3), (1.0, 0.3)):
        angle = swing(free, round(part * period / 0.02) * 0.02).signals()['joint_pos']
        assert angle == pytest.approx(expected, abs=0.003)


def test_a_drive_holds_against_gravity_with_the_offset_of_its_stiffness(make, swing):
    engine = swing(make(), 4.0, command=1.0)
    angle = float(engine.signals()['joint_pos'][0])
    assert 20.0 * (1.0 - angle) == pytest.approx(MASS * 9.81 * LENGTH * math.sin(angle), rel=1e-3)
    assert float(engine.signals()['joint_effort'][0]) == pytest.approx(
        20.0 * (1.0 - angle), rel=1e-3
    )


def test_a_drive_that_bears_the_weight_holds_without_an_offset(make, swing):
    drive = JointDrive(positions(1), bearing=lambda angle: MASS * 9.81 * LENGTH * np.sin(angle))
    engine = swing(make(drive), 4.0, command=1.0)
    assert float(engine.signals()['joint_pos'][0]) == pytest.approx(1.0, abs=1e-3)


def test_parameters_differ_between_environments(make, load):
    engine = load(make())
    stiffness = torch.tensor([[20.0], [40.0], [80.0]])
    engine.randomize({'joint_stiffness': stiffness}, torch.arange(3))
    for _ in range(200):
        engine.step(torch.ones(3, 1))
    error = 1.0 - engine.signals()['joint_pos'][:, 0]
    load = MASS * 9.81 * LENGTH * torch.sin(1.0 - error)
    assert torch.allclose(stiffness[:, 0] * error, load, rtol=1e-3)


def test_a_reset_starts_from_the_state_given_and_no_other(make, swing):
    engine = swing(make(), 0.2, command=1.0)
    before = engine.signals()
    engine.reset(torch.tensor([1]), {'joint_pos': torch.tensor([[0.7]])})
    after = engine.signals()
    assert float(after['joint_pos'][1]) == pytest.approx(0.7)
    assert float(after['joint_vel'][1]) == 0.0
    assert torch.equal(after['joint_pos'][[0, 2]], before['joint_pos'][[0, 2]])
    with pytest.raises(SpecError, match="no state 'rotor_speed'"):
        engine.reset(torch.tensor([1]), {'rotor_speed': torch.zeros(1, 4)})


BOX = """<robot name="box"><link name="base_link">
  <inertial><mass value="1"/>
    <inertia ixx="0.01" iyy="0.01" izz="0.01" ixy="0" ixz="0" iyz="0"/></inertial>
  <collision><geometry><sphere radius="0.1"/></geometry></collision></link>
  <link name="foot"><inertial><mass value="0.1"/>
    <inertia ixx="1e-4" iyy="1e-4" izz="1e-4" ixy="0" ixz="0" iyz="0"/></inertial>
    <collision><geometry><sphere radius="0.05"/></geometry></collision></link>
  <joint name="leg" type="prismatic"><parent link="base_link"/><child link="foot"/>
    <origin xyz="0 0 -0.3"/><axis xyz="0 0 1"/>
    <limit lower="-0.1" upper="0.1" effort="100" velocity="5"/></joint>
</robot>"""


@pytest.fixture
def hopper(make, tmp_path):
    """A body on one foot that may touch the ground; the body must not."""
    (tmp_path / 'box.urdf').write_text(BOX)
    plain = make(joint_stiffness=2000.0, joint_damping=50.0, joint_effort_limit=100.0)
    return replace(
        plain,
        urdf=str(tmp_path / 'box.urdf'),
        joint_names=('leg',),
        setpoints={'positions': replace(plain.setpoint('positions'), fields=('leg',))},
        fixed_base=False,
        touching=('foot',),
        rest={'base_pos_w': (0.0, 0.0, 0.36), 'base_quat_w': (1.0, 0.0, 0.0, 0.0)},
    )


def test_feet_may_touch_and_bodies_must_not(hopper, swing):
    engine = swing(hopper, 0.1)
    assert engine.signals()['touch'].tolist() == [[1.0]] * 3
    assert engine.signals()['contact'].tolist() == [[0.0]] * 3
    lying = {'base_pos_w': torch.tensor([[0.0, 0.0, 0.1]] * 3)}
    lying['base_quat_w'] = torch.tensor([[0.5**0.5, 0.5**0.5, 0.0, 0.0]] * 3)
    engine.reset(torch.arange(3), lying)
    engine.step(torch.zeros(3, 1))
    assert engine.signals()['contact'].tolist() == [[1.0]] * 3


def test_terrain_is_where_its_heights_say(hopper, load):
    heights = np.zeros((21, 41), np.float32)
    heights[:, 30:] = 0.2  # a step up at x = 0.5 m
    terrain = Terrain(heights, 0.1)
    engine = load(hopper, terrain)
    places = torch.tensor([[-1.0, 0.0, 0.36], [1.5, 0.5, 0.56], [1.5, -0.8, 0.56]])
    upright = torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(3, 1)
    engine.reset(torch.arange(3), {'base_pos_w': places, 'base_quat_w': upright})
    for _ in range(10):
        engine.step(torch.zeros(3, 1))
    assert engine.signals()['base_pos_w'][:, 2].tolist() == pytest.approx(
        [0.35, 0.55, 0.55], abs=0.01
    )
    assert engine.signals()['touch'].all()


def test_a_push_and_a_payload_act(hopper, swing):
    engine = swing(hopper, 0.1)
    engine.push(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))
    velocity = engine.signals()['base_lin_vel_b'][:, 0].tolist()
    assert velocity == pytest.approx([0.0, 1.0, 0.0], abs=1e-3)
    heavy = swing(hopper, 0.1)
    heavy.randomize({'payload': torch.tensor([[5.0]])}, torch.tensor([2]))
    for _ in range(60):
        heavy.step(torch.zeros(3, 1))
    leg = heavy.signals()['joint_pos'][:, 0]
    assert float(leg[2] - leg[0]) == pytest.approx(5.0 * 9.81 / 2000.0, rel=0.1)


def test_friction_stops_a_sliding_block(hopper, load, tmp_path):
    text = BOX.replace('<sphere radius="0.1"/>', '<box size="0.6 0.6 0.1"/>')
    (tmp_path / 'block.urdf').write_text(text.replace('"0 0 -0.3"', '"0 0 0.3"'))
    engine = load(replace(hopper, urdf=str(tmp_path / 'block.urdf')))
    engine.randomize({'friction': torch.tensor([[0.1], [0.2], [0.3]])}, torch.arange(3))
    state = {'base_pos_w': [0.0, 0.0, 0.05], 'base_quat_w': [1.0, 0.0, 0.0, 0.0]}
    state |= {'base_lin_vel_b': [1.0, 0.0, 0.0], 'base_ang_vel_b': [0.0] * 3}
    engine.reset(torch.arange(3), {n: torch.tensor([row] * 3) for n, row in state.items()})
    for _ in range(10):
        engine.step(torch.zeros(3, 1))
    slower = [1.0 - mu * 9.81 * 0.2 for mu in (0.1, 0.2, 0.3)]
    assert engine.signals()['base_lin_vel_b'][:, 0].tolist() == pytest.approx(slower, abs=0.04)

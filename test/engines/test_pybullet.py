"""PyBullet against MuJoCo on a body with everything that two simulators could read differently."""

from __future__ import annotations

import dataclasses
import math
import sys

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from robot_rl.engines.lump import lump
from robot_rl.envs.engines import engine_factory
from robot_rl.errors import MissingPackageError, SpecError, UnknownNameError
from robot_rl.spec.drive import JointDrive
from robot_rl.spec.robot import Parameter, Robot, Setpoint
from robot_rl.spec.stage import Stage

# Off-centre masses, products of inertia, turned frames, a sensor without inertia, a tool that is
# fixed, and a joint with damping.
URDF = """<robot name="awkward">
  <link name="base_link">
    <inertial><origin xyz="0.05 -0.02 0.03" rpy="0.3 -0.2 0.5"/><mass value="2"/>
      <inertia ixx="0.02" ixy="0.002" ixz="-0.001" iyy="0.03" iyz="0.003" izz="0.025"/></inertial>
    <collision><geometry><box size="0.2 0.2 0.1"/></geometry></collision></link>
  <link name="imu"/>
  <joint name="imu_mount" type="fixed"><parent link="base_link"/><child link="imu"/></joint>
  <link name="upper">
    <inertial><origin xyz="0 0.01 -0.1" rpy="0.1 0.7 0"/><mass value="0.5"/>
      <inertia ixx="0.002" ixy="0" ixz="0.0003" iyy="0.0021" iyz="0" izz="0.0005"/></inertial>
  </link>
  <joint name="hip" type="revolute"><parent link="base_link"/><child link="upper"/>
    <origin xyz="0.2 0.1 0" rpy="0.4 0 0.2"/><axis xyz="0 0.6 0.8"/>
    <limit lower="-3" upper="3" effort="9" velocity="30"/><dynamics damping="0.02"/></joint>
  <link name="lower">
    <inertial><origin xyz="0 0 -0.1"/><mass value="0.3"/>
      <inertia ixx="0.001" ixy="0" ixz="0" iyy="0.001" iyz="0" izz="0.0002"/></inertial></link>
  <joint name="knee" type="revolute"><parent link="upper"/><child link="lower"/>
    <origin xyz="0 0 -0.2"/><axis xyz="0 1 0"/>
    <limit lower="-3" upper="3" effort="9" velocity="30"/></joint>
  <link name="tool">
    <inertial><origin xyz="0.02 0 0"/><mass value="0.1"/>
      <inertia ixx="1e-4" ixy="0" ixz="0" iyy="2e-4" iyz="0" izz="2e-4"/></inertial>
    <collision><geometry><sphere radius="0.03"/></geometry></collision></link>
  <joint name="tool_mount" type="fixed"><parent link="lower"/><child link="tool"/>
    <origin xyz="0 0 -0.2" rpy="0 0.5 0.3"/></joint>
</robot>"""
NOMINAL = {
    'joint_stiffness': (0.0, 0.0),
    'joint_damping': (0.0, 0.0),
    'joint_effort_limit': (9.0, 9.0),
    'joint_velocity_limit': (1e3, 1e3),
    'command_delay': (0.0,),
}
START = {
    'base_pos_w': [0.3, -0.2, 5.0],
    'base_quat_w': [0.9, 0.3, -0.2, 0.25],
    'base_lin_vel_b': [0.5, -0.3, 0.2],
    'base_ang_vel_b': [0.6, -0.9, 0.7],
    'joint_pos': [0.4, -0.8],
    'joint_vel': [1.0, -2.0],
}


def efforts(setpoint, held, _positions, _control_dt):
    return held, 0.0 * held, setpoint


@pytest.fixture
def make(tmp_path):
    """(urdf text, changes of the robot) -> robot with effort control."""

    def build(text=URDF, **changes):
        (tmp_path / 'awkward.urdf').write_text(text)
        level = Setpoint(
            name='efforts',
            fields=('hip', 'knee'),
            units=('N m',) * 2,
            low=(-9.0,) * 2,
            high=(9.0,) * 2,
            slew=(math.inf,) * 2,
            neutral=(0.0,) * 2,
            safe=(Stage('limp', (0.0,) * 2, math.inf),),
            topic='efforts',
            message='std_msgs/msg/Float64MultiArray',
            physics_dt=0.0005,
            drive=JointDrive(efforts, stiff=False, damped=False),
        )
        robot = Robot(
            name='awkward',
            urdf=str(tmp_path / 'awkward.urdf'),
            model='',
            joint_names=('hip', 'knee'),
            parameters={n: Parameter(v, '1', 'test', positive=False) for n, v in NOMINAL.items()},
            setpoints={'efforts': level},
            sensors=(),
            topics=(),
            touching=('tool',),
        )
        return dataclasses.replace(robot, **changes)

    return build


def load(name, robot, num=1):
    pytest.importorskip(name)
    return engine_factory(name)(robot, 'efforts', num, 0.01)


def start(engine, **changes):
    quat = np.array(START['base_quat_w'])
    state = START | {'base_quat_w': (quat / np.linalg.norm(quat)).tolist()} | changes
    if engine.robot.fixed_base:
        state = {name: row for name, row in state.items() if name.startswith('joint')}
    rows = {n: torch.tensor([row] * engine.num_envs) for n, row in state.items()}
    engine.reset(torch.arange(engine.num_envs), rows)
    return rows


def move(engine, steps, effort=(0.05, -0.03)):
    for _ in range(steps):
        engine.step(torch.tensor([effort] * engine.num_envs))
    return engine.signals()


MOVES_ALIKE = {
    'base_pos_w': 1e-3,
    'base_quat_w': 2e-3,
    'base_lin_vel_b': 5e-3,
    'base_ang_vel_b': 2e-2,
    'joint_pos': 1e-2,
    'joint_vel': 5e-2,
}
"""Signal to how far two integrators may be apart after a quarter of a second."""
CHANGES = {
    'nominal': {},
    'link_mass_scale': (1.3,),
    'payload': (0.7,),
    'com_offset': (0.04, -0.03, 0.02),
    'external_force_w': (2.0, -1.0, 3.0),
    'push': (0.4, 0.2),
}


@pytest.mark.parametrize('parameter', CHANGES)
def test_it_moves_as_in_mujoco(make, parameter):
    """A quarter of a second in the air; what differs is the order of the two integrators."""
    ends = []
    for name in ('mujoco', 'pybullet'):
        engine = load(name, make())
        start(engine)
        if CHANGES[parameter]:
            value = torch.tensor([CHANGES[parameter]])
            if parameter == 'push':
                engine.push(value, torch.arange(1))
            else:
                engine.randomize({parameter: value}, torch.arange(1))
        ends.append(move(engine, 25))
    for name, bound in MOVES_ALIKE.items():
        assert (ends[0][name] - ends[1][name]).abs().max() < bound, name


CHANGED = ('mass', 'inertia', 'link_mass_scale', 'payload')


@pytest.mark.parametrize('names', [CHANGED, CHANGED[::-1]])
def test_what_is_told_of_masses_adds_up_in_any_order(make, names):
    """Mass and inertia of the whole robot, every link's scale and a load; as in MuJoCo."""
    from robot_rl.engines.mujoco import build_model
    from robot_rl.engines.mujoco_fields import _of_others

    plain = URDF.replace('ixy="0.002" ixz="-0.001"', 'ixy="0" ixz="0"')
    robot = make(plain.replace('iyz="0.003"', 'iyz="0"').replace('rpy="0.3 -0.2 0.5"', ''))
    model = build_model(robot, 0.001)
    whole = _of_others(model, model.body('base_link').id) + (2.0, 0.02, 0.03, 0.025)
    own = {'mass': tuple(whole[:1]), 'inertia': tuple(whole[1:])}
    own = {name: Parameter(value, '1', 'test') for name, value in own.items()}
    robot = dataclasses.replace(robot, parameters={**robot.parameters, **own})
    rows = [1.3 * whole[:1], 1.2 * whole[1:], [0.8], [0.7]]
    changes = {n: torch.tensor(np.array([row])) for n, row in zip(CHANGED, rows, strict=True)}
    ends = []
    for engine in (load('mujoco', robot), load('pybullet', robot)):
        start(engine)
        for name in names:
            engine.randomize({name: changes[name]}, torch.arange(1))
        ends.append(move(engine, 25))
    for name, bound in MOVES_ALIKE.items():
        assert (ends[0][name] - ends[1][name]).abs().max() < bound, name


def test_it_starts_where_it_is_put(make):
    engine = load('pybullet', make(), 2)
    rows = start(engine)
    signals = engine.signals()
    for name, value in rows.items():
        torch.testing.assert_close(signals[name], value, rtol=1e-6, atol=1e-6)


def test_another_centre_of_mass_leaves_it_where_it_is(make):
    engine = load('pybullet', make(), 2)
    start(engine)
    before = move(engine, 5)
    engine.randomize({'com_offset': torch.tensor([[0.1, 0.0, 0.05]])}, torch.tensor([1]))
    for name, value in engine.signals().items():
        torch.testing.assert_close(value, before[name], rtol=1e-6, atol=1e-6)


def bare(text=URDF):
    """The body without shapes, as an arm that hangs through the floor."""
    for shape in ('<box size="0.2 0.2 0.1"/>', '<sphere radius="0.03"/>'):
        text = text.replace(f'<collision><geometry>{shape}</geometry></collision>', '')
    return text


def test_a_fixed_arm_moves_as_in_mujoco(make):
    ends = []
    for name in ('mujoco', 'pybullet'):
        engine = load(name, make(bare(), fixed_base=True, touching=()))
        start(engine)
        ends.append(move(engine, 25))
    assert (ends[0]['joint_pos'] - ends[1]['joint_pos']).abs().max() < 2e-3
    assert (ends[0]['joint_vel'] - ends[1]['joint_vel']).abs().max() < 2e-2


def test_armature_and_friction_of_a_joint(make):
    # The tool is not turned here, so the knee's axis is a principal one: armature is exact.
    plain = bare(URDF.replace('rpy="0 0.5 0.3"', ''))
    engine = load('pybullet', make(plain, fixed_base=True, touching=()), 4)
    engine.randomize(
        {
            'joint_armature': torch.tensor([[0.0, a] for a in (0.0, 0.05, 0.0, 0.0)]),
            'joint_friction': torch.tensor([[9.0, f] for f in (0.0, 0.0, 9.0, 0.4)]),
        },
        torch.arange(4),
    )
    start(engine, joint_pos=[0.0, 0.0], joint_vel=[0.0, 0.0])
    hip, knee = move(engine, 1, (0.0, 1.0))['joint_vel'].T.tolist()
    # 1 N m for 10 ms on the link: its inertia, its offset of 0.1 m, and the tool's at 0.2 m
    inertia = 0.001 + 0.3 * 0.01 + 2e-4 + 0.1 * (0.04 + 0.0004)
    assert knee[0] == pytest.approx(0.01 / inertia, rel=0.03)  # gravity has the rest
    assert knee[1] == pytest.approx(0.01 / (inertia + 0.05), rel=0.03)
    assert knee[3] == pytest.approx(0.006 / inertia, rel=0.05)
    assert [*hip, knee[2]] == pytest.approx([0.0] * 5, abs=1e-6)


def test_links_next_to_each_other_do_not_collide_and_others_do(make):
    shape = '<collision><geometry><sphere radius="0.15"/></geometry></collision></link>'
    overlapping = URDF.replace('</inertial>\n  </link>', f'</inertial>\n  {shape}', 1)
    assert overlapping.count('<collision>') == 3
    engine = load('pybullet', make(overlapping))
    start(engine, joint_pos=[0.0, 0.0], joint_vel=[0.0, 0.0])
    assert move(engine, 2)['contact'].tolist() == [[0.0]]
    # Folded up, the tool is inside the upper link: two joints apart, as is the base.
    start(engine, joint_pos=[0.0, 2.9], joint_vel=[0.0, 0.0])
    signals = move(engine, 1)
    assert signals['touch'].tolist() == signals['contact'].tolist()


def test_a_fixed_base_on_the_ground_touches_nothing(make):
    engine = load('pybullet', make(fixed_base=True))
    start(engine, joint_pos=[0.0, 3.0], joint_vel=[0.0, 0.0])
    engine.reset(torch.tensor([0]), {'joint_pos': torch.tensor([[0.0, 3.0]])})
    engine.step(torch.zeros(1, 2))
    assert engine.signals()['contact'].tolist() == [[0.0]]


def test_what_is_rigid_is_one_body():
    root, bodies = lump(URDF)
    assert [body.name for body in bodies] == ['base_link', 'upper', 'lower']
    lower = bodies[2]
    assert lower.mass == pytest.approx(0.4)
    assert lower.links == ('lower', 'tool')
    # tool: 0.02 m along its own x, which is turned by (0, 0.5, 0.3)
    x = 0.02 * math.cos(0.3) * math.cos(0.5)
    assert lower.centre[0] == pytest.approx(0.1 * x / 0.4)
    masses = {link.get('name'): link.find('inertial/mass') for link in root.findall('link')}
    assert 'imu' not in masses, 'it has neither mass nor shape'
    assert (tool := masses['tool']) is not None
    assert tool.get('value') == '0.0'


@pytest.mark.parametrize(
    ('old', 'new', 'words'),
    [
        ('<child link="lower"/>', '<child link="nowhere"/>', "'knee' names no link 'nowhere'"),
        ('<parent link="upper"/>', '<parent link="tool"/>', 'one tree'),
        ('izz="0.0002"', 'izz="1"', 'principal moments'),
        ('xyz="0 0 -0.2" rpy="0 0.5 0.3"', 'xyz="0 0"', '3 of them'),
        ('<mass value="0.5"/>', '', "'upper' moves, so it needs mass"),
        ('<box size="0.2 0.2 0.1"/>', '<mesh filename="none.obj"/>', 'PyBullet refuses'),
    ],
)
def test_a_urdf_that_cannot_be_simulated_is_refused(make, old, new, words):
    assert URDF.count(old) == 1
    with pytest.raises(SpecError, match=words):
        load('pybullet', make(URDF.replace(old, new)))


def test_other_faults_are_named(make, monkeypatch):
    pybullet = engine_factory('pybullet')
    with pytest.raises(SpecError, match='cuda'):
        pybullet(make(), 'efforts', 1, 0.01, 'cuda')
    with pytest.raises(UnknownNameError, match="Did you mean 'tool'"):
        load('pybullet', make(touching=('tol',)))
    with pytest.raises(SpecError, match="no state 'rotor_speed'"):
        load('pybullet', make()).reset(torch.tensor([0]), {'rotor_speed': torch.zeros(1, 4)})
    monkeypatch.setitem(sys.modules, 'pybullet', None)
    with pytest.raises(MissingPackageError, match=r'robot_rl\[judge\]'):
        pybullet(make(), 'efforts', 1, 0.01)


def test_copies_in_several_worlds_move_alike(make):
    """31 share a world: the first and the last of one, and the first of the next."""
    engine = load('pybullet', make(), 33)
    start(engine, base_pos_w=[0.0, 0.0, 0.35], base_lin_vel_b=[0.0, 0.0, -1.0])
    signals = move(engine, 30)
    assert signals['touch'].any() or signals['contact'].any(), 'it hits the ground'
    for name, value in signals.items():
        for row in (1, 30, 31, 32):
            assert torch.equal(value[0], value[row]), f'{name} of {row}'

"""What only the mujoco engine does: contacts, threads, its way of failing."""

from __future__ import annotations

import dataclasses
import sys

import pytest

torch = pytest.importorskip('torch')

from robot_rl.errors import MissingPackageError, SpecError


@pytest.fixture(autouse=True)
def mujoco():
    return pytest.importorskip('mujoco')


def at_height(engine, height):
    num = engine.num_envs
    state = {
        'base_pos_w': torch.tensor([[0.0, 0.0, height]] * num),
        'base_quat_w': torch.tensor([[1.0, 0.0, 0.0, 0.0]] * num),
        'base_lin_vel_b': torch.zeros(num, 3),
        'base_ang_vel_b': torch.zeros(num, 3),
        'rotor_speed': torch.zeros(num, 4),
    }
    engine.reset(torch.arange(num), state)


def test_it_falls_touches_the_floor_and_comes_to_rest(robot):
    from robot_rl.engines.mujoco import MujocoEngine

    engine = MujocoEngine(dataclasses.replace(robot, touching=('base_link',)), 'motors', 2, 0.01)
    at_height(engine, 0.2)
    off = torch.zeros(2, 4)
    assert not engine.signals()['touch'].any()
    for _ in range(200):
        engine.step(off)
    end = engine.signals()
    assert end['touch'].all()
    assert end['base_pos_w'][:, 2].tolist() == pytest.approx([0.0145] * 2, abs=1e-3)  # half 29 mm
    assert end['base_lin_vel_b'].abs().max() < 1e-2
    at_height(engine, 0.2)
    assert not engine.signals()['touch'].any()


def test_results_do_not_depend_on_threads(
    make_engine, random_states, random_parameters, random_setpoints
):
    ends = []
    for threads in (1, 2, 3):
        engine = make_engine('mujoco', 'motors', 24, threads=threads)
        engine.randomize(random_parameters(24, 1), torch.arange(24))
        engine.reset(torch.arange(24), random_states(24, 2))
        for setpoint in random_setpoints('motors', 24, 20, 3):
            engine.step(setpoint)
        ends.append(engine.signals())
    for name in ends[0]:
        assert torch.equal(ends[0][name], ends[1][name]), name
        assert torch.equal(ends[0][name], ends[2][name]), name


def test_a_gpu_is_refused(robot):
    from robot_rl.engines.mujoco import MujocoEngine

    with pytest.raises(SpecError, match='cuda'):
        MujocoEngine(robot, 'motors', 1, 0.01, 'cuda')


def test_without_mujoco_it_says_what_to_install(robot, monkeypatch):
    from robot_rl.engines.mujoco import MujocoEngine

    monkeypatch.setitem(sys.modules, 'mujoco', None)
    with pytest.raises(MissingPackageError, match='pip install'):
        MujocoEngine(robot, 'motors', 1, 0.01)


def test_a_robot_without_a_model_is_refused(robot):
    from robot_rl.engines.mujoco import MujocoEngine

    bare = dataclasses.replace(robot, model='')
    with pytest.raises(SpecError, match='no closed-form model'):
        MujocoEngine(bare, 'motors', 1, 0.01)


@pytest.mark.parametrize(
    ('old', 'new', 'words'),
    [
        ('</robot>', '', 'not well-formed XML'),
        ('<robot name="crazyflie">', '<mujoco>', 'not well-formed XML'),
        ('name="m3_joint"', 'name="m3"', "no joint 'm3_joint'"),
        ('name="base_link"', 'name="base"', "no link 'base_link'"),
        ('<mass value="0.02696"/>', '<mass value="-1"/>', "must be a positive number, got '-1'"),
        ('<mass value="0.02696"/>', '<mass value="heavy"/>', "got 'heavy'"),
        ('ixx="16.524460e-6"', 'ixx="nan"', "got 'nan'"),
        ('<child link="m2_link"/>', '<child link="nowhere"/>', 'MuJoCo refuses'),
        ('izz="29.167152e-6"', 'izz="1"', 'MuJoCo refuses'),
    ],
)
def test_a_broken_urdf_is_refused_with_its_fault(robot, tmp_path, old, new, words):
    from robot_rl.assets import asset
    from robot_rl.engines.mujoco import MujocoEngine

    text = asset('urdf', robot.urdf).read_text()
    assert old in text
    path = tmp_path / 'broken.urdf'
    path.write_text(text.replace(old, new))
    broken = dataclasses.replace(robot, urdf=str(path))
    with pytest.raises(SpecError, match=words):
        MujocoEngine(broken, 'motors', 1, 0.01)


def test_another_file_than_a_urdf_is_refused(robot, tmp_path):
    from robot_rl.spec.urdf import load_urdf

    path = tmp_path / 'scene.xml'
    path.write_text('<mujoco/>')
    with pytest.raises(SpecError, match='its root is <mujoco>'):
        load_urdf(dataclasses.replace(robot, urdf=str(path)))


def test_a_missing_urdf_is_named(robot):
    from robot_rl.spec.urdf import load_urdf

    with pytest.raises(
        SpecError, match=r"No urdf file 'crazyfly.urdf'. Looked for .*crazyfly.urdf"
    ):
        load_urdf(dataclasses.replace(robot, urdf='crazyfly.urdf'))

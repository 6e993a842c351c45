"""What every engine promises about its batch."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip('torch')

from robot_rl.engines.engine import Engine, physics_step
from robot_rl.envs.engines import engine_factory
from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.spec.robot import Parameter

LEVELS = ('motors', 'rates')


def run(engine, states, parameters, setpoints):
    env_ids = torch.arange(engine.num_envs)
    engine.randomize(parameters, env_ids)
    engine.reset(env_ids, states)
    for setpoint in setpoints:
        engine.step(setpoint)
    return engine.signals()


def assert_identical(a: dict, b: dict):
    assert a.keys() == b.keys()
    for name, value in a.items():
        assert torch.equal(value, b[name]), name


@pytest.mark.parametrize('level', LEVELS)
def test_each_row_is_what_a_single_environment_gives(
    make_engine, engine_name, level, random_states, random_parameters, random_setpoints
):
    num = 21  # not a whole number of blocks
    states, parameters = random_states(num, 1), random_parameters(num, 2)
    setpoints = random_setpoints(level, num, 20, 3)
    together = run(make_engine(engine_name, level, num), states, parameters, setpoints)
    for row in (0, 7, 16, 20):
        alone = run(
            make_engine(engine_name, level, 1),
            {name: value[row : row + 1] for name, value in states.items()},
            {name: value[row : row + 1] for name, value in parameters.items()},
            [setpoint[row : row + 1] for setpoint in setpoints],
        )
        assert_identical(alone, {n: v[row : row + 1] for n, v in together.items()})


@pytest.mark.parametrize('level', LEVELS)
def test_resetting_some_leaves_the_others_as_they_are(
    make_engine, engine_name, level, random_states, random_parameters, random_setpoints
):
    num = 21
    env_ids = torch.tensor([3, 16])
    others = torch.tensor([i for i in range(num) if i not in env_ids])
    setpoints = random_setpoints(level, num, 20, 3)
    ends = []
    for disturb in (False, True):
        engine = make_engine(engine_name, level, num)
        run(engine, random_states(num, 1), random_parameters(num, 2), setpoints[:10])
        if disturb:
            engine.randomize(random_parameters(2, 4), env_ids)
            engine.reset(env_ids, random_states(2, 5))
            now = {name: value[env_ids] for name, value in engine.signals().items()}
            for name, value in random_states(2, 5).items():
                torch.testing.assert_close(now[name], value, rtol=1e-6, atol=1e-6)
        for setpoint in setpoints[10:]:
            engine.step(setpoint)
        ends.append({name: value[others] for name, value in engine.signals().items()})
    assert_identical(*ends)


def test_a_reset_makes_an_episode_repeatable(
    make_engine, engine_name, random_states, random_parameters, random_setpoints
):
    engine = make_engine(engine_name, 'motors', 5)
    arguments = random_states(5, 1), random_parameters(5, 2), random_setpoints('motors', 5, 20, 3)
    first = run(engine, *arguments)
    assert_identical(first, run(engine, *arguments))


@pytest.mark.parametrize('num', [1, 16, 40])
def test_signals_keep_their_values_when_the_engine_moves_on(make_engine, engine_name, num):
    engine = make_engine(engine_name, 'motors', num)
    before = engine.signals()
    copies = {name: value.clone() for name, value in before.items()}
    for _ in range(3):
        engine.step(torch.full((num, 4), 1000.0))
    assert_identical(before, copies)
    assert not torch.equal(engine.signals()['rotor_speed'], before['rotor_speed'])
    for name, value in before.items():
        assert value.shape[0] == num, name
        assert value.dtype == torch.float32, name


def test_a_nan_stays_in_its_own_environment_and_stays_visible(
    make_engine, engine_name, tmp_path, monkeypatch, random_states
):
    monkeypatch.chdir(tmp_path)  # MuJoCo leaves a log file
    engine = make_engine(engine_name, 'motors', 3)
    engine.reset(torch.arange(3), random_states(3, 1))
    setpoint = torch.full((3, 4), 1500.0)
    setpoint[1, 2] = float('nan')
    for _ in range(3):
        engine.step(setpoint)
    finite = engine.signals()['base_pos_w'].isfinite().all(dim=1)
    assert finite.tolist() == [True, False, True]


def test_it_is_an_engine(make_engine, engine_name, random_states):
    engine = make_engine(engine_name, 'motors', 2)
    engine.reset(torch.arange(2), random_states(2, 1))
    assert isinstance(engine, Engine)
    assert round(0.01 / engine.physics_dt) * engine.physics_dt == pytest.approx(0.01)


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ({'mas': torch.ones(2, 1)}, "parameter 'mas'"),
        ({'mass': torch.ones(2, 3)}, '1 components, got 3'),
        ({'rotor_speed': torch.ones(2, 4)}, "parameter 'rotor_speed'"),
    ],
)
def test_a_parameter_it_cannot_simulate_is_refused(make_engine, engine_name, values, words):
    engine = make_engine(engine_name, 'motors', 2)
    with pytest.raises(SpecError, match=words):
        engine.randomize(values, torch.arange(2))


def test_a_parameter_that_only_other_engines_simulate_stays_nominal(robot, engine_name):
    """The kernel of a quadrotor knows no load; MuJoCo and PyBullet do, but no bearings here."""
    pytest.importorskip(engine_name if engine_name != 'analytic' else 'numba')
    more = {
        'payload': Parameter((0.0,), 'kg', 'test', positive=False),
        'joint_friction': Parameter((1e-6,) * 4, 'N m', 'test'),
    }
    laden = replace(robot, parameters={**robot.parameters, **more})
    engine = engine_factory(engine_name)(laden, 'motors', 2, 0.01)
    assert set(engine.simulated) & set(more) == (
        {'payload'} if engine_name != 'analytic' else set()
    )
    known = {n: torch.tensor([p.nominal] * 2) for n, p in robot.parameters.items()}
    engine.randomize({n: v for n, v in known.items() if n in engine.simulated}, torch.arange(2))
    if 'payload' not in engine.simulated:
        return
    engine.randomize({'payload': torch.tensor([[0.0], [0.027]])}, torch.arange(2))
    for _ in range(20):
        engine.step(torch.tensor([robot.setpoint('motors').neutral] * 2))
    fell = engine.signals()['base_lin_vel_b'][:, 2].tolist()
    assert fell == pytest.approx([0.0, -0.5 * 9.81 * 0.2], abs=0.02)


def test_a_state_it_does_not_have_is_refused(make_engine, engine_name):
    engine = make_engine(engine_name, 'motors', 2)
    with pytest.raises(SpecError, match='joint_pos'):
        engine.reset(torch.arange(2), {'joint_pos': torch.zeros(2, 4)})


def test_an_unknown_level_is_refused_with_a_suggestion(make_engine, engine_name):
    with pytest.raises(UnknownNameError, match="Did you mean 'motors'"):
        make_engine(engine_name, 'motor', 2)


@pytest.mark.parametrize(
    ('control_dt', 'longest', 'expected'),
    [(0.01, 0.01, (0.01, 1)), (0.01, 0.005, (0.005, 2)), (0.02, 0.003, (0.02 / 7, 7))],
)
def test_physics_steps_fill_a_control_period(control_dt, longest, expected):
    assert physics_step(control_dt, longest) == pytest.approx(expected)


def test_a_time_step_must_be_positive():
    with pytest.raises(SpecError, match='positive'):
        physics_step(0.0, 0.01)


@pytest.mark.parametrize('bad', [-1, 5, 16, 1000])
def test_an_environment_that_is_not_there_is_refused(make_engine, bad):
    engine = make_engine('analytic', 'motors', 5)
    state = {name: value[:1] for name, value in engine.signals().items()}
    ids = torch.tensor([bad])
    with pytest.raises(IndexError):
        engine.reset(ids, state)
    if bad >= 0:
        with pytest.raises(IndexError):
            engine.signals(ids)

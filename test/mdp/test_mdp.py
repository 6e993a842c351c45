from __future__ import annotations

import math

import pytest

torch = pytest.importorskip('torch')

from robot_rl.mdp import observations
from robot_rl.mdp.commands import LissajousGoal
from robot_rl.mdp.memory import History, Integral, LowPass, Memory
from robot_rl.mdp.randomization import ParameterSampler
from robot_rl.spec import registry
from robot_rl.spec.randomization import spread
from robot_rl.tasks import hover

ROBOT = registry.robot('crazyflie')


def _quats(num):
    quat = torch.randn(num, 4, generator=torch.Generator().manual_seed(0))
    return quat / quat.norm(dim=1, keepdim=True)


def test_rotation_matrix_is_the_quaternion_product():
    quat, vector = _quats(50), torch.randn(50, 3, generator=torch.Generator().manual_seed(1))
    w, u = quat[:, :1], quat[:, 1:]
    t = 2.0 * torch.linalg.cross(u, vector)
    expected = vector + w * t + torch.linalg.cross(u, t)
    matrix = observations.rotation_matrix(quat)
    assert torch.allclose(observations.rotate(matrix, vector), expected, atol=1e-5)
    back = observations.rotate_inverse(matrix, expected)
    assert torch.allclose(back, vector, atol=1e-5)


def test_a_quarter_turn_about_z_takes_x_to_y():
    quat = torch.tensor([[math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)]])
    turned = observations.rotate(observations.rotation_matrix(quat), torch.tensor([[1.0, 0, 0]]))
    assert torch.allclose(turned, torch.tensor([[0.0, 1.0, 0.0]]), atol=1e-6)


def test_saturation_keeps_the_direction():
    vectors = torch.tensor([[3.0, 4.0, 0.0], [0.3, 0.4, 0.0], [0.0, 0.0, 0.0]])
    short = observations.saturate_norm(vectors, 1.0)
    assert torch.allclose(short, torch.tensor([[0.6, 0.8, 0.0], [0.3, 0.4, 0.0], [0, 0, 0]]))


def test_mixed_actions_turn_the_body_the_right_way():
    task = registry.task('hover-crazyflie')
    x, y, spin = (
        torch.tensor(ROBOT.parameters[n].nominal) for n in ('rotor_x', 'rotor_y', 'rotor_spin')
    )
    neutral = torch.tensor(task.setpoint.neutral)
    thrust, roll, pitch, yaw = (task.act(row[None])[0] - neutral for row in 0.2 * torch.eye(4))
    assert (thrust > 0).all()
    assert (y * roll).sum() > 0 and abs((x * roll).sum()) < 1e-3  # +roll torque: left side up
    assert (-x * pitch).sum() > 0 and abs((y * pitch).sum()) < 1e-3  # +pitch torque: nose down
    assert (spin * yaw).sum() > 0 and abs(yaw.sum()) < 1e-2


def test_setpoints_are_clipped_to_the_limits():
    task = registry.task('hover-crazyflie')
    wild = task.act(100.0 * torch.randn(200, 4, generator=torch.Generator().manual_seed(0)))
    assert (wild >= torch.tensor(task.setpoint.low)).all()
    assert (wild <= torch.tensor(task.setpoint.high)).all()


def test_memory_filters_integrates_and_remembers():
    memory = Memory(
        {
            'old': History('a', 2, 3),
            'smooth': LowPass('a', 2, 0.1),
            'sum': Integral('a', 2, 2.0, 0.05),
        },
        control_dt=0.01,
    )
    state, value = torch.zeros(4, memory.size), torch.ones(4, 2)
    for _ in range(2):
        state = memory.update(state, {'a': value})
    assert torch.equal(memory(state, 'old')[0], torch.tensor([0.0, 0, 1, 1, 1, 1]))
    assert torch.allclose(memory(state, 'smooth'), torch.full((4, 2), 1 - math.exp(-0.2)))
    assert torch.allclose(memory(state, 'sum'), torch.full((4, 2), 0.04))
    for _ in range(5):
        state = memory.update(state, {'a': value})
    assert torch.allclose(memory(state, 'sum'), torch.full((4, 2), 0.05))


def test_hover_remembers_clipped_actions_and_drops_the_oldest():
    task = registry.task('hover-crazyflie')
    signals = {s.name: torch.zeros(1, s.size) for s in task.signals}
    signals['base_quat_w'][:, 0] = 1.0
    memory = torch.zeros(1, task.memory_size)
    for action in ([0.9] * 4, [0.1, 0.2, 0.3, 0.4], [0.5, 2.0, -2.0, 0.0]):
        memory = task.remember(memory, signals, torch.tensor([action]))
    kept = hover.MEMORY(memory, 'actions')
    assert torch.equal(kept, torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.5, 1.0, -1.0, 0.0]]))


def test_goal_velocity_and_acceleration_are_the_derivatives_of_its_position():
    goal = LissajousGoal(
        centre_low=(0, 0, 1),
        centre_high=(1, 1, 2),
        amplitude=(0.3, 1.0),
        max_speed=1.5,
        moving=0.8,
        control_dt=1e-3,
    )
    state = goal.draw(30, torch.Generator().manual_seed(0), torch.device('cpu'))
    rows = []
    for _ in range(3):
        rows.append(goal.signals(state))
        state |= goal.step(state)
    velocity = (rows[2]['goal_pos_w'] - rows[0]['goal_pos_w']) / 2e-3
    acceleration = (rows[2]['goal_lin_vel_w'] - rows[0]['goal_lin_vel_w']) / 2e-3
    assert torch.allclose(velocity, rows[1]['goal_lin_vel_w'], atol=2e-3)
    assert torch.allclose(acceleration, rows[1]['goal_lin_acc_w'], atol=2e-2)
    still = (rows[0]['goal_lin_vel_w'] == 0).all(1).float().mean()
    assert 0.0 < still < 0.5
    assert observations.norm(state['goal_amplitude'] * state['goal_rate']).max() <= 1.5


@pytest.mark.parametrize(
    ('entry', 'check'),
    [
        ({'range': [0.5, 2.0]}, lambda v: v.min() > 0.0135 and v.max() < 0.054),
        (
            {'range': [0.5, 2.0], 'distribution': 'log-uniform'},
            lambda v: (v < 0.027).float().mean(),
        ),
        ({'operation': 'set', 'range': [0.02, 0.03]}, lambda v: abs(v.mean() - 0.025) < 1e-3),
        ({'operation': 'add', 'range': [0.0, 0.01]}, lambda v: abs(v.mean() - 0.032) < 1e-3),
    ],
)
def test_distributions(entry, check):
    sampler = ParameterSampler(
        ROBOT, [spread(ROBOT, 'mass', {**entry, 'source': 'test'})], torch.device('cpu')
    )
    values = sampler(4000, torch.Generator().manual_seed(0))['mass']
    result = check(values)
    if entry.get('distribution') == 'log-uniform':
        assert abs(float(result) - 0.5) < 0.03  # half of the mass below the geometric mean
    else:
        assert result


@pytest.mark.parametrize(
    ('operation', 'mean', 'std'),
    [('scale', 1.2, 0.1), ('add', 0.004, 0.003), ('set', 0.02, 0.003)],
)
def test_a_gaussian_has_its_mean_and_deviation(operation, mean, std):
    entry = {'operation': operation, 'distribution': 'gaussian', 'mean': mean, 'std': std}
    one = spread(ROBOT, 'rotor_x', {**entry, 'source': 'test'})
    sampler = ParameterSampler(ROBOT, [one], torch.device('cpu'))
    values = sampler(4000, torch.Generator().manual_seed(0))['rotor_x']
    nominal = torch.tensor(ROBOT.parameters['rotor_x'].nominal)
    factor = nominal if operation == 'scale' else torch.ones(4)
    offset = nominal if operation == 'add' else torch.zeros(4)
    deviation = (factor * std).abs()
    # 4000 draws know a mean within std / 63 and std within 1.1 %: three times that.
    assert ((values.mean(0) - factor * mean - offset).abs() < 0.05 * deviation).all()
    assert ((values.std(0) / deviation - 1.0).abs() < 0.035).all()
    # Two thirds within one deviation, all within five: no uniform has both.
    within = ((values - values.mean(0)).abs() / deviation).flatten()
    assert abs(float((within < 1.0).float().mean()) - 0.683) < 0.02
    assert 3.0 < float(within.max()) < 5.5


def test_shared_draws_move_all_components_together_and_spread_sets_them_apart():
    def sample(**entry):
        one = spread(ROBOT, 'thrust_coefficient', {'range': [0.9, 1.1], 'source': 'test', **entry})
        sampler = ParameterSampler(ROBOT, [one], torch.device('cpu'))
        return sampler(500, torch.Generator().manual_seed(0))['thrust_coefficient']

    nominal = ROBOT.parameters['thrust_coefficient'].nominal[0]
    together, apart = sample(shared=True), sample(shared=True, spread=0.03)
    assert torch.equal(together[:, :1].expand(-1, 4), together)
    assert 0.0 < (apart / together - 1.0).abs().max() <= 0.0301
    assert (sample().std(1) / nominal).mean() > 0.03

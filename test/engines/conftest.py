"""Engines, states and parameters that the engine tests share."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch')

from robot_rl.spec import registry

CONTROL_DT = 0.01


@pytest.fixture(scope='session', autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope='session')
def robot():
    return registry.robot('crazyflie')


@pytest.fixture(scope='session')
def make_engine(robot):
    """(name, level, num_envs) -> engine."""

    def make(name: str, level: str, num_envs: int, **options):
        if name == 'analytic':
            from robot_rl.engines.analytic import AnalyticEngine

            return AnalyticEngine(robot, level, num_envs, CONTROL_DT)
        pytest.importorskip(name)
        if name == 'pybullet':
            from robot_rl.engines.pybullet import PybulletEngine

            return PybulletEngine(robot, level, num_envs, CONTROL_DT)
        from robot_rl.engines.mujoco import MujocoEngine

        return MujocoEngine(robot, level, num_envs, CONTROL_DT, **{'threads': 1, **options})

    return make


@pytest.fixture(params=['analytic', 'mujoco', 'pybullet'])
def engine_name(request):
    return request.param


@pytest.fixture
def random_states():
    """(num, seed) -> tilted up to 90 degrees, 1 m/s, 1 rad/s, rotors 20 % off hover, 10 m up."""

    def states(num: int, seed: int) -> dict:
        generator = torch.Generator().manual_seed(seed)

        def uniform(size: int):
            return 2.0 * torch.rand(num, size, generator=generator) - 1.0

        axis = torch.randn(num, 3, generator=generator)
        axis /= axis.norm(dim=1, keepdim=True)
        half = 0.25 * torch.pi * uniform(1).abs()
        return {
            'base_pos_w': 0.5 * uniform(3) + torch.tensor([0.0, 0.0, 10.0]),
            'base_quat_w': torch.cat((half.cos(), half.sin() * axis), dim=1),
            'base_lin_vel_b': uniform(3),
            'base_ang_vel_b': uniform(3),
            'rotor_speed': 1516.0 * (1.0 + 0.2 * uniform(4)),
        }

    return states


@pytest.fixture
def random_parameters(robot):
    """(num, seed) -> every continuous parameter spread as widely as training spreads it."""

    def parameters(num: int, seed: int) -> dict:
        generator = torch.Generator().manual_seed(seed)
        spread = {
            'mass': 0.15,
            'inertia': 0.2,
            'thrust_coefficient': 0.1,
            'torque_coefficient': 0.2,
            'rotor_time_constant': 0.5,
            'drag': 0.5,
            'rotor_x': 0.05,
            'rotor_y': 0.05,
            'rate_p': 0.1,
            'rate_i': 0.1,
            'rate_d': 0.1,
        }
        values = {}
        for name, width in spread.items():
            nominal = torch.tensor(robot.parameters[name].nominal)
            u = 2.0 * torch.rand(num, len(nominal), generator=generator) - 1.0
            values[name] = nominal * (1.0 + width * u)
        values['external_force_w'] = 0.013 * torch.randn(num, 3, generator=generator)
        values['external_torque_b'] = 2.6e-5 * torch.randn(num, 3, generator=generator)
        return values

    return parameters


@pytest.fixture
def random_setpoints():
    """(level, num, steps, seed) -> a new setpoint about hover for every control period."""

    def setpoints(level: str, num: int, steps: int, seed: int) -> list:
        generator = torch.Generator().manual_seed(seed)
        centre, width = {
            'motors': (torch.full((4,), 1516.0), torch.full((4,), 300.0)),
            'rates': (torch.tensor([0.265, 0.0, 0.0, 0.0]), torch.tensor([0.05, 2.0, 2.0, 1.0])),
        }[level]
        noise = 2.0 * torch.rand(steps, num, 4, generator=generator) - 1.0
        return list(centre + width * noise)

    return setpoints

"""Walking: what the policy sees and does not, where episodes start, and how they end."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('mujoco')

from robot_rl.bench.walk import measure, text
from robot_rl.envs.engines import make_env
from robot_rl.envs.rollout import actor_policy
from robot_rl.mdp import terrain
from robot_rl.mdp.legs import Legs
from robot_rl.spec import registry
from robot_rl.tasks.walk import trot_pace

TASK = registry.task('walk-go2')


def starts(num, **given):
    """Initial states for commands and parameters `given`."""
    generator = torch.Generator().manual_seed(0)
    return TASK.initial_state(given, num, generator, torch.device('cpu'))


@pytest.fixture(scope='module')
def env():
    made = make_env(TASK, 'mujoco', 32, seed=0, randomize=False, noise=False)
    made.reset(seed=0)
    return made


def test_the_policy_sees_neither_its_velocity_nor_the_ground():
    assert not set(TASK.signal_names) & {'base_lin_vel_b', 'base_pos_w', 'ground', 'base_height'}


def test_episodes_start_on_the_ground_wherever_it_is():
    state = starts(500, roughness=torch.ones(500, 1))
    assert TASK.perceive is not None
    lowest = TASK.perceive(state, {})['foot_height'].amin(1)
    assert lowest.abs().max() < 1e-5, 'one foot is on the ground, none below'


@pytest.mark.parametrize(('roughness', 'row'), [(0.0, 0), (0.5, 2), (1.0, terrain.LEVELS - 1)])
def test_roughness_chooses_the_row_of_tiles(roughness, row):
    place = starts(300, roughness=torch.full((300, 1), roughness))['base_pos_w']
    edge = terrain.CELL * terrain.TILE
    rows = (place[:, 1] / edge + 0.5 * terrain.LEVELS).floor()
    columns = (place[:, 0] / edge + 0.5 * len(terrain.KINDS)).floor()
    assert (rows == row).all()
    assert set(columns.tolist()) == set(range(len(terrain.KINDS)))


def test_heights_are_perceived_where_the_feet_are(env):
    signals = {**env.engine.signals()}
    flat = torch.tensor([[-3.0 * terrain.CELL * terrain.TILE, 0.0, 0.4]]).repeat(32, 1)
    signals['base_pos_w'] = flat
    signals['base_quat_w'] = torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(32, 1)
    signals['joint_pos'] = torch.tensor([TASK.robot.rest['joint_pos']]).repeat(32, 1)
    assert TASK.perceive is not None
    seen = TASK.perceive(signals, {})
    position, _ = Legs(TASK.robot).feet(signals['joint_pos'], signals['joint_vel'])
    sole = 0.4 + float(position[0, 8]) - 0.022
    assert seen['foot_height'][0].tolist() == pytest.approx([sole] * 4, abs=1e-5)
    assert seen['base_height'][0].tolist() == pytest.approx([0.4])
    assert seen['ground'][0].tolist() == pytest.approx([-0.4] * 15)


def test_without_action_a_robot_asked_to_stand_stands(env):
    signals, memory = dict(env.measured), torch.zeros_like(env.memory)
    for name in ('goal_lin_vel_b', 'goal_ang_vel_b', 'base_ang_vel_b'):
        signals[name] = torch.zeros(32, 3)
    signals['base_quat_w'] = torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(32, 1)
    setpoint = TASK.act(torch.zeros(32, TASK.action_size), signals, memory)
    neutral = torch.tensor([TASK.setpoint.neutral]).expand(32, -1)
    assert torch.allclose(setpoint, neutral, atol=1e-5)
    following = TASK.remember(memory, signals, torch.zeros(32, TASK.action_size))
    assert not following[:, 0].any(), 'the clock stands too'


def test_falls_errors_and_power_are_measured():
    short = replace(TASK, episode_length_s=3.0)
    env = make_env(short, 'mujoco', 32, seed=0)
    generator = torch.Generator().manual_seed(0)

    def wild_or_not(seen):
        action = torch.zeros(len(seen), TASK.action_size)
        action[:16] = 2.0 * torch.randn(16, TASK.action_size, generator=generator)
        return action

    walked = measure(env, actor_policy(wild_or_not), seed=1)
    assert int(walked.fell[:16].sum()) > 12, 'wild feet trip'
    assert int(walked.fell[16:].sum()) < 4, 'the bare trot seldom does'
    up = ~walked.fell
    assert float(walked.lin_error[up].mean()) > 0.1
    assert (walked.power[up] > 0.5).all()
    rough = walked.roughness > 0.01
    assert rough.any() and not rough.all()
    lines = text(walked).splitlines()[1:]
    assert [line.split()[0] for line in lines] == ['all', 'level', 'rough']
    assert [int(line.split()[1]) for line in lines] == [32, int((~rough).sum()), int(rough.sum())]


@pytest.mark.parametrize(
    ('asked', 'velocity', 'expected'),
    [
        (0.0, 0.0, 0.0),  # it stands
        (0.0, 0.5, 1.4),  # pushed while it stood: 0.4 m/s beyond the leeway
        (0.5, 0.4, 1.0),
        (0.5, 1.0, 1.4),
        (1.0, -1.0, 1.5),  # no quicker
    ],
)
def test_the_trot_is_quicker_the_further_it_is_off_its_velocity(asked, velocity, expected):
    signals = {'goal_lin_vel_b': [[asked, 0.0, 0.0]], 'goal_ang_vel_b': [[0.0, 0.0, 0.0]]}
    moving = torch.tensor([[velocity, 0.0, 0.0]])
    signals = {name: torch.tensor(value) for name, value in signals.items()}
    assert float(trot_pace(signals, moving, moving)) == pytest.approx(expected)

"""A stuck robot in training does what the deployed controller does."""

from __future__ import annotations

from dataclasses import replace
import math
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('numba')

from robot_rl.bench.evaluation import file_policy
from robot_rl.deploy.stages import Stages
from robot_rl.deploy.stuck import StuckWatch
from robot_rl.engines.analytic import AnalyticEngine
from robot_rl.envs.engines import make_env
from robot_rl.envs.fuse import Fused
from robot_rl.envs.unstick import Unstick
from robot_rl.envs.vector import VectorEnv
from robot_rl.errors import SpecError
from robot_rl.spec import registry
from robot_rl.spec.stage import HOLD, Stage, Stuck

CAR = registry.robot('racecar').setpoint('drive')
DT = 0.02
CPU = torch.device('cpu')


class Deployed:
    """The controller's own parts, in the order of its ticks (see deploy/controller.py)."""

    def __init__(self, setpoint):
        self.view = np.zeros(3)
        spec = setpoint.stuck
        self.watch = StuckWatch(spec, setpoint, {spec.signal: self.view})
        self.stages = Stages(spec.action, np.array(setpoint.low), np.array(setpoint.high))
        self.acting, self.sent = False, np.zeros(setpoint.size)

    def tick(self, asked, measured):
        """What is sent, and whether the policy has just been reset."""
        self.view[:] = measured
        freed = False
        self.stages.elapsed += DT
        if self.acting and self.stages.finished:
            self.acting, freed = False, True
        if self.acting:
            self.stages.write(self.sent)
            return self.sent.copy(), freed
        self.sent[:] = asked
        if self.watch.look(self.sent, DT):
            self.acting = True
            self.stages.start()
            self.watch.reset()
        return self.sent.copy(), freed


def recorded(num=2000, seed=0):
    """Setpoints asked for and velocities measured of a car that is stuck now and then."""
    rng = np.random.default_rng(seed)
    stuck = np.repeat(rng.random(num // 40) < 0.6, 40)
    asked = np.stack((np.repeat(rng.uniform(-1.0, 3.0, num // 80), 80), rng.normal(size=num)), 1)
    speed = np.where(stuck, rng.uniform(-0.11, 0.11, num), rng.uniform(0.1, 2.0, num))
    measured = np.stack((speed, np.ones(num), np.ones(num)), 1).astype(np.float32)
    return asked.astype(np.float32), measured


assert CAR.stuck
CALM = replace(CAR.stuck, after_s=0.3)
LONG = replace(
    CALM,
    action=(
        Stage('back off', (-1.0, 0.1), 0.31, ramp=True),
        Stage('steer', (HOLD, -0.2), 0.2),
        Stage('straighten', (0.5, 0.0), 0.24, ramp=True),
    ),
)


@pytest.mark.parametrize('stuck', [CALM, LONG], ids=['one stage', 'three stages'])
def test_in_training_as_on_the_robot(stuck):
    """The same robots are stuck in the same ticks, are sent the same, and start anew together."""
    setpoint = replace(CAR, stuck=stuck)
    asked, measured = recorded()
    robots = [Deployed(setpoint) for _ in range(2)]
    batch = Unstick(setpoint, 2, DT, torch.Generator(), CPU)
    acted, anew = 0, torch.zeros(2, dtype=torch.bool)
    for row in range(len(asked)):
        rows = [row, row - len(asked) // 2]
        sent, freed = batch.step(torch.from_numpy(asked[rows]), torch.from_numpy(measured[rows]))
        for index, robot in enumerate(robots):
            wanted, reset = robot.tick(asked[rows[index]], measured[rows[index]])
            assert bool(anew[index]) == reset, row
            free = [stage.spread[1] if stage.spread else 0.0 for stage in stuck.action]
            assert sent[index].numpy() == pytest.approx(wanted, abs=1e-5 + 2.0 * max(free)), row
            assert float(sent[index, 0]) == pytest.approx(wanted[0], abs=1e-5), row
            acted += robot.acting
        anew = freed
    assert 400 < acted < 3000


def test_the_steering_is_drawn_for_each_robot_and_each_time():
    batch = Unstick(CAR, 200, DT, torch.Generator().manual_seed(0), CPU)
    asked, still = torch.tensor([[2.0, 0.1]]).repeat(200, 1), torch.zeros(200, 3)
    sent = torch.stack([batch.step(asked, still)[0] for _ in range(160)])
    for policy in (sent[:50], sent[99:149]):
        assert (policy == asked).all(), 'a second passes first'
    for own in (sent[50:99], sent[149:]):
        assert (own == own[0]).all()
        assert (own[..., 0] == -1.0).all()
        assert own[0, :, 1].abs().max() <= 0.4
        assert own[0, :, 1].std() == pytest.approx(0.4 / math.sqrt(3.0), abs=0.03)
    assert (sent[50, :, 1] != sent[149, :, 1]).all()


def test_a_new_episode_begins_with_the_policy():
    batch = Unstick(CAR, 3, DT, torch.Generator(), CPU)
    asked, still = torch.tensor([[2.0, 0.1]]).repeat(3, 1), torch.zeros(3, 3)
    for _ in range(55):
        batch.step(asked, still)
    assert batch.acting.all()
    batch.start(torch.tensor([1]))
    assert batch.acting.tolist() == [True, False, True]
    assert (batch.step(asked, still)[0][1] == asked[1]).all()


@pytest.fixture
def jammed():
    """(fused) -> robots that count as stuck after ten ticks and then let go for nine."""
    task = registry.task('hover-crazyflie')
    stuck = Stuck('m1_joint', 0.0, 'base_pos_w', 0, 1e9, 0.095, (Stage('off', (0.0,) * 4, 0.095),))
    level = replace(task.robot.setpoint('motors'), stuck=stuck)
    robot = replace(task.robot, setpoints={**task.robot.setpoints, 'motors': level})

    def make(fused):
        return VectorEnv(replace(task, robot=robot), AnalyticEngine, 3, seed=0, fused=fused)

    return make


@pytest.mark.parametrize('fused', [True, False])
def test_a_robot_acts_for_itself_and_its_policy_starts_anew(jammed, fused, monkeypatch):
    env, sent = jammed(fused), []
    env.reset(seed=0)
    drive = env.engine.step
    monkeypatch.setattr(env.engine, 'step', lambda value: (sent.append(value), drive(value)))
    assert not fused or isinstance(env._advance, Fused)
    zero = []
    for _ in range(40):
        env.step(torch.full((3, 4), 0.2))
        zero.append(not env.memory.any())
        assert (env.restarted == zero[-1]).all()
    own = [not value.any() for value in sent]
    assert own == [*[False] * 10, *[True] * 9, *[False] * 10, *[True] * 9, *[False] * 2]
    assert zero == [index in (18, 37) for index in range(40)]


def test_a_policy_file_starts_anew_as_well(jammed):
    class Counting:
        inputs = MappingProxyType({})
        memory = np.zeros(1, np.float32)
        setpoint = np.zeros(4, np.float32)

        def step(self):
            self.memory += 1.0
            return np.full(4, 1700.0, np.float32)

    counting: Any = Counting()
    env, policy, seen = jammed(False), file_policy(counting), []
    observation = env.reset(seed=0)
    for _ in range(25):
        observation = env.step(*policy(env, observation)).observation
        seen.append(int(counting.memory[0]))
    assert seen == [*range(1, 20), *range(1, 7)]


def test_what_declares_nothing_is_left_alone():
    task = registry.task('hover-crazyflie')
    env = make_env(task, 'analytic', 2, seed=0)
    assert env._unstick is None
    with pytest.raises(SpecError, match='does not say when it is stuck'):
        Unstick(task.setpoint, 2, DT, torch.Generator(), CPU)


def test_an_action_must_end():
    with pytest.raises(SpecError, match='must end, got a duration of inf s'):
        replace(CALM, action=(Stage('stay', (0.0, 0.0), math.inf),))

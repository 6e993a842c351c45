from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip('torch')

from robot_rl.sensors.measure import Measurement
from robot_rl.spec import registry
from robot_rl.spec.robot import Sensor
from robot_rl.spec.task import Signals

ROBOT = registry.robot('crazyflie')
N = 2000


class Sensed:
    """Sensors of N robots and their state."""

    def __init__(self, sensor: Sensor, control_dt: float = 0.01, rate_hz: float = 100.0) -> None:
        topics = tuple(replace(t, rate_hz=t.rate_hz and rate_hz) for t in ROBOT.topics)
        robot = replace(ROBOT, sensors=(sensor,), topics=topics)
        generator = torch.Generator().manual_seed(0)
        names = (sensor.signal, 'goal_pos_w')
        self.sensors = Measurement(robot, names, control_dt, generator, torch.device('cpu'))

    def reset(self, signals: Signals) -> None:
        self.state, self.seen = self.sensors.fresh(signals), signals

    def sample(self, signals: Signals) -> Signals:
        self.seen, changed = self.sensors.sample(signals, self.state, self.seen)
        self.state |= changed
        return self.seen


def _ramp(step: int) -> Signals:
    return {'base_pos_w': torch.full((N, 3), float(step)), 'goal_pos_w': torch.full((N, 3), 9.0)}


def test_noise_and_bias_have_the_declared_spread():
    measure = Sensed(Sensor('base_pos_w', 0.1, 0.5, (0.0, 0.0), 'test'))
    measure.reset(_ramp(0))
    samples = torch.stack([measure.sample(_ramp(0))['base_pos_w'] for _ in range(20)])
    assert abs(samples.std(0).mean() - 0.1) < 0.01
    assert abs(samples.mean(0).std() - 0.5) < 0.03


@pytest.mark.parametrize(('latency', 'expected'), [(0.01, 1.0), (0.004, 0.4), (0.025, 2.5)])
def test_latency_delays_a_ramp(latency, expected):
    measure = Sensed(Sensor('base_pos_w', 0.0, 0.0, (latency, latency), 'test'))
    measure.reset(_ramp(0))
    for step in range(1, 8):
        seen = measure.sample(_ramp(step))['base_pos_w']
    assert torch.allclose(seen, torch.full((N, 3), 7.0 - expected), atol=1e-4)


def test_latency_is_drawn_once_an_episode_between_its_bounds():
    measure = Sensed(Sensor('base_pos_w', 0.0, 0.0, (0.002, 0.008), 'test'))
    measure.reset(_ramp(0))
    late = [step - measure.sample(_ramp(step))['base_pos_w'] for step in range(1, 5)]
    assert torch.allclose(late[2], late[3], atol=1e-5)
    assert 0.2 <= late[3].min() < 0.25 and 0.75 < late[3].max() <= 0.8001


def test_commands_pass_exactly_and_quaternions_stay_unit():
    measure = Sensed(Sensor('base_quat_w', 0.05, 0.05, (0.0, 0.0), 'test'))
    truth = {
        'base_quat_w': torch.tensor([[1.0, 0, 0, 0]]).repeat(N, 1),
        'goal_pos_w': torch.randn(N, 3),
    }
    measure.reset(truth)
    seen = measure.sample(truth)
    assert torch.equal(seen['goal_pos_w'], truth['goal_pos_w'])
    assert torch.allclose(seen['base_quat_w'].norm(dim=1), torch.ones(N), atol=1e-5)
    assert not torch.equal(seen['base_quat_w'], truth['base_quat_w'])


def test_a_topic_that_is_slower_than_the_policy_brings_new_values_at_its_own_rate():
    """At four messages in five periods, each up to a period old when it is seen first."""
    measure = Sensed(Sensor('base_pos_w', 0.0, 0.0, (0.0, 0.0), 'test'), rate_hz=80.0)
    measure.reset(_ramp(0))
    seen = torch.stack([measure.sample(_ramp(step))['base_pos_w'] for step in range(1, 101)])
    seen = seen[2:]  # the first value is of the reset, at no message's time
    steps = seen.diff(dim=0)
    new = steps[:, :, 0] > 0.0
    assert new.float().mean() == pytest.approx(0.8, abs=0.01)
    assert (new[1:] | new[:-1]).all()
    assert torch.allclose(steps[new], torch.tensor(1.25), atol=1e-3), 'its messages are even'
    age = torch.arange(3, 101)[:, None] - seen[:, :, 0]
    assert age.min() >= -1e-3 and age.max() <= 1.2501
    assert age.mean() == pytest.approx(0.625, abs=0.03), 'half of its period'
    assert len(new.T.unique(dim=0)) == 5, 'each robot has a phase of its own'


def test_latency_comes_on_top_of_a_slow_topic():
    fresh, late = (
        Sensed(Sensor('base_pos_w', 0.0, 0.0, (delay, delay), 'test'), rate_hz=80.0)
        for delay in (0.0, 0.025)
    )
    fresh.reset(_ramp(0))
    late.reset(_ramp(0))
    for step in range(1, 12):
        now, before = fresh.sample(_ramp(step)), late.sample(_ramp(step))
    assert torch.allclose(now['base_pos_w'] - before['base_pos_w'], torch.tensor(2.5), atol=1e-3)

"""A policy that sees: what it does when its camera freezes, shows nothing, or stops."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.assets import asset
from robot_rl.spec import registry

pytestmark = pytest.mark.ros

DT = 0.04
RATE_HZ = 50.0
SEED = 0  # of the hallway
RNG = np.random.default_rng(0)


def look_about(peer):
    """From now on every image is another one."""
    shape = peer.robot.signal('rgb').shape

    def look(_message):
        peer.signals['rgb'] = RNG.integers(0, 256, shape).astype(np.uint8)

    peer.silent.discard('image')
    peer.change = look


def freeze(peer):
    peer.change = lambda _message: None


def blacken(peer):
    freeze(peer)
    peer.signals['rgb'] = np.zeros_like(peer.signals['rgb'])


def stop(peer):
    peer.silent.add('image')


def safe_from(peer, since):
    """Times [s] of setpoints after `since` that are those of the beginning of the safe action."""
    stage = np.array(peer.setpoint.safe[0].setpoint)
    given = ~np.isnan(stage)
    sent = list(peer.setpoints)
    return [t for t, values in sent if t > since and np.allclose(values[given], stage[given])]


def test_the_safe_action_comes_in_time_and_ends_when_the_camera_is_back(nodes, make_peer, text):
    task = 'corridor-crazyflie'
    level = registry.task(task).level
    peer = make_peer(RATE_HZ, level=level)
    camera = peer.robot.cameras[0]
    peer.signals['rgb_info'][:] = camera.fx, camera.fy, camera.cx, camera.cy
    look_about(peer)
    node = nodes.start('policy_node', policy=asset('policies', f'{task}.onnx'), autostart=True)
    nodes.until(lambda: '] [policy_node]: active' in text(node))
    age = next(t.max_age_s for t in peer.robot.topics if t.name == 'image')
    for fault, said in ((freeze, 'is frozen'), (blacken, 'is black'), (stop, '(topic image) is')):
        # A safe action that began before is over: 10 setpoints of the policy in a row.
        nodes.until(lambda: len(sent := peer.setpoints) > 11 and not safe_from(peer, sent[-11][0]))
        stalled, since = peer.stalled_s, peer.break_with(fault)
        moment = nodes.until(lambda since=since: next(iter(safe_from(peer, since)), None))
        slack = peer.stalled_s - stalled + peer.node_stalled_s(since, moment, DT)
        assert moment - since <= age + 3 * DT + slack, fault.__name__
        nodes.until(lambda said=said: peer.said(said) or said in text(node))
        look_about(peer)
    nodes.until(lambda: not safe_from(peer, peer.setpoints[-11][0]))


def test_it_flies_down_a_hallway_by_the_images_of_its_simulator(tmp_path, ros):
    from robot_rl.bench.sight import scored
    from robot_rl.nodes.fly import fly

    task = registry.task('corridor-crazyflie')
    policy = asset('policies', 'corridor-crazyflie.onnx')
    flown = fly(policy, duration_s=8.0, settle_s=0.0, out=tmp_path, sim_parameters={'seed': SEED})
    flight = scored(task, flown, SEED)
    assert np.linalg.norm(flown.position[-1] - flown.position[0]) > 6.0
    assert flight.clearance > 0.0
    assert flight.rate_hz == pytest.approx(1.0 / DT, rel=0.1)
    # The camera is up to 60 ms late, and up to a period passes until its image is looked at.
    assert np.median(flight.latency) < 120.0

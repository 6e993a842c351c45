from __future__ import annotations

from pathlib import Path

import pytest

from robot_rl.bench import startup
from robot_rl.bench.startup import CONFIGURED, NOTHING, Everyday
from robot_rl.errors import FlightError

POLICY = Path(__file__).parents[2] / 'policies/hover-crazyflie.onnx'


@pytest.mark.slow
@pytest.mark.ros
def test_everyday_commands_are_timed_to_their_end():
    pytest.importorskip('rclpy')
    taken = startup.startup(POLICY, rounds=1)
    assert {NOTHING, 'robot_rl list', 'policy_node, until configured'} <= set(taken)
    assert all(len(turns) == 1 and turns[0] > 0.0 for turns in taken.values())
    assert taken['policy_node, until configured'][0] > taken[NOTHING][0]
    assert len(startup.text(taken).splitlines()) == 1 + len(taken)


@pytest.mark.parametrize(
    'broken',
    [
        Everyday(('-c', 'raise SystemExit("the disk is full")')),
        Everyday(('-c', 'print("the disk is full")'), CONFIGURED),
    ],
    ids=['fails', 'ends before it said so'],
)
def test_a_command_that_fails_is_named_with_what_it_said(monkeypatch, broken):
    monkeypatch.setattr(startup, 'commands', lambda _policy: {'robot_rl list': broken})
    with pytest.raises(FlightError, match=r"'robot_rl list' failed.*the disk is full"):
        startup.startup(POLICY, rounds=1)

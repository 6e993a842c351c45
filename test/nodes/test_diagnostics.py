"""Diagnostics: the level of every mode."""

from __future__ import annotations

import pytest

from robot_rl.deploy.modes import Mode

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('ros')]


def test_every_mode_has_a_level():
    from robot_rl.nodes.diagnostics import LEVELS

    assert set(LEVELS) == set(Mode)


@pytest.mark.parametrize(
    ('mode', 'reason', 'warnings', 'level'),
    [
        ('starting', '', [], 0),
        ('active', '', [], 0),
        ('active', 'no takeover', [], 0),
        ('active', '', ['another publisher'], 1),
        ('ready', 'not activated', [], 1),
        ('unstick', 'stuck', [], 1),
        ('fault', 'tilt', [], 2),
    ],
)
def test_the_level_follows_mode_and_warnings(mode, reason, warnings, level):
    from robot_rl.nodes.diagnostics import diagnostic_array

    content = {'mode': mode, 'reason': reason, 'signals': {'scan': {'age_s': 0.25}}}
    (status,) = diagnostic_array('policy_node', 'go2', content, warnings).status
    assert status.level == bytes([level])
    assert status.message.startswith(mode)
    assert {v.key: v.value for v in status.values}['signals.scan.age_s'] == '0.25'

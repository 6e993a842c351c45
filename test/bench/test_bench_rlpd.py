"""Ratios are to the peer's turn by turn, and what the figures are of is written with them."""

from __future__ import annotations

import importlib.util
import json

import pytest

pytest.importorskip('torch')

from robot_rl.bench import rlpd
from robot_rl.errors import RobotRLError

HAS_PEER = importlib.util.find_spec('stable_baselines3') is not None


def test_what_is_measured_is_told_and_written(tmp_path, monkeypatch):
    monkeypatch.setattr(rlpd, 'CRITICS', (2,))
    rows = rlpd.run(1, 1)
    assert [row.name for row in rows][HAS_PEER:] == [rlpd.SAME, rlpd.NORMED, rlpd.REDQ, rlpd.UTD]
    rlpd.save(rows, tmp_path / 'rlpd.json')
    assert len(json.loads((tmp_path / 'rlpd.json').read_text())['rows']) == len(rows)
    assert ('is not installed' in rlpd.text(rows)) != HAS_PEER
    peer = rlpd.Row('robot_rl, the same', 2, (8.0, 9.0, 10.0), (2.0, 3.0, 4.0))
    assert '3.00 x stable-baselines3 (2.00 to 4.00)' in rlpd.text([peer])


def test_no_turns_are_refused():
    with pytest.raises(RobotRLError, match='--turns'):
        rlpd.run(0, 1)

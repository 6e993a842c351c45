"""The latency table: every contender timed on the same rows, machine and target named."""

from __future__ import annotations

from pathlib import Path
import sys

import pytest

from robot_rl.bench.latency import latency, text

pytest.importorskip('onnxruntime')

pytestmark = pytest.mark.timed


def test_table_names_contenders_machine_and_target(policy_file: Path):
    found = latency(policy_file, rounds=2, paced=2)
    names = [row.name.strip() for row in found.rows]
    assert names[:3] == ['robot_rl Policy.step', 'onnxruntime session.run', 'torch eager']
    assert len(names) == 4
    assert all(0.0 < row.p50 <= row.p99 for row in found.rows)
    for word in (*names, 'cores', 'p50 / ours', 'Target', 'hover-crazyflie', '100 calls'):
        assert word in text(found)
    assert 'left out' not in text(found)


def test_torch_is_left_out_where_it_is_not_installed(policy_file: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'torch', None)
    found = latency(policy_file, rounds=1, paced=1)
    assert len(found.rows) == 3
    assert 'torch eager left out' in text(found)

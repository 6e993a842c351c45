"""The latency table: every contender timed on the same rows, machine and target named."""

from __future__ import annotations

from pathlib import Path
import sys

import pytest

from robot_rl.bench.latency import latency

pytest.importorskip('onnxruntime')


def test_table_names_contenders_machine_and_target(policy_file: Path, capsys):
    results = latency(policy_file, rounds=2, paced=2)
    names = [result.name.strip() for result in results]
    assert names[:3] == ['robot_rl Policy.step', 'onnxruntime session.run', 'torch eager']
    assert len(names) == 4
    assert all(0.0 < result.p50 <= result.p99 for result in results)
    text = capsys.readouterr().out
    for word in (*names, 'cores', 'p50 / ours', 'Target', 'hover-crazyflie'):
        assert word in text


def test_torch_is_left_out_where_it_is_not_installed(policy_file: Path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'torch', None)
    assert len(latency(policy_file, rounds=1, paced=1)) == 3
    assert 'torch eager left out' in capsys.readouterr().out

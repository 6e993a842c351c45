"""Compiled kernels that outlive a process must never be stale."""

from __future__ import annotations

import importlib.util
import linecache
import sys

import numpy as np
import pytest

pytest.importorskip('numba')

from robot_rl.errors import MissingPackageError
from robot_rl.kernels import launch, source

KERNEL = '''
from robot_rl.kernels.vector import *

VALUE = 0
FIELDS = 1
GAIN = {gain}


def scaled(v, dt):
    """Another function than the one that is compiled."""
    return {body}


def step(x, i, dt):
    """Scale the one field."""
    x[i + LANES * VALUE] = scaled(x[i + LANES * VALUE], dt)
'''


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return tmp_path / 'cache'


@pytest.fixture
def result(tmp_path, monkeypatch):
    """(body, gain) -> what a kernel with that text makes of 3 in two substeps, compiled afresh."""

    def run(body: str, gain: float = 2.0) -> float:
        path = tmp_path / 'tiny.py'
        path.write_text(KERNEL.format(body=body, gain=gain))
        spec = importlib.util.spec_from_file_location('tiny', path)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, 'tiny', module)
        spec.loader.exec_module(module)
        linecache.checkcache()  # or inspect gives the text of the last run
        x = np.full(2 * launch.LANES, 3.0, np.float32)
        launch.numba_batch.__wrapped__(module, 'step')(x, 2, 0.5, 2)
        assert np.all(x == x[0])
        return x[0].item()

    return run


def machine_code(cache):
    return sorted((cache / 'robot_rl' / 'kernels').rglob('*.nbc'))


def test_a_second_compilation_reads_what_the_first_kept(cache, result):
    assert result('v * GAIN') == 12.0
    kept = machine_code(cache)
    assert len(kept) == 1
    before = kept[0].stat().st_mtime_ns
    assert result('v * GAIN') == 12.0
    assert machine_code(cache) == kept
    assert kept[0].stat().st_mtime_ns == before


def test_a_changed_function_or_constant_is_not_stale(cache, result):
    assert result('v * GAIN') == 12.0
    assert result('v + GAIN') == 7.0
    assert result('v + GAIN', gain=5.0) == 13.0
    assert len(machine_code(cache)) == 3


def test_without_a_place_to_keep_it_the_kernel_still_compiles(tmp_path, monkeypatch, result):
    (tmp_path / 'file').write_text('no folder can be made here')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
    assert result('v * GAIN') == 12.0


def test_without_numba_it_says_what_to_install(cache, result, monkeypatch):
    monkeypatch.setitem(sys.modules, 'numba', None)
    with pytest.raises(MissingPackageError, match='pip install'):
        result('v * GAIN')


def test_the_folder_follows_the_xdg_convention(cache):
    assert source.cache_folder() == cache / 'robot_rl' / 'kernels'

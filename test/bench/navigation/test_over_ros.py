"""Trials over ROS 2, over DDS, in real processes: a policy, and a Nav2 that is broken.

There is no Nav2 here: `controller_server.py` stands for one that never comes up or dies. What the
adapter asks of a real one is held to its documentation in test_nav2.py.
"""

from __future__ import annotations

from dataclasses import replace
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('numba')

from robot_rl.bench.navigation import compare, over_ros
from robot_rl.bench.navigation.trial import Store
from robot_rl.errors import FlightError, MissingPackageError, RunFolderError, SpecError
from robot_rl.spec.arena import Arena
from robot_rl.spec.errand import INFRASTRUCTURE

pytestmark = pytest.mark.ros

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
OPEN = Arena('open', (0.0, 0.0, 0.0), (1.5, 0.0), 1.5, goal_tolerance=0.5, time_limit_s=20.0)
CHASED = replace(
    OPEN,
    name='chased',
    walkers=np.array([(-1.2, 0.0, 2.5, 0.0, 0.25)]),  # from where the lidar does not look
    room=(-9.0, -9.0, 9.0, 9.0),
)
SLOW = 0.05
"""A machine that tests run on may be busy."""


@pytest.fixture(scope='module', autouse=True)
def ros():
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # a parser among the wheels uses a deprecated module
        pytest.importorskip('rclpy')
        from robot_rl.nodes.interfaces import interface

        try:
            interface('nav2_msgs/action/FollowPath')
            interface('tf2_msgs/msg/TFMessage')
        except MissingPackageError as error:
            pytest.skip(str(error))


@pytest.fixture
def nav2(tmp_path, monkeypatch):
    """A prefix with executables of Nav2; `monkeypatch` says how they are broken."""
    for package, name, text in (
        ('nav2_controller', 'controller_server',
         f'#!/bin/sh\nexec {sys.executable} {HERE / "controller_server.py"} "$@"\n'),
        ('nav2_lifecycle_manager', 'lifecycle_manager', '#!/bin/sh\nexec sleep 1000\n'),
    ):  # fmt: skip
        path = tmp_path / 'prefix/lib' / package / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
        path.chmod(0o755)
    before = os.environ.get('AMENT_PREFIX_PATH', '')
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'{tmp_path / "prefix"}{os.pathsep}{before}')
    monkeypatch.setattr(over_ros, 'ATTEMPTS', 1)
    return monkeypatch


def comparison(*contenders, arenas=(OPEN,), **changes):
    given = {'over': 'ros2', 'least_pace': SLOW, **changes}
    return compare.Comparison(tuple(contenders), 'jackal', arenas, (7,), **given)


def trials(folder: Path):
    config = json.loads((folder / 'config.json').read_text())
    return {(t.planner, t.world): t for t in Store(folder, config).load()}


PROGRAM = """
import sys
sys.path.insert(0, {here!r})
from test_over_ros import CHASED, OPEN, comparison
from pathlib import Path
from robot_rl.bench.navigation import compare
compare.compare(comparison({policy!r}, arenas=(OPEN, CHASED)), Path({out!r}))
"""


def test_a_policy_drives_over_ros_and_a_killed_bench_goes_on(ahead, tmp_path, monkeypatch):
    out, policy = tmp_path / 'nav', f'policy:{ahead}'
    name = f'policy:{ahead.stem}'
    program = PROGRAM.format(here=str(HERE), policy=policy, out=str(out))
    environment = {**os.environ, 'PYTHONPATH': str(REPOSITORY)}
    killed = subprocess.Popen([sys.executable, '-c', program], env=environment)
    begun = out / 'broken' / f'policy%3A{ahead.stem}' / 'chased' / '7' / 'errand.json'
    end = time.monotonic() + 240.0
    try:
        while not begun.exists():
            assert killed.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    before = over_ros.Trial.unpack(next((out / 'trials').rglob('*.npz')))
    page = compare.compare(comparison(policy, arenas=(OPEN, CHASED)), out)
    ends = trials(out)
    assert ends[name, 'open'].outcome == 'success'
    assert ends[name, 'chased'].outcome == 'collision'
    assert ends[name, 'chased'].clearance[-1] <= 0.0
    np.testing.assert_array_equal(ends[name, 'open'].pose, before.pose)  # not driven again
    assert not (out / 'broken' / f'policy%3A{ahead.stem}' / 'chased' / '7').exists()
    for trial in ends.values():
        assert len(trial.pose) == round(trial.time_s * 20.0)
        sent = np.diff(trial.sent, axis=0, prepend=0.0) / trial.dt
        assert np.abs(sent[:, 0]).max() <= 2.5 + 1e-6, 'within the table'
    assert 'over ROS 2' in page.read_text()
    recorded(out)
    monkeypatch.setattr(over_ros, '_attempt', lambda *_: pytest.fail('driven again'))
    compare.compare(comparison(policy, arenas=(OPEN, CHASED)), out)
    for other in ({'speed': 2.0}, {'over': 'process'}):
        with pytest.raises(RunFolderError, match='must not be mixed'):
            compare.compare(comparison(policy, arenas=(OPEN, CHASED), **other), out)


def recorded(out: Path) -> None:
    """Everything that was said is in the recording beside a trial."""
    from robot_rl.nodes.recording import topics

    counts = topics(next((out / 'trials').rglob('open/7.mcap')))
    assert {'plan', 'tf', 'tf_static', 'cmd_vel_nav', 'cmd_vel', 'scan', 'odom'} <= set(counts)
    assert counts['plan'] == counts['tf_static'] == 1
    assert counts['ground_truth/arena'] > 100


def test_a_nav2_that_dies_is_no_behaviour_and_its_trial_is_run_again(nav2, tmp_path, capfd):
    nav2.setenv('BROKEN', 'dies')
    with pytest.raises(FlightError, match='All 1 trials broke'):
        compare.compare(comparison('nav2:mppi'), tmp_path / 'nav')
    trial = trials(tmp_path / 'nav')['nav2:mppi', 'open']
    assert trial.outcome == INFRASTRUCTURE
    assert 'controller_server ended with exit code 139. Segmentation' in capfd.readouterr().out
    nav2.setenv('BROKEN', '')
    compare.compare(comparison('nav2:mppi'), tmp_path / 'nav')
    trial = trials(tmp_path / 'nav')['nav2:mppi', 'open']
    assert trial.outcome == 'success'
    assert trial.command.max() == 9.0
    assert trial.sent.max() <= 2.0
    assert not (tmp_path / 'nav/broken/nav2%3Amppi/open/7').exists()


def test_a_nav2_that_is_never_active_is_told_with_its_state(nav2, tmp_path, capfd):
    nav2.setenv('BROKEN', 'never active')
    with pytest.raises(FlightError, match='All 1 trials broke'):
        compare.compare(comparison('nav2:mppi', activation_s=1.0), tmp_path / 'nav')
    assert trials(tmp_path / 'nav')['nav2:mppi', 'open'].outcome == INFRASTRUCTURE
    said = capfd.readouterr().out
    assert 'controller_server was not active within 1 s' in said
    assert (tmp_path / 'nav/broken/nav2%3Amppi/open/7/controller_server.log').exists()


@pytest.mark.parametrize(
    ('contender', 'changes', 'error', 'words'),
    [
        ('nav2:mppi', {}, MissingPackageError, "needs the package 'nav2_controller'"),
        ('nav2:mppi', {'over': 'process'}, SpecError, 'Add --over ros2'),
        ('policy:runs', {}, SpecError, 'Export it'),
    ],
)
def test_what_cannot_be_run_is_told_before_anything_starts(
    contender, changes, error, words, tmp_path, monkeypatch
):
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    (tmp_path / 'runs').mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        compare.compare(comparison(contender, **changes), tmp_path / 'nav')


def test_nav2_keeps_wall_time(nav2, tmp_path):
    with pytest.raises(SpecError, match='keeps wall time'):
        compare.compare(comparison('nav2:rpp', speed=2.0), tmp_path / 'nav')

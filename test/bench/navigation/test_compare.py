"""A whole comparison: driven, kept, gone on with, reported."""

from __future__ import annotations

from dataclasses import replace
import json
import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('numba')

from robot_rl.bench.navigation import compare, drive, worlds
from robot_rl.envs.functions import observation_size
from robot_rl.errors import (
    ContractError,
    PolicyFileError,
    RobotRLError,
    SpecError,
    UnknownNameError,
)
from robot_rl.spec import registry
from robot_rl.spec.arena import Arena
from robot_rl.tasks import navigate

ROBOT = registry.robot('jackal')
PURSUIT = 'reference:pure_pursuit'
OPEN = Arena('open', (0.0, 0.0, 0.0), (3.0, 0.0), 3.0, goal_tolerance=0.5, time_limit_s=20.0)
WALL = replace(
    OPEN,
    name='walled in',
    segments=np.array([(1.0, -1.0, 1.0, 1.0), (1.0, 1.0, -1.0, 1.0), (-1.0, 1.0, -1.0, -1.0),
                       (-1.0, -1.0, 1.0, -1.0)]),
)  # fmt: skip


def comparison(*contenders, arenas=(OPEN, WALL), **changes):
    return compare.Comparison(tuple(contenders), 'jackal', arenas, (7,), **changes)


def test_contenders_drive_and_a_report_tells_how(ahead, tmp_path):
    page = compare.compare(comparison(PURSUIT, f'policy:{ahead}'), tmp_path / 'nav')
    assert page.read_text().count(PURSUIT) > 3
    trials = json.loads((tmp_path / 'nav/results.json').read_text())
    assert trials, 'numbers beside the page'
    store = compare.Store(tmp_path / 'nav', json.loads((tmp_path / 'nav/config.json').read_text()))
    ends = {(t.planner, t.world): t for t in store.load()}
    assert ends[PURSUIT, 'open'].outcome == 'success'
    assert ends[PURSUIT, 'open'].time_s < 6.0
    policy = f'policy:{ahead.stem}'
    assert ends[policy, 'open'].outcome == 'success'
    assert ends[policy, 'walled in'].outcome in ('collision', 'stuck'), 'it brakes by itself'
    assert ends[PURSUIT, 'walled in'].outcome in ('stuck', 'timeout')
    for trial in ends.values():
        sent = np.diff(trial.sent, axis=0, prepend=0.0) / trial.dt
        assert np.abs(sent[:, 0]).max() <= ROBOT.setpoint('velocity').slew[0] + 1e-6
        assert trial.clearance[-1] <= 0.0 if trial.outcome == 'collision' else True


def test_what_is_there_is_not_run_again(ahead, tmp_path, monkeypatch):
    compare.compare(comparison(PURSUIT, arenas=[OPEN]), tmp_path)
    drives = []
    monkeypatch.setattr(drive, 'drive', lambda who, *_, **__: drives.append(who.name) or [])
    compare.compare(comparison(PURSUIT, arenas=[OPEN]), tmp_path)
    assert drives == []
    with pytest.raises(RobotRLError, match='must not be mixed'):
        compare.compare(comparison(PURSUIT, arenas=[OPEN], randomize=False), tmp_path)


def test_a_seed_gives_the_same_drive():
    table = drive.table_of(ROBOT, 0.5)
    first, second = (
        drive.drive(compare.contender(PURSUIT, ROBOT, table), ROBOT, [OPEN], table, seed=3)[0]
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.pose, second.pose)


def test_who_is_configured_beyond_the_table_is_refused():
    table = drive.table_of(ROBOT, 0.5)
    fast = compare.contender(PURSUIT, ROBOT, replace(table, max_speed=3.0))
    with pytest.raises(SpecError, match='max_speed of 3, the table of limits has 2'):
        drive.drive(fast, ROBOT, [OPEN], table, seed=0)


@pytest.mark.parametrize(
    ('contenders', 'error', 'words'),
    [
        ((), SpecError, 'Nothing to compare'),
        (('reference:teb',), UnknownNameError, "Unknown contender 'reference:teb'"),
        (('policy:nowhere.onnx',), PolicyFileError, 'nowhere.onnx'),
    ],
)
def test_a_contender_that_is_none_is_told(contenders, error, words, tmp_path):
    with pytest.raises(error, match=words):
        compare.compare(comparison(*contenders), tmp_path)


def test_a_policy_takes_another_lidar_or_says_why_not(ahead):
    lidar, table = ROBOT.lidar, drive.table_of(ROBOT, 0.5)
    assert lidar is not None
    finer = replace(lidar, beams=1081, angle_increment=1.5 * math.pi / 1080)
    who = drive.PolicyFile(ahead, replace(ROBOT, lidar=finer), table)
    trial = drive.drive(who, replace(ROBOT, lidar=finer), [OPEN], table, seed=0)[0]
    assert trial.outcome == 'success'
    half = replace(lidar, beams=361, angle_min=-0.5 * math.pi, angle_increment=math.pi / 360)
    with pytest.raises(ContractError, match='no beam in 23 of the 72 directions'):
        drive.PolicyFile(ahead, replace(ROBOT, lidar=half), table)


def test_a_run_folder_remembers_what_it_sent(monkeypatch):
    """The environment is handed setpoints, not the policy's actions: it remembers others."""
    its = navigate.Navigate(ROBOT)
    size = observation_size(registry.task('navigate-jackal'))

    class Carrying(torch.nn.GRUCell):
        state_size = 2

        def forward(self, observation, state):
            return (super().forward(observation, state),) * 2

    monkeypatch.setattr(drive, 'load_actor', lambda _: (None, Carrying(size, 2), {}))
    table = drive.table_of(ROBOT, 0.5)
    who = drive.RunFolder(Path('run'), table)
    brief = replace(OPEN, time_limit_s=0.5)
    trial = drive.drive(who, ROBOT, [brief], table, seed=0)[0]
    memory = who._memory.numpy()[0]
    assert np.abs(trial.command).max() > 0.0
    np.testing.assert_allclose(its.memory(who._memory, 'sent')[0], trial.command[-1], rtol=1e-5)
    assert len(memory) == its.memory.size + 2 and (memory[-2:] != 0.0).all()


def test_worlds_to_judge_in_are_chosen(tmp_path):
    drawn = worlds.choose('jackal', None, 0, 5)
    assert [a.name for a in drawn] == [a.name for a in worlds.choose('jackal', None, 0, 5)]
    assert all(a.path_length > 0.3 for a in drawn)
    (room,) = worlds.choose('jackal', None, 1, 5)
    assert len(room.walkers) == 10
    np.testing.assert_allclose(np.hypot(room.walkers[:, 2], room.walkers[:, 3]), 1.2)
    for arguments, words in (
        (('jackal', tmp_path / 'none.json', 0, 5), 'Cannot read the BARN worlds'),
        (('jackal', tmp_path, 3, 5), 'not both'),
        (('jackal', None, 0, 0), 'at least one world'),
        (('go2', None, 0, 5), 'has no footprint'),
    ):
        with pytest.raises(SpecError, match=words):
            worlds.choose(*arguments)
    (tmp_path / 'bad.json').write_text('{"worlds": 3}')
    with pytest.raises(SpecError, match='no file of BARN worlds'):
        worlds.choose('jackal', tmp_path / 'bad.json', 0, 5)


def test_nothing_is_judged_on_what_is_trained_on():
    seeds = navigate.task(ROBOT).commands.draw(
        2000, torch.Generator().manual_seed(0), torch.device('cpu')
    )['arena_key'][:, 0]
    assert seeds.max() < 2**23

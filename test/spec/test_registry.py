from __future__ import annotations

from pathlib import Path
import re
import subprocess
import sys

import pytest

from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.spec import registry


def _install(folder: Path, kind: str, point: str) -> None:
    """Announce `point`, 'name = module:attribute', as another package would."""
    metadata = folder / 'walker-1.dist-info'
    metadata.mkdir()
    (metadata / 'METADATA').write_text('Metadata-Version: 2.1\nName: walker\nVersion: 1\n')
    (metadata / 'entry_points.txt').write_text(f'[robot_rl.{kind}]\n{point}\n')


def _plugin(folder: Path, robots: str) -> None:
    """Another package with a task `walk`; who imports it fails."""
    (folder / 'walker.py').write_text(
        f'import no_such_package\n\nROBOTS = {robots}\n\n\ndef task(robot): ...\n'
    )
    _install(folder, 'tasks', 'walk = walker:task')


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """(kind, point, text) -> a package with the module `stranger` of that text."""

    def install(kind: str, point: str, text: str) -> None:
        (tmp_path / 'stranger.py').write_text(text)
        _install(tmp_path, kind, point)
        monkeypatch.syspath_prepend(str(tmp_path))

    for lookup in (registry.robot, registry.task):
        lookup.cache_clear()
    yield install
    sys.modules.pop('stranger', None)
    for lookup in (registry.robot, registry.task):
        lookup.cache_clear()


CRAZYFLIE = 'from robot_rl.robots.crazyflie import robot\n'


@pytest.mark.parametrize(
    ('point', 'message'),
    [
        ('bee = stranger:robot', "stranger:robot makes the robot 'crazyflie', expected .* 'bee'"),
        ('bee = stranger:nothing', "bee = 'stranger:nothing' of robot_rl.robots .* no 'nothing'"),
        ('bee = strangers:robot', 'leads nowhere: no such module'),
        ('bee = stranger:Limits', r'makes Limits\(.*expected the robot'),
    ],
)
def test_a_robot_that_is_announced_wrongly_is_refused(outside, point: str, message: str) -> None:
    outside('robots', point, f'{CRAZYFLIE}from robot_rl.spec.robot import Limits\n')
    assert 'bee' in registry.robot_names()
    with pytest.raises(SpecError, match=message):
        registry.robot('bee')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (CRAZYFLIE, "makes the robot 'crazyflie'"),
        ('import no_such_package\n', "'bee' lacks a package: No module named 'no_such_package'"),
    ],
)
def test_a_robot_that_cannot_be_built_does_not_hide_the_others(
    outside, text: str, message: str
) -> None:
    outside('robots', 'bee = stranger:robot', text)
    wrong: list[SpecError] = []
    built = registry.robots(['bee', 'racecar'], wrong.append)
    assert [robot.name for robot in built] == ['racecar']
    assert message in str(*wrong)


def test_a_package_cannot_take_the_place_of_a_robot(outside) -> None:
    outside('robots', 'crazyflie = stranger:robot', CRAZYFLIE)
    with pytest.raises(SpecError, match=r'more than one robot .*crazyflie:robot, stranger:robot'):
        registry.robot('crazyflie')


@pytest.mark.parametrize(
    ('robots', 'error', 'message'),
    [
        ("('bee',)", None, ''),  # hover for a robot of its own
        ("('crazyflie',)", SpecError, "more than one task 'hover-crazyflie'"),
    ],
)
def test_packages_may_share_the_name_of_a_task_but_not_a_robot(
    outside, robots: str, error: type[Exception] | None, message: str
) -> None:
    pytest.importorskip('torch')
    outside('tasks', 'hover = stranger:task', f'ROBOTS = {robots}\ndef task(robot): ...\n')
    if error is None:
        assert {'hover-bee', 'hover-crazyflie'} <= set(registry.task_ids())
        assert registry.task('hover-crazyflie').id == 'hover-crazyflie'
    else:
        with pytest.raises(error, match=message):
            registry.task('hover-crazyflie')


def test_a_task_that_makes_something_else_is_refused(outside) -> None:
    text = "ROBOTS = ('crazyflie',)\ndef task(robot): ...\n"
    outside('tasks', 'walk = stranger:task', text)
    with pytest.raises(SpecError, match=r"stranger:task makes None, expected .* 'walk-crazyflie'"):
        registry.task('walk-crazyflie')


def test_a_task_is_for_the_robots_it_names(outside) -> None:
    outside('tasks', 'walk = stranger:task', "ROBOTS = ('go2',)\ndef task(robot): ...\n")
    with pytest.raises(UnknownNameError, match="'walk-crazyflie'"):
        registry.task('walk-crazyflie')


def test_every_id_is_a_task() -> None:
    pytest.importorskip('torch')
    ids = registry.task_ids()
    assert {'hover-crazyflie', 'track-crazyflie'} <= set(ids)
    assert [registry.task(name).id for name in ids] == ids


def test_tasks_of_other_packages_are_listed_without_being_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plugin(tmp_path, "('go2', 'crazyflie')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert {'walk-go2', 'walk-crazyflie', 'hover-crazyflie'} <= set(registry.task_ids())
    with pytest.raises(ModuleNotFoundError, match='no_such_package'):
        registry.task('walk-crazyflie')


@pytest.mark.parametrize('robots', ['every_robot()', "'crazyflie'", '(', '(name,)'])
def test_robots_that_cannot_be_read_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, robots: str
) -> None:
    _plugin(tmp_path, robots)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SpecError, match='walker'):
        registry.task_ids()


def test_where_a_task_is_not_python_is_said_and_the_others_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plugin(tmp_path, '(')
    monkeypatch.syspath_prepend(str(tmp_path))
    told: list[SpecError] = []
    assert 'hover-crazyflie' in registry.task_ids(told.append)
    assert len(told) == 1
    assert re.search(
        r"module walker is not Python: '\(' was .* at .*/walker.py:3\. C", str(told[0])
    )


@pytest.mark.parametrize(
    ('kind', 'text'),
    [('robots', CRAZYFLIE), ('tasks', "ROBOTS = ('crazyflie',)\ndef task(robot): ...\n")],
)
def test_a_name_with_a_dash_is_refused(outside, kind: str, text: str) -> None:
    factory = kind.removesuffix('s')
    outside(kind, f'my-bee = stranger:{factory}', text)
    names = registry.robot_names if kind == 'robots' else registry.task_ids
    said = rf"The {factory} 'my-bee' \(stranger:{factory}\) has a '-' in its name.*Rename it"
    with pytest.raises(SpecError, match=said):
        names()
    told: list[SpecError] = []
    assert names(told.append)
    assert len(told) == 1
    with pytest.raises(SpecError, match=said):
        registry.robot('my-bee') if kind == 'robots' else registry.task('my-bee-crazyflie')


@pytest.mark.parametrize(
    ('package', 'statement'),
    [
        ('numpy', 'from robot_rl.spec import registry; registry.task_ids()'),
        ('gymnasium', 'from robot_rl.envs import gym; gym.register()'),
    ],
)
def test_listing_tasks_does_not_import_torch(package: str, statement: str) -> None:
    pytest.importorskip(package)
    code = f'import sys; {statement}; print("torch" in sys.modules)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == 'False', done.stderr

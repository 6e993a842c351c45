from __future__ import annotations

from pathlib import Path
import subprocess
import sys

import pytest

from robot_rl.errors import SpecError
from robot_rl.spec import registry


def _plugin(folder: Path, robots: str) -> None:
    """Another package with a task `walk`; who imports it fails."""
    (folder / 'walker.py').write_text(
        f'import no_such_package\n\nROBOTS = {robots}\n\n\ndef task(robot): ...\n'
    )
    metadata = folder / 'walker-1.dist-info'
    metadata.mkdir()
    (metadata / 'METADATA').write_text('Metadata-Version: 2.1\nName: walker\nVersion: 1\n')
    (metadata / 'entry_points.txt').write_text('[robot_rl.tasks]\nwalk = walker:task\n')


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

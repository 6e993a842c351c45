"""docs/add-a-robot.md, done: its files as a package of their own, its commands on that package."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
import re
import shlex
import subprocess
import sys

import pytest

tomllib = pytest.importorskip('tomllib')
for needed in ('tyro', 'torch', 'rsl_rl', 'onnxruntime', 'mujoco'):
    pytest.importorskip(needed)

from robot_rl.spec.engines import ENGINES

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).resolve().parents[1]
TEXT = (REPOSITORY / 'docs/add-a-robot.md').read_text()
FILES = dict(re.findall(r'^`([\w./]+)`\n\n```\w+\n(.*?)^```$', TEXT, re.MULTILINE | re.DOTALL))
"""Name to content of every file that the page shows."""
COMMANDS = {
    line.split()[1]: line.partition('#')[0]
    for line in re.findall(r'^ {4}(robot_rl .*)$', TEXT, re.MULTILINE)
}
"""robot_rl's command to the line of the page with it."""
ENOUGH = 0.8
"""Success that a policy must reach; the page says what was measured."""


class Package:
    """The page's package on the path of processes, in a folder to work in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, content in FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        project = tomllib.loads(FILES['pyproject.toml'])['project']
        metadata = folder / f'{project["name"]}-{project["version"]}.dist-info'
        metadata.mkdir()
        (metadata / 'METADATA').write_text(
            f'Metadata-Version: 2.1\nName: {project["name"]}\nVersion: {project["version"]}\n'
        )
        points = [
            f'[{group}]\n' + ''.join(f'{name} = {value}\n' for name, value in names.items())
            for group, names in project['entry-points'].items()
        ]
        (metadata / 'entry_points.txt').write_text('\n'.join(points))
        self._environment = {**os.environ, 'PYTHONPATH': f'{folder}{os.pathsep}{REPOSITORY}'}

    def python(self, *args: str) -> str:
        """What a Python process printed that must succeed."""
        done = subprocess.run(
            [sys.executable, *args],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert 'unfused' not in done.stderr
        return done.stdout

    def command(self, name: str, *more: str) -> str:
        """Run the page's command `robot_rl <name> ...`, with `more` options."""
        return self.python('-m', *shlex.split(COMMANDS[name]), *more)


@pytest.fixture(scope='module')
def package(tmp_path_factory) -> Package:
    return Package(tmp_path_factory.mktemp('outside'))


@pytest.fixture(scope='module')
def run(package) -> Path:
    """A trained run with its policy file."""
    package.command('train', '--quiet', '--test-episodes', '500')
    package.command('export')
    return package.folder / 'runs/first'


def test_it_is_found_without_being_imported(package):
    printed = package.command('list')
    assert re.search(r'^robots .*\bcartpole\b', printed, re.MULTILINE)
    assert re.search(r'^tasks .*\bbalance-cartpole\b', printed, re.MULTILINE)


def test_it_keeps_the_rules_of_all_robots(package):
    (check,) = re.findall(r'^```python\n(from robot_rl\.envs\.conf.*?)^```$', TEXT, re.M | re.S)
    package.python('-c', check)


def test_it_learns(run):
    assert json.loads((run / 'evaluation.json').read_text())['success'] >= ENOUGH


def test_its_policy_file_may_run(package, run):
    assert 'policy.onnx may run' in package.command('check')


@pytest.mark.parametrize('engine', [name for name in ENGINES if name != 'analytic'])
def test_its_policy_balances_on_every_engine(package, run, engine):
    if importlib.util.find_spec(engine) is None:
        pytest.skip(f'needs {engine}')
    package.command('eval', '--engine', engine, '--episodes', '50', '--out', f'on-{engine}')
    score = json.loads((package.folder / f'on-{engine}/evaluation-{engine}.json').read_text())
    assert score['success'] >= ENOUGH


def test_it_can_be_looked_at(package, run):
    assert 'time is up' in package.command('play', '--nominal')
    assert (package.folder / 'play.html').stat().st_size > 10_000


LEANS = """
from pathlib import Path
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState
from robot_rl.spec.engines import ENGINES
from robot_rl.deploy.record import read

found = read(Path('a.mcap'), frozenset({'/ground_truth/joint_states'}))
states = [deserialize_message(message.data, JointState) for message in found]
pivot = states[0].name.index('pivot')
print(len(states), max(abs(state.position[pivot]) for state in states[-50:]))
"""
"""Prints how many states a recording has, and how far the pole leans in the last 50 of them."""


@pytest.mark.ros
@pytest.mark.skipif(importlib.util.find_spec('rclpy') is None, reason='needs rclpy')
def test_it_balances_over_ros(package, run):
    package.command('run', '--seconds', '7', '--record', 'a.mcap')
    count, angle = package.python('-c', LEANS).split()
    assert int(count) > 100
    assert float(angle) < 0.1, 'rad at which the pole leans in the last second'

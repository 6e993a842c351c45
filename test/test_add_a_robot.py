"""docs/add-a-robot.md, done: its files as a package of their own, its commands on that package."""

from __future__ import annotations

from collections.abc import Mapping
import importlib.util
import json
import os
from pathlib import Path
import re
import shlex
import shutil
import subprocess
import sys

import pytest

tomllib = pytest.importorskip('tomllib')
for needed in ('tyro', 'torch', 'rsl_rl', 'onnxruntime', 'mujoco'):
    pytest.importorskip(needed)

from robot_rl import cli
from robot_rl.spec import registry
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


def install(folder: Path, files: Mapping[str, str]) -> None:
    """Lay `files` of the page into `folder` as `pip install` does."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    project = tomllib.loads(files['pyproject.toml'])['project']
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


class Package:
    """The page's package on the path of processes, in a folder to work in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        install(folder, FILES)
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
    return package.folder / 'runs/balance'


def test_it_is_found_and_engines_say_whether_they_know_it(package):
    printed = package.command('list')
    assert re.search(r'^robots .*\bcartpole\b', printed, re.MULTILINE)
    assert re.search(r'^tasks .*\bbalance-cartpole\b', printed, re.MULTILINE)
    assert re.search(r'^ +mujoco .*\bcartpole\b', printed, re.MULTILINE)


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


@pytest.mark.skipif(importlib.util.find_spec('rclpy') is None, reason='needs rclpy')
def test_it_balances_over_ros(package, run):
    """Not marked `ros`, for the run is trained once; beside other tests it gets three tries."""
    for _ in range(3):
        (package.folder / 'a.mcap').unlink(missing_ok=True)
        package.command('run', '--seconds', '7', '--record', 'a.mcap')
        count, angle = package.python('-c', LEANS).split()
        if float(angle) < 0.3:
            break
    assert int(count) > 100
    assert float(angle) < 0.3, 'rad at which the pole leans; one that fell hangs at more than 1.5'


IN_THE_TREE = """
from pathlib import Path
import robot_rl
from robot_rl.engines.mujoco import MujocoEngine
from robot_rl.envs.ranges import load_randomization
from robot_rl.spec import registry

assert Path(robot_rl.__file__).parent.parent == Path.cwd()
task = registry.task('balance-cartpole')
MujocoEngine(task.robot, task.level, 1, task.control_dt)
print(task.id, len(load_randomization(task.robot)))
"""
"""Prints the task's name and how many ranges its robot has; simulates its URDF."""


def test_in_the_tree_of_robot_rl_it_needs_no_entry_point_and_no_path(tmp_path):
    ignore = shutil.ignore_patterns('__pycache__', 'meshes', 'policies')
    for name in ('robot_rl', 'urdf', 'sim'):
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=ignore)
    (said,) = re.findall(r'^In a checkout of robot_rl .*?\n\n', TEXT, re.MULTILINE | re.DOTALL)
    places = [place for place in re.findall(r'`([\w/]+\.\w+)`', said) if '/' in place][:4]
    assert {Path(place).parts[0] for place in places} == {'robot_rl', 'urdf', 'sim'}
    (urdf,) = re.findall(r"`(urdf='[^']+')`", said)
    robot = re.sub(r"urdf=str\(HERE / '[^']+'\)", urdf, FILES['cartpole/robot.py'])
    robot = re.sub(r'^ *randomization=.*\n', '', robot, flags=re.MULTILINE)
    urdf_text, yaml = FILES['cartpole/cartpole.urdf'], FILES['cartpole/cartpole.yaml']
    for place, text in zip(
        places, (robot, urdf_text, yaml, FILES['cartpole/balance.py']), strict=True
    ):
        (tmp_path / place).write_text(text)
    done = subprocess.run(
        [sys.executable, '-c', IN_THE_TREE],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ['balance-cartpole', '3']


MISTAKES: Mapping[str, tuple[str, str, str]] = {
    'Unknown task': ('cartpole/balance.py', "ROBOTS = ('cartpole',)", "ROBOTS = ('other',)"),
    'leads nowhere': ('pyproject.toml', 'cartpole.robot:robot', 'cartpole.robot:robt'),
    "makes the robot 'cart'": ('cartpole/robot.py', "name='cartpole',", "name='cart',"),
    'more than one robot': ('pyproject.toml', '', ''),  # another package is the mistake
    'does not say its robots': ('cartpole/balance.py', "('cartpole',)", "tuple(['cartpole'])"),
    'no closed-form model': ('cartpole/robot.py', '', ''),  # the engine is
    "no joint 'hinge'": ('cartpole/robot.py', "('rail', 'pivot')", "('rail', 'hinge')"),
    '<mass value>': ('cartpole/cartpole.urdf', '<mass value="0.230"/>', '<mass value="0"/>'),
    'needs 2 values': ('cartpole/robot.py', '(4.3, 0.0024)', '(4.3,)'),
    "stage 'let go'": ('cartpole/robot.py', "'let go', (0.0,)", "'let go', (20.0,)"),
    "'joint_effort'": ('cartpole/balance.py', "'joint_vel')\n", "'joint_vel', 'joint_effort')\n"),
    "'joint_dampin'": ('cartpole/cartpole.yaml', '  joint_damping:', '  joint_dampin:'),
    "'iteration'": ('cartpole/balance.py', "'iterations': 60", "'iteration': 60"),
    'unfused': ('cartpole/balance.py', 'angle.sin(),  # 1', 'angle.sort(0).values,  # 1'),
}
"""Of each row of the page's table: words of it, and the file, the text there and what for it."""


ROWS = re.findall(
    r'^\| `(.*?)` \| ', TEXT.partition('## When something is wrong')[2], re.MULTILINE
)
"""What the page says is printed, dots for what it leaves out."""


def _row(words: str) -> str:
    (row,) = [row for row in ROWS if words in row]
    return row


def test_every_mistake_of_the_table_is_made_here():
    assert sorted(ROWS) == sorted(_row(words) for words in MISTAKES)


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """A folder to install in whose packages this process finds, alone and only for this test."""

    def forget() -> None:
        for lookup in (registry.robot, registry.task):
            lookup.cache_clear()
        for name in [name for name in sys.modules if name.partition('.')[0] == 'cartpole']:
            del sys.modules[name]

    forget()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    forget()


@pytest.mark.parametrize('words', list(MISTAKES))
def test_a_mistake_is_told_as_the_page_says(outside, capsys, caplog, words):
    file, old, new = MISTAKES[words]
    assert not old or FILES[file].count(old) == 1
    install(outside, {**FILES, file: FILES[file].replace(old, new)})
    if words == 'more than one robot':
        install_other(outside)
    engine = 'analytic' if words == 'no closed-form model' else 'mujoco'
    short = ('--iterations', '1', '--validation-episodes', '2', '--test-episodes', '2')
    code = cli.main(['train', 'balance-cartpole', '--engine', engine, '--quiet', *short])
    printed = ' '.join((capsys.readouterr().err + caplog.text).split())
    parts = [part for part in _row(words).split('...') if part.strip()]
    assert re.search('.*'.join(re.escape(part.strip()) for part in parts), printed), printed
    assert code == (0 if words == 'unfused' else 2)


def install_other(folder: Path) -> None:
    """Announce a second robot of the same name."""
    metadata = folder / 'other-1.0.dist-info'
    metadata.mkdir()
    (metadata / 'METADATA').write_text('Metadata-Version: 2.1\nName: other\nVersion: 1.0\n')
    (metadata / 'entry_points.txt').write_text('[robot_rl.robots]\ncartpole = other:robot\n')

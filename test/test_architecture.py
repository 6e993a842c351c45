"""Who may import whom, read from the source: docs/architecture.md draws the same table."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
import subprocess
import sys

import pytest

ROOT = Path(__file__).parents[1] / 'robot_rl'
EVERYONE = {'robot_rl', 'errors', 'assets', 'files', 'machine'}
MESSAGES = {'builtin_interfaces', 'std_srvs'}  # and every package named *_msgs

# Our own packages, by the first part of the importing module's name.
OURS: dict[str, set[str]] = {
    '__init__': set(),
    '__main__': {'cli'},
    'errors': set(),
    'assets': set(),
    'files': set(),
    'machine': set(),
    'spec': set(),
    'kernels': set(),
    'mdp': {'spec', 'kernels', 'vision'},
    'engines': {'spec', 'kernels'},
    'sensors': {'spec', 'kernels'},
    'vision': {'spec', 'kernels'},
    'robots': {'spec'},
    'tasks': {'spec', 'mdp', 'robots'},
    'curricula': set(),
    'envs': {
        'spec',
        'mdp',
        'robots',
        'tasks',
        'engines',
        'sensors',
        'kernels',
        'curricula',
        'vision',
    },
    'learn': {'spec', 'envs', 'mdp', 'curricula', 'data', 'deploy', 'teleop'},
    'export': {'spec', 'mdp', 'tasks', 'envs', 'learn'},
    'deploy': {'spec'},
    'data': {'deploy', 'spec'},
    'nodes': {'deploy', 'spec', 'robots', 'teleop', 'vision'},
    'pictures': {'spec'},
    'teleop': {'deploy', 'pictures', 'spec'},
    'bench': {
        'data',
        'deploy',
        'envs',
        'spec',
        'learn',
        'export',
        'pictures',
        'curricula',
        'mdp',
        'tasks',
        'kernels',
        'vision',
    },
    'identify': {'engines', 'envs', 'nodes', 'spec'},
    'commands': {
        'spec',
        'envs',
        'learn',
        'export',
        'deploy',
        'nodes',
        'bench',
        'pictures',
        'identify',
        'data',
        'teleop',
        'vision',
    },
    'cli': {'commands'},
}
# Packages of others. What is not listed is not allowed.
OTHERS: dict[str, set[str]] = {
    'spec': {'numpy'},
    'kernels': {'numpy', 'torch', 'numba', 'llvmlite', 'warp'},
    'mdp': {'torch', 'numpy'},
    'engines': {'numpy', 'torch'},
    'sensors': {'numpy', 'torch'},
    'vision': {'PIL', 'aiohttp', 'numpy'},
    'robots': set(),
    'tasks': {'torch'},
    'curricula': {'numpy'},
    'envs': {'numpy', 'torch', 'gymnasium', 'yaml'},
    'learn': {'numpy', 'torch', 'rsl_rl', 'tensordict', 'tqdm'},
    'export': {'numpy', 'torch', 'onnx', 'onnxscript', 'onnxruntime'},
    'deploy': {'numpy', 'onnxruntime'},
    'data': {'numpy'},
    'nodes': {'numpy', 'rclpy', 'mcap', *MESSAGES},
    'pictures': {'numpy', 'numba', 'PIL', 'av'},
    'teleop': {'aiohttp', 'numpy'},
    'bench': {
        'PIL',
        'gymnasium',
        'irsim',
        'l2f',
        'matplotlib',
        'numpy',
        'onnx',
        'onnxruntime',
        'stable_baselines3',
        'torch',
    },
    'identify': {'matplotlib', 'numpy', 'torch', 'yaml'},
    'commands': {'tyro'},
    'cli': {'tyro'},
}
# Single files that may do more: each simulator lives in its own engine file.
ALSO: dict[str, set[str]] = {
    'engines.mujoco': {'mujoco'},
    'engines.mujoco_warp': {'mujoco', 'mujoco_warp', 'warp'},
    'engines.pybullet': {'pybullet'},
    'engines.isaaclab': {'isaaclab'},
    'vision.mujoco': {'mujoco'},
    'bench.render_tiny': {'pybullet'},
    'nodes.launching': {'launch', 'launch_ros'},
}
# ... and only inside a function, so that importing the file stays light.
ALSO_LATE: dict[str, set[str]] = {
    'nodes.signals_compressed': {'PIL'},
    'vision.nerf.marker': {'cv2'},
    'vision.nerf.splat_render': {'torch', 'gsplat'},
    'deploy.record': {'mcap'},
    'data.lerobot': {'pyarrow'},
    'data.minaris': {'gymnasium', 'minari'},
    'data.plot': {'matplotlib'},
    'nodes.sim_node': {'envs', 'engines'},
    'nodes.teleop_page': {'pictures'},
    'nodes.simulated_robot': {'envs', 'engines', 'sensors', 'mdp', 'torch'},
    'bench.demo': {'nodes'},
    'bench.sight': {'nodes'},
    'bench.navigation.contender_ros': {'nodes'},
    'bench.navigation.nav2': {'yaml'},
    'bench.navigation.over_ros': {'nodes'},
}


def _imports(tree: ast.Module) -> Iterator[tuple[str, int, bool]]:
    """Yield (dotted name, line, whether inside a function) of each import, also importlib's."""
    stack: list[tuple[ast.AST, bool]] = [(tree, False)]
    while stack:
        node, late = stack.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno, late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = '.' * node.level + (node.module or '')
            names = (
                [f'{base}.{alias.name}' for alias in node.names] if base == 'robot_rl' else [base]
            )
            yield from ((name, node.lineno, late) for name in names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith('import_module'):
            text = node.args[0]
            first = text.values[0] if isinstance(text, ast.JoinedStr) else text
            if isinstance(first, ast.Constant) and first.value != 'robot_rl.':
                yield str(first.value), node.lineno, late
        inside = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        inside |= isinstance(node, ast.If) and ast.unparse(node.test) == 'TYPE_CHECKING'
        stack += [(child, inside) for child in ast.iter_child_nodes(node)]


def violations(root: Path) -> list[str]:
    """Return every import under `root` that the tables forbid, as 'file:line: reason'."""
    found: list[str] = []
    for path in sorted(root.rglob('*.py')):
        module = '.'.join(path.relative_to(root).with_suffix('').parts)
        area = module.split('.')[0]
        if area not in OURS:
            found.append(f'{path}: {area!r} has no row in the tables of test_architecture.py')
            continue
        allowed = (
            EVERYONE | OURS[area] | OTHERS.get(area, set()) | ALSO.get(module, set()) | {area}
        )
        for name, line, late in _imports(ast.parse(path.read_text(encoding='utf-8'))):
            parts = name.split('.')
            top = parts[1] if parts[0] == 'robot_rl' and len(parts) > 1 else parts[0]
            mine = allowed | (ALSO_LATE.get(module, set()) if late else set())
            fine = (
                top in mine
                if parts[0] == 'robot_rl' or top not in sys.stdlib_module_names
                else True
            )
            if not fine and not (area == 'nodes' and top.endswith('_msgs')):
                found.append(f'{path}:{line}: {module} must not import {name}')
    return sorted(found)


def test_imports_follow_the_tables() -> None:
    assert violations(ROOT) == []


def test_the_tables_know_only_what_exists() -> None:
    known = {path.stem for path in ROOT.iterdir() if path.name[0] != '.'}
    assert {area for area in OURS if area != '__main__'} - known == set()


@pytest.mark.parametrize(
    ('file', 'text'),
    [
        ('deploy/policy.py', 'import torch'),
        ('deploy/policy.py', 'def load():\n    import torch.nn'),
        ('deploy/policy.py', 'from robot_rl.learn import train'),
        ('deploy/policy.py', 'from robot_rl import learn'),
        ('deploy/policy.py', 'from ..learn import train'),
        ('deploy/policy.py', 'from std_msgs.msg import String'),
        ('spec/task.py', 'import torch as t'),
        ('spec/task.py', "import importlib\nimportlib.import_module('robot_rl.mdp.rewards')"),
        ('nodes/policy_node.py', 'def f():\n    from robot_rl.engines import analytic'),
        ('nodes/sim_node.py', 'from robot_rl.engines import analytic'),
        ('nodes/sim_node.py', 'import torch'),
        ('envs/vector.py', 'import mujoco'),
        ('engines/analytic.py', 'import mujoco'),
        ('engines/engine.py', 'from robot_rl.tasks.hover import task'),
        ('learn/train.py', 'import rclpy'),
        ('bench/report.py', 'from robot_rl.nodes import run'),
        ('curricula/alp_gmm.py', 'import torch'),
        ('curricula/alp_gmm.py', 'from robot_rl.envs.vector import VectorEnv'),
        ('brand_new/thing.py', 'import os'),
    ],
)
def test_a_planted_violation_is_caught(tmp_path: Path, file: str, text: str) -> None:
    path = tmp_path / file
    path.parent.mkdir()
    path.write_text(text)
    assert len(violations(tmp_path)) == 1


@pytest.mark.parametrize(
    ('file', 'text'),
    [
        ('nodes/sim_node.py', 'def f():\n    from robot_rl.engines import analytic'),
        ('nodes/policy_node.py', 'from sensor_msgs.msg import JointState\nimport rclpy.node'),
        ('engines/mujoco.py', 'import mujoco'),
        ('deploy/policy.py', 'import json\nfrom robot_rl.errors import PolicyFileError'),
    ],
)
def test_what_the_tables_allow_passes(tmp_path: Path, file: str, text: str) -> None:
    path = tmp_path / file
    path.parent.mkdir()
    path.write_text(text)
    assert violations(tmp_path) == []


HEAVY = {
    'torch', 'rclpy', 'onnxruntime', 'numba', 'mujoco', 'matplotlib', 'rsl_rl', 'gymnasium',
    'tensordict', 'warp', 'onnx', 'scipy', 'av', 'PIL', 'pybullet', 'pyarrow', 'minari',
    'aiohttp',
}  # fmt: skip


@pytest.mark.parametrize(
    'statement',
    [
        'import robot_rl',
        'import robot_rl.cli',
        "from robot_rl.cli import main; sys.argv = ['robot_rl', '--help']; main()",
        "from robot_rl.cli import main; sys.argv = ['robot_rl', 'train', '--help']; main()",
    ],
)
def test_light_imports_stay_light(statement: str) -> None:
    code = f"""
import sys
try:
    {statement}
except SystemExit:
    pass
print('HEAVY', *sorted({HEAVY!r} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == 'HEAVY'


@pytest.mark.parametrize(
    ('module', 'banned'),
    [
        ('robot_rl.spec.registry', HEAVY),
        ('robot_rl.deploy.controller', HEAVY - {'onnxruntime'}),
        ('robot_rl.teleop.web.pilot', HEAVY),
        ('robot_rl.nodes.policy_node', {'torch', 'numba', 'mujoco', 'matplotlib'}),
    ],
)
def test_what_a_robot_runs_stays_light(module: str, banned: set[str]) -> None:
    if '.nodes.' in module:
        pytest.importorskip('rclpy')
    code = f'import sys, {module}; print("HEAVY", *sorted({banned!r} & set(sys.modules)))'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == 'HEAVY'


def test_the_document_draws_these_tables() -> None:
    text = (ROOT.parent / 'docs/architecture.md').read_text(encoding='utf-8')
    rows = [
        f'| {area} | {" ".join(sorted(OURS[area])) or "nothing"} '
        f'| {" ".join(sorted(OTHERS[area])) or "nothing"} |'
        for area in OTHERS
    ]
    missing = [row for row in rows if row not in text]
    assert not missing, 'docs/architecture.md lacks:\n' + '\n'.join(missing)


def _sizes(root: Path) -> tuple[list[int], dict[str, int]]:
    """Lines of every file that is not empty, and of every function, by its place."""
    files, functions = [], {}
    for path in root.rglob('*.py'):
        text = path.read_text(encoding='utf-8')
        if text:
            files.append(len(text.splitlines()))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno
                length = node.end_lineno - node.lineno + 1
                functions[f'{path.relative_to(root)}:{node.name}'] = length
    return sorted(files), functions


def test_files_and_functions_stay_small_enough_to_be_read() -> None:
    files, functions = _sizes(ROOT)
    assert files[len(files) // 2] <= 120
    assert files[int(0.9 * len(files))] <= 300
    assert files[-1] <= 500
    assert not {place: lines for place, lines in functions.items() if lines > 60}


def test_a_long_function_would_be_found(tmp_path: Path) -> None:
    (tmp_path / 'long.py').write_text('def f():\n' + '    pass\n' * 60)
    assert _sizes(tmp_path) == ([61], {'long.py:f': 61})

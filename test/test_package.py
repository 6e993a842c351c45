"""The package's own promises: pins in one place, executables for every node, nothing left at
home."""

from __future__ import annotations

import os
from pathlib import Path
import re
import runpy
import subprocess
import sys
from typing import Any
import xml.etree.ElementTree as ElementTree
import zipfile

import pytest

ROOT = Path(__file__).parents[1]
NODES = sorted(path.stem for path in (ROOT / 'robot_rl/nodes').glob('*_node.py'))


@pytest.fixture(scope='module')
def metadata() -> dict[str, Any]:
    """Keyword arguments that setup.py gives to setuptools."""
    setuptools = pytest.importorskip('setuptools')
    found: dict[str, Any] = {}
    original = setuptools.setup
    setuptools.setup = lambda **options: found.update(options)
    try:
        runpy.run_path(str(ROOT / 'setup.py'))
    finally:
        setuptools.setup = original
    return found


@pytest.fixture(scope='module')
def manifest() -> ElementTree.Element:
    return ElementTree.parse(ROOT / 'package.xml').getroot()


def _requirements(metadata: dict[str, Any]) -> list[str]:
    extras = metadata['extras_require']
    return metadata['install_requires'] + [line for extra in extras.values() for line in extra]


def test_a_robot_needs_little(metadata: dict[str, Any]) -> None:
    names = {re.split(r'[<>=]', line)[0] for line in metadata['install_requires']}
    assert names == {'numpy', 'onnxruntime'}


def test_pins_are_written_once_or_agree(metadata: dict[str, Any]) -> None:
    pin = re.compile(r'\b([a-z][a-z0-9_-]+)(?:\[\w+\])?==([0-9][0-9.]*[0-9*])')
    pins = {
        name: version for line in _requirements(metadata) for name, version in pin.findall(line)
    }
    assert {'torch', 'rsl-rl-lib', 'mujoco-core', 'ros-rclpy'} <= set(pins)
    files = [ROOT / '.pre-commit-config.yaml', ROOT / 'Makefile', ROOT / 'README.md']
    files += [*(ROOT / 'docs').rglob('*.md'), *(ROOT / 'robot_rl').rglob('*.py')]
    for path in files:
        for name, version in pin.findall(path.read_text(encoding='utf-8')):
            assert pins.get(name, version) == version, f'{path} pins {name}=={version}'


def test_a_requirement_says_the_same_in_every_extra(metadata: dict[str, Any]) -> None:
    seen: dict[str, str] = {}
    for line in _requirements(metadata):
        name = re.split(r'[<>=;\[ ]', line)[0]
        assert seen.setdefault(name, line) == line


def test_manifest_agrees_with_metadata(
    metadata: dict[str, Any], manifest: ElementTree.Element
) -> None:
    for tag in ('name', 'version', 'license', 'description'):
        text = manifest.findtext(tag)
        assert text is not None
        assert text.rstrip('.') == metadata[tag].rstrip('.')
    assert manifest.findtext('export/build_type') == 'ament_python'


def test_every_message_package_is_declared(
    metadata: dict[str, Any], manifest: ElementTree.Element
) -> None:
    text = '\n'.join(path.read_text() for path in (ROOT / 'robot_rl/nodes').glob('*.py'))
    used = set(re.findall(r'^\s*(?:from|import) (\w+_msgs|std_srvs)\b', text, re.MULTILINE))
    used |= set(re.findall(r"'(\w+_msgs)/msg/\w+'", text))
    used -= {'px4_msgs', 'mavros_msgs'}  # come with the autopilot that speaks them
    declared = {element.text for element in manifest.iter('exec_depend')}
    assert used
    assert used <= declared
    wheels = ' '.join(metadata['extras_require']['ros'])
    brought_by_rclpy = {'lifecycle_msgs', 'rosgraph_msgs', 'rcl_interfaces', 'action_msgs'}
    # used where a distribution brings them, or built from nodes/definitions
    no_wheel = {'ackermann_msgs', 'nav2_msgs', 'tf2_msgs'}
    for name in used - brought_by_rclpy - no_wheel:
        assert f'ros-{name.replace("_", "-")}==' in wheels


def test_every_node_has_an_executable(metadata: dict[str, Any]) -> None:
    stubs = dict(metadata['data_files'])['lib/robot_rl']
    assert sorted(Path(stub).name for stub in stubs) == NODES
    assert len(NODES) >= 3
    for stub in stubs:
        assert os.access(ROOT / stub, os.X_OK)


def test_every_field_list_is_installed(metadata: dict[str, Any]) -> None:
    package = ROOT / 'robot_rl'
    taken = {
        path for pattern in metadata['package_data']['robot_rl'] for path in package.glob(pattern)
    }
    lists = {path for path in (package / 'nodes/definitions').rglob('*') if path.is_file()}
    assert len(lists) >= 4
    assert lists <= taken


def test_every_asset_is_installed(metadata: dict[str, Any]) -> None:
    shared = {Path(file) for _, files in metadata['data_files'] for file in files}
    for top in ('launch', 'urdf', 'policies', 'sim'):
        for path in (ROOT / top).rglob('*'):
            if path.is_file() and '__pycache__' not in path.parts:
                assert path.relative_to(ROOT) in shared
    folders = {folder for folder, _ in metadata['data_files']}
    assert 'share/robot_rl/urdf' in folders
    assert 'share/robot_rl/sim/randomization' in folders


@pytest.mark.parametrize('own_python', [True, False])
def test_a_stub_runs_its_node_with_the_python_of_its_prefix(
    tmp_path: Path, own_python: bool
) -> None:
    prefix = tmp_path / 'a prefix'
    (prefix / 'lib/robot_rl').mkdir(parents=True)
    stub = prefix / 'lib/robot_rl/sim_node'
    stub.symlink_to(ROOT / 'robot_rl/nodes/bin/sim_node')  # as colcon --symlink-install does
    python = (prefix / 'bin' if own_python else tmp_path / 'elsewhere') / 'python3'
    python.parent.mkdir()
    python.write_text('#!/bin/sh\necho "$0" "$@"\n')
    python.chmod(0o755)
    path = f'{tmp_path / "elsewhere"}:{os.environ["PATH"]}'
    done = subprocess.run(
        [str(stub), '--ros-args', '-p', 'a:=b c'],
        env={'PATH': path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == f'{python} -m robot_rl.nodes.sim_node --ros-args -p a:=b c'


@pytest.mark.slow
def test_wheel_holds_executables_and_assets(tmp_path: Path) -> None:
    pytest.importorskip('setuptools', minversion='70.1')  # builds wheels without a helper
    source = tmp_path / 'source'
    source.mkdir()
    kept = (
        'robot_rl launch urdf policies sim resource package.xml setup.py setup.cfg pyproject.toml'
    )
    for name in [*kept.split(), 'README.md', 'LICENSE']:
        if (ROOT / name).exists():
            subprocess.run(['cp', '-a', str(ROOT / name), str(source)], check=True)
    command = '-m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir'
    subprocess.run(
        [sys.executable, *command.split(), str(tmp_path), str(source)], check=True, timeout=120
    )
    (wheel,) = tmp_path.glob('*.whl')
    with zipfile.ZipFile(wheel) as archive:
        entries = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    data = {name.partition('.data/data/')[2]: mode for name, mode in entries.items()}
    for node in NODES:
        assert data[f'lib/robot_rl/{node}'] & 0o111
    assert 'share/robot_rl/urdf/crazyflie.urdf' in data
    assert 'share/ament_index/resource_index/packages/robot_rl' in data
    assert 'robot_rl/py.typed' in entries
    assert not any(name.startswith('test') for name in entries)

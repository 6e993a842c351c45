"""ROS types that no wheel brings: the distribution's own, or built here once from their fields.

A ROS 2 distribution has nav2_msgs and tf2_msgs as packages, and those are taken where they are.
The wheels of PyPI have neither, but they bring the generators that such a package is made with:
the field lists in `definitions/` go through them and a C compiler (`interface_build.py`), a few
seconds, into a folder of the user's cache. The name of that folder is a digest of the fields, of
the builder and of every version that matters, so that it is never stale and may be deleted at any
time. What is built has the type name, the fields and so the type hash of the distribution's.

The fields are those of Jazzy and Kilted, which agree; later distributions have others.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import fcntl
import hashlib
import importlib
from importlib.util import find_spec
import os
from pathlib import Path
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile

from robot_rl.errors import MessageError, MissingPackageError
from robot_rl.nodes import interface_build as build

DEFINITIONS = Path(__file__).with_name('definitions')
"""<package>/<msg or action>/<Type>.<msg or action>: the fields, in the words of ROS."""
KINDS = ('msg', 'action')
KNOWN_RCLPY = {'7': 'Jazzy', '9': 'Kilted'}
"""Major version of rclpy to the distribution whose fields ours are."""
COMPILERS = ('gcc', 'g++')
BUILD_LIMIT_S = 300.0
"""[s] after which a build is given up: it takes 4 to 8 on one core."""


def interface(name: str) -> type:
    """Class of a message or action from its ROS type, such as 'nav2_msgs/action/FollowPath'.

    The first call on a machine without the package may take some seconds: see the module.

    Raises:
        MessageError: The name is no ROS type, or its package has no such type.
        MissingPackageError: The package is neither installed nor can it be built here.
    """
    package, kind, short = _parts(name)
    if find_spec(package) is None:
        sys.path.append(str(_built(name, package)))
        importlib.invalidate_caches()
    try:
        return getattr(importlib.import_module(f'{package}.{kind}'), short)
    except (ImportError, AttributeError) as error:
        raise MessageError(
            f'The package {package!r} has no type {name!r} ({error}). See which it has with: '
            f'ros2 interface package {package}'
        ) from None


def cache_folder() -> Path:
    """Where built packages are kept; anything in it may be deleted at any time."""
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base) / 'robot_rl' / 'interfaces'


def _parts(name: str) -> tuple[str, str, str]:
    parts = name.split('/')
    if len(parts) != 3 or parts[1] not in KINDS or not all(part.isidentifier() for part in parts):
        raise MessageError(
            f"A ROS type reads like 'nav2_msgs/action/FollowPath', got {name!r}: expected a "
            f'package, one of {", ".join(KINDS)}, and a type.'
        )
    return parts[0], parts[1], parts[2]


def _built(name: str, package: str) -> Path:
    """Folder to import `package` from, built where it is not there yet."""
    _require_tools(name, package)
    root = cache_folder()
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = root / f'{package}-{_digest(package)}'
        with _locked(folder.with_suffix('.lock')):
            if not folder.is_dir():
                _build(name, package, root, folder)
    except OSError as error:
        raise MissingPackageError(
            package,
            f'The ROS type {name}',
            f'It cannot be built in {root}: {error.strerror}. {_install(package)}, or set '
            'XDG_CACHE_HOME to a folder that can be written.',
        ) from error
    return folder


def _require_tools(name: str, package: str) -> None:
    """Raise MissingPackageError unless there are fields, generators, compilers and Fast DDS."""
    version = build.version_of('rclpy').partition('.')[0]
    lacking = [tool for tool in COMPILERS if shutil.which(tool) is None]
    lacking += [part for part in build.GENERATORS if build.prefix_of(part) is None]
    if not (Path(sysconfig.get_path('include')) / 'Python.h').is_file():
        lacking.append('Python.h')
    if not (DEFINITIONS / package).is_dir():
        raise _missing(name, package, 'robot_rl does not know its fields.')
    if version not in KNOWN_RCLPY:
        known = ' and '.join(KNOWN_RCLPY.values())
        raise _missing(name, package, f'Its fields are known for {known}, not for this ROS.')
    if lacking:
        said = f'To build it here {", ".join(lacking)} would be needed, and could not be found.'
        raise _missing(name, package, said)
    if os.environ.get('RMW_IMPLEMENTATION', build.RMW) != build.RMW:
        raise _missing(name, package, f'What is built here speaks {build.RMW} only.')


def _missing(name: str, package: str, why: str) -> MissingPackageError:
    return MissingPackageError(
        package, f'The ROS type {name}', f'{why} {_install(package)} or source a ROS 2.'
    )


def _install(package: str) -> str:
    return f'Install ros-{os.environ.get("ROS_DISTRO", "<distro>")}-{package.replace("_", "-")}'


def _digest(package: str) -> str:
    """Of all that decides what a build looks like."""
    files = [*sorted((DEFINITIONS / package).rglob('*.*')), Path(build.__file__)]
    parts = [path.read_bytes() for path in files if path.is_file()]
    versions = [f'{name} {build.version_of(name)}' for name in build.versioned()]
    machine = f'{sys.implementation.cache_tag} {platform.machine()}'
    parts += [' '.join([machine, *versions]).encode()]
    return hashlib.sha256(b'\0'.join(parts)).hexdigest()[:16]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One builder at a time, among all processes; the kernel opens the lock of a dead one."""
    with path.open('w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(name: str, package: str, root: Path, folder: Path) -> None:
    """Build into a folder of its own and rename it: no reader sees half of one."""
    part = Path(tempfile.mkdtemp(prefix=f'{package}-', dir=root))
    try:
        command = [sys.executable, '-W', 'ignore', '-m', build.__name__]
        source = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join(filter(None, [source, os.environ.get('PYTHONPATH', '')]))
        done = subprocess.run(
            [*command, package, str(DEFINITIONS), str(part)],
            env={**os.environ, 'PYTHONPATH': paths},
            capture_output=True,
            text=True,
            timeout=BUILD_LIMIT_S,
            check=False,
        )
        if done.returncode != 0:
            words = ' '.join(done.stderr.split())[-400:]
            raise _missing(name, package, f'Building it here has failed: {words}')
        (part / 'install').rename(folder)
    except subprocess.TimeoutExpired as error:
        raise OSError(0, f'not within {BUILD_LIMIT_S:g} s') from error
    finally:
        shutil.rmtree(part, ignore_errors=True)

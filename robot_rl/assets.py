"""Find the files that are not Python: urdf/, launch/, sim/, policies/.

They lie beside the package in a checkout, and in share/robot_rl once installed: under a prefix of
AMENT_PREFIX_PATH after `colcon build`, under the environment's own prefix after `pip install`.
"""

from __future__ import annotations

import os
from pathlib import Path
import site
import sys

from robot_rl.errors import SpecError, UnknownNameError

KINDS = ('urdf', 'launch', 'sim', 'policies')


def prefixes() -> list[Path]:
    """Places where packages keep their share/: the sourced ones first, then this interpreter's."""
    sourced = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    return [Path(part) for part in (*sourced, sys.prefix, site.getuserbase()) if part]


def asset_roots() -> list[Path]:
    """Folders that may hold the KINDS, best first: the checkout, then installed share folders."""
    checkout = Path(__file__).resolve().parent.parent
    return [checkout, *(prefix / 'share' / 'robot_rl' for prefix in prefixes())]


def asset(kind: str, name: str) -> Path:
    """Path of the file `name` (it may name a subfolder) among the assets of one `kind`.

    A robot of another package may give an absolute `name`, which is then only checked. Raises
    UnknownNameError for a kind that is not in KINDS, and SpecError, naming every place looked in,
    for a file that is not there.
    """
    found = find(kind, name)
    if found is not None:
        return found
    places = ', '.join(map(str, _candidates(kind, name)))
    raise SpecError(
        f'No {kind} file {name!r}. Looked for {places}. Check the name, or install robot_rl '
        'again: its share folder is missing or incomplete.'
    )


def find(kind: str, name: str) -> Path | None:
    """As `asset`, but None for a file that is not there and need not be."""
    return next((path for path in _candidates(kind, name) if path.is_file()), None)


def shipped_policies() -> dict[str, Path]:
    """Name to file of the policies that come with the package, such as 'race-racecar'."""
    found = [path for root in asset_roots() for path in sorted((root / 'policies').glob('*.onnx'))]
    return {path.stem: path for path in reversed(found)}  # the first root has the last word


def policy_path(name: str, *, runs: bool = False) -> Path:
    """A policy as a person names it: a path, or the name of one that comes with the package.

    Raises UnknownNameError, with a suggestion among these names and, where `runs` do too, the run
    folders in runs/.
    """
    path, shipped = Path(name), shipped_policies()
    if path.exists():
        return path
    if path.name == name and path.stem in shipped and path.suffix in ('', '.onnx'):
        return shipped[path.stem]
    if not runs:
        raise UnknownNameError('policy', name, shipped)
    folders = [str(run) for run in Path('runs').glob('*') if run.is_dir()]
    raise UnknownNameError('policy or run folder', name, [*shipped, *folders])


def ranges_path(name: str) -> Path:
    """A file of ranges as a person names it: a path, or the name of one in sim/randomization.

    Raises UnknownNameError, with a suggestion among these names.
    """
    if Path(name).is_file():
        return Path(name)
    found = [p for root in asset_roots() for p in (root / 'sim' / 'randomization').glob('*.yaml')]
    known = {path.stem: path for path in reversed(found)}  # the first root has the last word
    if name.removesuffix('.yaml') in known:
        return known[name.removesuffix('.yaml')]
    raise UnknownNameError('file of ranges', name, known)


def _candidates(kind: str, name: str) -> list[Path]:
    if kind not in KINDS:
        raise UnknownNameError('kind of asset', kind, KINDS)
    return list(dict.fromkeys(root / kind / name for root in asset_roots()))

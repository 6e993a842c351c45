"""Write kernels out as one Python file each, so that numba can keep their machine code.

Numba's own cache looks at the time stamp of the file that holds the outermost function, and would
not notice a change in a function that it calls. Here all of them are in one file, whose name is a
digest of every word in it and of numba's version: another text is another file, never a stale one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import hashlib
import inspect
import os
from pathlib import Path
import sys
from types import ModuleType

from robot_rl.errors import MissingPackageError
from robot_rl.files import write_whole


def cache_folder() -> Path:
    """Where compiled kernels are kept; anything in it may be deleted at any time."""
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base) / 'robot_rl' / 'kernels'


def compiled_module(
    name: str, texts: Sequence[str], functions: Sequence[Callable], run: str
) -> ModuleType:
    """Build and import a module of `texts`, then `functions` inlined, then the text of `run`.

    `run` has a placeholder {cache}. Where nothing can be kept (no home, a read-only or full disk)
    the kernel is compiled for this process alone.
    """
    inlined = [f'@inline\n{inspect.getsource(function)}\n\n' for function in functions]
    body = ''.join([*texts, *inlined])
    try:
        path = _written(name, body + run.format(cache=True))
        return _imported(path.stem, path.read_text(), str(path))
    except OSError:
        return _imported(name, body + run.format(cache=False), f'<{name}>')


def _written(name: str, text: str) -> Path:
    """File in the cache folder that holds `text`, written in one piece."""
    try:
        import numba
    except ImportError:
        raise MissingPackageError('numba') from None
    digest = hashlib.sha256(f'{numba.__version__} {text}'.encode()).hexdigest()[:16]
    path = cache_folder() / f'{name}_{digest}.py'
    if not path.is_file():
        write_whole(path, text.encode())
    return path


def _imported(name: str, text: str, filename: str) -> ModuleType:
    """Run `text` as the module `name`; numba compiles here, or reads what it has kept."""
    module = ModuleType(name)
    sys.modules[name] = module  # where numba looks for the globals of what it has kept
    exec(compile(text, filename, 'exec'), vars(module))
    return module

"""Machine code for a piece of LLVM's intermediate language, kept between processes.

Numba needs five to ten seconds to infer the types of a thousand lines and to find out that they
can be vectorized. Written with vectors in the first place they take LLVM half a second.
"""

from __future__ import annotations

from collections.abc import Callable
import ctypes
from functools import cache
import hashlib
from typing import Any

from robot_rl.errors import MissingPackageError, SpecError
from robot_rl.files import write_whole
from robot_rl.kernels.source import cache_folder


@cache
def _llvm() -> Any:
    try:
        from llvmlite import binding
    except ImportError:
        raise MissingPackageError('llvmlite') from None
    if binding.llvm_version_info[0] < 20:
        binding.initialize()
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


def pointer(vector: str) -> str:
    """Type of a pointer to `vector` in the language of the LLVM that is installed."""
    return 'ptr' if _llvm().llvm_version_info[0] > 15 else f'{vector}*'


@cache
def _host() -> tuple[str, str, str]:
    llvm = _llvm()
    features = llvm.get_host_cpu_features().flatten()
    return llvm.get_default_triple(), llvm.get_host_cpu_name(), features


def function(name: str, text: str, signature: Any) -> Callable[..., None]:
    """Compile the module `text` and return its function `run` by its ctypes `signature`.

    The machine code is kept in the cache folder under a digest of the text, the processor and
    LLVM's version. Raises SpecError where LLVM refuses the text.
    """
    llvm = _llvm()
    triple, cpu, features = _host()
    version = '.'.join(map(str, llvm.llvm_version_info))
    key = '\n'.join((version, triple, cpu, features, text))
    path = cache_folder() / f'{name}_{hashlib.sha256(key.encode()).hexdigest()[:16]}.o'
    target = llvm.Target.from_triple(triple).create_target_machine(
        cpu=cpu, features=features, opt=2, jit=True
    )
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        reason = str(error).strip().rstrip('.')
        raise SpecError(
            f'LLVM {version} refuses the kernel {name}: {reason}. Install the llvmlite that '
            'robot_rl asks for.'
        ) from error
    module.triple, module.data_layout = triple, str(target.target_data)
    engine = llvm.create_mcjit_compiler(module, target)

    def keep(_module: Any, code: bytes) -> None:
        try:
            write_whole(path, code)
        except OSError:  # no home, a read-only or full disk: for this process alone
            return

    def kept(_module: Any) -> bytes | None:
        try:
            return path.read_bytes()
        except OSError:
            return None

    engine.set_object_cache(keep, kept)
    engine.finalize_object()
    run = signature(engine.get_function_address('run'))
    run.keep_alive = engine
    return run


def signature(*types: Any) -> Any:
    """Type of a function of `types` that returns nothing; it runs without the interpreter lock."""
    return ctypes.CFUNCTYPE(None, *types)

"""What a figure was measured with, named beside it: the machine and the packages on it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
import os
from pathlib import Path
import platform


def machine_name() -> str:
    """Processor, cores and system, for example 'AMD EPYC, 2 cores, Linux x86_64'."""
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    model = next(iter(models), platform.processor() or 'unknown processor')
    return f'{model}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}'


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Version of each package, 'not installed' where it is not."""
    return {name: _version(name) for name in names}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return 'not installed'

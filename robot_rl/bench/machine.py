"""The machine a figure was measured on, named beside it."""

from __future__ import annotations

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

"""How long each control period took, in a fixed amount of memory, and a run's report."""

from __future__ import annotations

from collections.abc import Mapping
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import RunFolderError

CAPACITY = 36_000
"""Control periods kept: six minutes at 100 Hz; older ones are overwritten."""
KINDS = ('step', 'cycle', 'lateness', 'age')


class Traces:
    """Durations of every control period [us].

    - 'step': signals to setpoint, inside the controller.
    - 'cycle': wake-up to published, with taking and decoding the messages.
    - 'lateness': deadline to wake-up.
    - 'age': oldest measurement in use, since it was made.
    """

    def __init__(self) -> None:
        """Reserve the memory."""
        self._rows: NDArray[np.float32] = np.zeros((CAPACITY, len(KINDS)), np.float32)
        self._rows.fill(0.0)  # touch the pages now: memory use is then flat
        self.count = 0

    def push(self, step: float, cycle: float, lateness: float, age: float) -> None:
        """Add one control period, in seconds."""
        row = self._rows[self.count % CAPACITY]
        row[0], row[1], row[2], row[3] = 1e6 * step, 1e6 * cycle, 1e6 * lateness, 1e6 * age
        self.count += 1

    def micros(self) -> dict[str, list[float]]:
        """Kind to the durations kept [us], oldest first."""
        rows = self._rows[: self.count]
        if self.count > CAPACITY:
            rows = np.roll(self._rows, -(self.count % CAPACITY), axis=0)
        return {name: [round(float(v), 1) for v in rows[:, i]] for i, name in enumerate(KINDS)}


def _finite(value: Any) -> Any:
    """The same value with null for what JSON cannot hold: infinities and not-a-number."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file in one step. Raises RunFolderError."""
    temporary = path.with_name(f'.{path.name}.{os.getpid()}')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(_finite(content), allow_nan=False), encoding='utf-8')
        temporary.replace(path)
    except OSError as error:
        raise RunFolderError(f'Cannot write the report {path}: {error.strerror}.') from None
    finally:
        temporary.unlink(missing_ok=True)

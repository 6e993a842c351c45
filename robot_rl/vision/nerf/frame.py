"""Where a capture lies in the world: turned, moved and scaled to meters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Frame:
    """A similarity: a point p of the capture is at scale * rotation @ p + translation."""

    rotation: Array
    """(3, 3)"""
    translation: Array
    """(3,) [m]"""
    scale: float
    """[m] of one unit of the capture."""
    metric: str = ''
    """What the scale was measured by; '' where the capture's units are taken for meters."""
    level: str = ''
    """What says which way is up; '' where the capture's z axis is taken for it."""

    @classmethod
    def identity(cls) -> Frame:
        """The world is the capture."""
        return cls(np.eye(3), np.zeros(3), 1.0)

    def __str__(self) -> str:
        """What scale and level were taken from."""
        metric = self.metric or 'units of the capture taken for meters'
        return f'{self.scale:.5g} m a unit ({metric}), up by {self.level or "the capture"}'

    def to_world(self, points: Array) -> Array:
        """[m] of points (..., 3) of the capture."""
        return self.scale * points @ self.rotation.T + self.translation

    def to_capture(self, points: Array) -> Array:
        """Points (..., 3) of the capture, of [m]."""
        return (points - self.translation) @ self.rotation / self.scale

    def to_json(self) -> dict[str, Any]:
        """As a file keeps it."""
        return {
            'rotation': self.rotation.tolist(),
            'translation': self.translation.tolist(),
            'scale': self.scale,
            'metric': self.metric,
            'level': self.level,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Frame:
        """What `to_json` gave."""
        return cls(
            np.array(value['rotation'], np.float64),
            np.array(value['translation'], np.float64),
            float(value['scale']),
            str(value['metric']),
            str(value['level']),
        )

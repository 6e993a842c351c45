"""What the page shows: how the robot is, curves, a picture. Safe to use from several threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
import math
import threading
from typing import Any

from robot_rl.teleop.web.curve import Curve

MOST_CURVES = 8
IMAGES = (b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n', b'RIFF')
"""How JPEG, PNG and WebP begin."""


@dataclass(frozen=True)
class Status:
    """How the robot is, in words and numbers for a person."""

    driver: str = ''
    """Who drives: 'policy', 'person', or '' for nobody."""
    mode: str = ''
    """Of the controller."""
    reason: str = ''
    """Why the robot is not driven, or what was refused; shown large where it is not empty."""
    stopped: bool = False
    """The emergency stop is pressed."""
    latency_ms: float | None = None
    """[ms] from signals to setpoint; what is not finite counts as None."""
    episode: int | None = None
    step: int | None = None
    note: str = ''
    """Whatever else should be read: the result of the last episode."""


class Board:
    """The newest of everything, with numbers that tell whether it is new."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._curves: dict[str, Curve] = {}
        self._status = Status()
        self._picture = b''
        self._around: Mapping[str, Any] = {}
        self._at = {'status': 0, 'curves': 0, 'around': 0, 'picture': 0}

    def put(
        self,
        now: float,
        status: Status | None,
        curves: Mapping[str, float] | None,
        image: bytes | None,
        frames: bytes | None,
        around: Mapping[str, Any] | None = None,
    ) -> None:
        """Take what is given, see WebPilot.show; `now` [s] is where points of curves go."""
        if status is not None and not math.isfinite(status.latency_ms or 0.0):
            status = replace(status, latency_ms=None)
        with self._lock:
            if status is not None and status != self._status:
                self._status = status
                self._at['status'] += 1
            for name, value in (curves or {}).items():
                if name in self._curves or len(self._curves) < MOST_CURVES:
                    self._curves.setdefault(name, Curve()).add(now, float(value))
                    self._at['curves'] += 1
            if around is not None:
                self._around = around
                self._at['around'] += 1
            picture = b'I' + image if image else b'F' + frames if frames else b''
            if picture:
                self._picture = picture
                self._at['picture'] += 1

    def versions(self) -> dict[str, int]:
        """A number each of status, curves, around and picture that changes when they do."""
        with self._lock:
            return dict(self._at)

    def status(self) -> Status:
        """The newest."""
        with self._lock:
            return self._status

    def curves(self) -> dict[str, list[tuple[float, float]]]:
        """Points by name, to four digits: nobody sees more."""
        with self._lock:
            return {
                name: [(round(x, 2), float(f'{value:.4g}')) for x, value in curve.points]
                for name, curve in self._curves.items()
            }

    def around(self) -> Mapping[str, Any]:
        """The newest."""
        with self._lock:
            return self._around

    def picture(self) -> bytes:
        """The newest, one byte for its kind before it: I an image, F frames of a scene."""
        with self._lock:
            return self._picture


def check_image(image: bytes) -> None:
    """Raise ValueError for what is no JPEG, PNG or WebP."""
    if not image.startswith(IMAGES):
        raise ValueError(f'expected a JPEG, PNG or WebP, got {image[:8]!r}...')

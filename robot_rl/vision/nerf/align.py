"""Give a learned place meters and a level floor.

The scale comes from a distance that is known: between two cameras, or what two pixels show. Which
way is up comes from the capture's z axis, from how people hold cameras, or from the floor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import CaptureError
from robot_rl.vision.nerf.capture import Capture
from robot_rl.vision.nerf.field import Field
from robot_rl.vision.nerf.frame import Frame
from robot_rl.vision.nerf.level import leveled, upright
from robot_rl.vision.nerf.photos import Photos
from robot_rl.vision.optics import rays

Array = NDArray[Any]


@dataclass(frozen=True)
class Distance:
    """A distance that was measured on the spot."""

    first: str
    """A photograph, for the place of its camera, or PHOTOGRAPH@x,y for what this pixel shows."""
    second: str
    meters: float

    @classmethod
    def parse(cls, text: str) -> Distance:
        """Read 'first second meters'. Raises CaptureError for something else."""
        words = text.split()
        try:
            value = float(words[2]) if len(words) == 3 else 0.0
        except ValueError:
            value = 0.0
        if not 0.0 < value < 1e6:
            raise CaptureError(
                f"A known distance reads like '1.jpg 2.jpg 0.85', got {text!r}. "
                'Give two photographs, or PHOTOGRAPH@x,y for what a pixel shows, and meters.'
            )
        return cls(words[0], words[1], value)


def aligned(
    capture: Capture, photos: Photos, field: Field, known: Distance | None, level: str
) -> Frame:
    """The frame of a field: its scale from `known`, up from 'capture', 'cameras' or 'floor'.

    Raises CaptureError as `scaled` and `leveled` do.
    """
    frame = Frame.identity() if level == 'capture' else upright(capture)
    if level == 'floor':
        frame = leveled(frame, surface(field, photos))
    return frame if known is None else scaled(frame, capture, field, known)


def surface(field: Field, photos: Photos, num: int = 20_000) -> Array:
    """Points (n, 3) of the capture that photographs show, n up to `num`."""
    rng = np.random.default_rng(0)
    view = rng.integers(0, len(photos.origins), num)
    ways = photos.directions[view, rng.integers(0, photos.directions.shape[1], num)]
    origins = photos.origins[view]
    _, depth = field.look(origins, ways)
    seen = np.isfinite(depth)
    return (origins + depth[:, None] * ways)[seen].astype(np.float64)


def scaled(frame: Frame, capture: Capture, field: Field, known: Distance) -> Frame:
    """The frame with the scale that makes a known distance right.

    Raises CaptureError for photographs that are not in the capture, pixels that show nothing, and
    ends that are in one place.
    """
    ends = [_point(capture, field, name) for name in (known.first, known.second)]
    length = float(np.linalg.norm(ends[0] - ends[1]))
    if not length > 1e-9:
        raise CaptureError(
            f'{known.first} and {known.second} are in one place, but {known.meters} m apart. Give '
            'two ends of something.'
        )
    return replace(
        frame,
        scale=known.meters / length,
        translation=frame.translation * (known.meters / length / frame.scale),
        metric=f'{known.first} to {known.second}: {known.meters} m',
    )


def _point(capture: Capture, field: Field, text: str) -> Array:
    """Place (3,) in the capture of a camera or of what a pixel shows."""
    name, _, pixel = text.partition('@')
    views = {view.name: view for view in capture.views}
    views |= {view.path.name: view for view in capture.views}
    if name not in views:
        raise CaptureError(
            f'{capture.path} has no photograph {name!r}, but for example '
            f'{capture.views[0].name!r}. Name one of them.'
        )
    view = views[name]
    if not pixel:
        return view.position
    try:
        x, y = map(float, pixel.split(','))
    except ValueError:
        raise CaptureError(
            f'A pixel reads like {name}@540,960, got {text!r}. Give its column and row.'
        ) from None
    flat = rays(view.camera, np.array([[x, y]]))[0]
    way = view.rotation @ np.array([*flat, 1.0])
    way /= np.linalg.norm(way)
    _, depth = field.look(view.position[None], way[None])
    if not np.isfinite(depth[0]):
        raise CaptureError(f'{text} shows nothing that has a depth. Choose another pixel.')
    return view.position + float(depth[0]) * way

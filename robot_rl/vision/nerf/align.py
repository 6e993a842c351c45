"""Give a learned place meters and a level floor.

The scale comes from a distance that is known: between two cameras, what two pixels show, or the
edge of a marker. Which way is up comes from the capture's z axis, from how people hold cameras,
from the floor, or from a marker.
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
from robot_rl.vision.nerf.level import laid, leveled, stood, upright
from robot_rl.vision.nerf.marker import Marker, sightings
from robot_rl.vision.nerf.photos import Photos
from robot_rl.vision.nerf.squares import Squares, squares_of
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


def known(capture: Capture, distance: str, marker: str, level: str) -> Distance | Squares | None:
    """What is known of the lengths in a capture: a distance, or markers, which are measured.

    Raises CaptureError for both, for a level that needs a marker without one, and as
    `Distance.parse`, `Marker.parse`, `sightings` and `squares_of` do.
    """
    if distance and marker:
        raise CaptureError(
            f'A known distance, got {distance!r}, and a marker, got {marker!r}, must not both say '
            'what a meter is. Give one of them.'
        )
    if not marker and level.startswith('marker'):
        raise CaptureError(
            f'The level {level!r} needs a marker, got none. Give one with --marker, such as '
            "'DICT_4X4_50:0.15'."
        )
    if not marker:
        return Distance.parse(distance) if distance else None
    meant = Marker.parse(marker)
    return squares_of(capture, meant, sightings(capture, meant))


def aligned(
    capture: Capture, photos: Photos, field: Field, known: Distance | Squares | None, level: str
) -> Frame:
    """The frame of a field: its scale from `known`, up from `level`.

    That is 'capture', 'cameras', 'floor', or, where `known` has markers, 'marker' for those that
    lie on the floor and 'marker-wall' for those that hang on a wall.

    Raises CaptureError as `scaled`, `leveled`, `laid` and `stood` do.
    """
    points = surface(field, photos) if level == 'floor' else None
    return framed(capture, known, level, field, points)


def framed(
    capture: Capture,
    known: Distance | Squares | None,
    level: str,
    field: Field | None = None,
    floor: Array | None = None,
) -> Frame:
    """As `aligned`; without a `field`, pixels and floors cannot be looked at.

    `floor` (n, 3) are points of the capture among which the floor is.
    """
    frame = Frame.identity() if level == 'capture' else upright(capture)
    if floor is not None:
        frame = leveled(frame, floor)
    if known is None:
        return frame
    if isinstance(known, Distance):
        return scaled(frame, capture, field, known)
    if level == 'marker':
        frame = laid(frame, known)
    elif level == 'marker-wall':
        frame = stood(frame, known)
    metric = f'marker {known.marker}, edges within {known.spread:.1%}'
    return _sized(frame, known.marker.meters / known.edge, metric)


def surface(field: Field, photos: Photos, num: int = 20_000) -> Array:
    """Points (n, 3) of the capture that photographs show, n up to `num`."""
    rng = np.random.default_rng(0)
    view = rng.integers(0, len(photos.origins), num)
    ways = photos.directions[view, rng.integers(0, photos.directions.shape[1], num)]
    origins = photos.origins[view]
    _, depth = field.look(origins, ways)
    seen = np.isfinite(depth)
    return (origins + depth[:, None] * ways)[seen].astype(np.float64)


def scaled(frame: Frame, capture: Capture, field: Field | None, known: Distance) -> Frame:
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
    metric = f'{known.first} to {known.second}: {known.meters} m'
    return _sized(frame, known.meters / length, metric)


def _sized(frame: Frame, scale: float, metric: str) -> Frame:
    """The frame with another scale [m] of a unit."""
    moved = frame.translation * (scale / frame.scale)
    return replace(frame, scale=scale, translation=moved, metric=metric)


def _point(capture: Capture, field: Field | None, text: str) -> Array:
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
    if not pixel or field is None:
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

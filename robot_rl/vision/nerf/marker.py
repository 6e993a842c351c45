"""Markers that lie in a place that was photographed: which are meant, and where they are seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
import importlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import CaptureError, MissingPackageError, UnknownNameError
from robot_rl.vision.nerf.capture import Capture
from robot_rl.vision.nerf.photos import grey

Array = NDArray[np.float64]
DICTIONARIES = (
    *(f'DICT_{bits}X{bits}_{count}' for bits in (4, 5, 6, 7) for count in (50, 100, 250, 1000)),
    'DICT_ARUCO_ORIGINAL',
    *(f'DICT_APRILTAG_{name}' for name in ('16h5', '25h9', '36h10', '36h11')),
)
"""Families of markers, as OpenCV calls them."""


@dataclass(frozen=True)
class Marker:
    """A square marker whose edge was measured, or several of one size."""

    dictionary: str
    meters: float
    """[m] edge of the black square."""
    number: int | None = None
    """Which one of the dictionary; None for all that are seen."""

    @classmethod
    def parse(cls, text: str) -> Marker:
        """Read 'DICTIONARY:METERS' or 'DICTIONARY:METERS:NUMBER'.

        Raises CaptureError for something else, UnknownNameError for another dictionary.
        """
        words = text.split(':')
        try:
            meters = float(words[1]) if len(words) in (2, 3) else 0.0
            number = int(words[2]) if len(words) == 3 else None
        except ValueError:
            meters, number = 0.0, None
        if not 0.0 < meters < 1e3 or (number is not None and number < 0):
            raise CaptureError(
                f"A marker reads like 'DICT_4X4_50:0.15', got {text!r}. Give its dictionary, the "
                "edge of its black square in meters and, behind another ':', its number."
            )
        if words[0] not in DICTIONARIES:
            raise UnknownNameError('dictionary of markers', words[0], DICTIONARIES)
        return cls(words[0], meters, number)

    def __str__(self) -> str:
        """What it is called."""
        which = '' if self.number is None else f' number {self.number}'
        return f'{self.dictionary}{which} of {self.meters:g} m'


class Sighting(NamedTuple):
    """A marker in a photograph."""

    number: int
    view: int
    """Place of the photograph in the capture."""
    corners: Array
    """(4, 2) [px] clockwise from the upper left one of the marker as it is printed."""


def sightings(capture: Capture, marker: Marker) -> list[Sighting]:
    """Find the markers in all photographs, at their full size.

    Raises MissingPackageError without OpenCV, CaptureError where none is seen.
    """
    found = list(_detect(capture, marker.dictionary))
    wanted = [one for one in found if marker.number in (None, one.number)]
    if not wanted:
        others = sorted({one.number for one in found})
        seen = f'markers {", ".join(map(str, others))} of it' if others else 'none of it'
        raise CaptureError(
            f'{capture.path}: no photograph shows the marker {marker}, {len(capture.views)} show '
            f'{seen}. Name the dictionary and the number that are printed, and take photographs '
            'in which it is sharp and at least 30 pixels wide, with its white border.'
        )
    return wanted


def _detect(capture: Capture, dictionary: str) -> Iterator[Sighting]:
    """All markers of a dictionary, with OpenCV's detector.

    Garrido-Jurado et al., "Automatic generation and detection of highly reliable fiducial markers
    under occlusion", Pattern Recognition 47 (2014).
    """
    try:
        cv2: Any = importlib.import_module('cv2')
    except ModuleNotFoundError as error:
        raise MissingPackageError('cv2') from error
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    family = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, dictionary))
    detector = cv2.aruco.ArucoDetector(family, parameters)
    for view, one in enumerate(capture.views):
        corners, numbers, _ = detector.detectMarkers(grey(one))
        if numbers is not None:
            for place, number in zip(corners, numbers.ravel(), strict=True):
                yield Sighting(int(number), view, place.reshape(4, 2).astype(np.float64))

"""Episodes as an MP4 that plays everywhere: H.264, 4:2:0, in real time, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
import math
from pathlib import Path
import tempfile
from typing import Any

import numpy as np

from robot_rl.errors import MissingPackageError, SpecError
from robot_rl.files import write_file
from robot_rl.pictures.caption import Caption
from robot_rl.pictures.episode import Episode
from robot_rl.pictures.scene import stage
from robot_rl.pictures.studio import Studio

WIDTH, HEIGHT, RATE = 1280, 720, 30
"""Of a film: pixels, and frames a second."""
ROW_HEIGHT = 480
"""[pixel] of a film that shows a few episodes in one row."""
HOLD_S = 1.0
"""[s] the last picture stays."""
INSET = 0.26
"""Of the width, for the view of the whole way."""
EDGE, GAP = (250, 251, 252), 2
"""Between episodes: colour and pixels."""


def film(
    episodes: Sequence[Episode],
    path: Path,
    *,
    width: int = 0,
    height: int = 0,
    rate: int = 0,
) -> int:
    """Write the episodes side by side as an MP4; return the number of frames.

    All start together; one that ends early waits for the others. Sizes are in pixels, `rate` in
    frames a second; 0 stands for the usual.

    Raises:
        MissingPackageError: PyAV is not installed.
        SpecError: There is nothing to show, or the size is odd.
        RunFolderError: The disk refuses.
    """
    width, rate = width or WIDTH, rate or RATE
    height = height or (ROW_HEIGHT if 1 < len(episodes) <= 3 else HEIGHT)
    if not episodes or width % 2 or height % 2:
        raise SpecError(
            f'A film needs episodes and an even size, got {len(episodes)} and {width}x{height}.'
        )
    count = frame_count(episodes, rate)
    times = np.arange(count) / rate
    write_file(path, encoded(_pictures(episodes, times, width, height), width, height, rate))
    return count


def frame_count(episodes: Sequence[Episode], rate: int) -> int:
    """Frames of the longest episode in real time, and of the last picture that stays."""
    return round((max(float(episode.time[-1]) for episode in episodes) + HOLD_S) * rate)


def encoded(pictures: Iterable[np.ndarray], width: int, height: int, rate: int) -> bytes:
    """H.264 in MP4 of (height, width, 3) uint8 pictures. Raises MissingPackageError."""
    try:
        import av
    except ImportError:
        raise MissingPackageError('av') from None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'film.mp4'
        # With the index in front a browser starts before it has the whole file.
        with av.open(path, 'w', options={'movflags': 'faststart'}) as file:
            stream: Any = file.add_stream('libx264', rate=rate, options={'crf': '20'})
            stream.width, stream.height, stream.pix_fmt = width, height, 'yuv420p'
            for picture in pictures:
                file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format='rgb24')))
            file.mux(stream.encode())
        return path.read_bytes()


def _pictures(
    episodes: Sequence[Episode], times: np.ndarray, width: int, height: int
) -> Iterator[np.ndarray]:
    """Each episode in a cell of a grid, for each time; the memory is used again."""
    columns = _columns(len(episodes))
    wide, high = width // columns, height // -(-len(episodes) // columns)
    gap = 0 if len(episodes) == 1 else GAP
    cells = [
        _Cell(episode, wide - gap, high - gap, alone=len(episodes) == 1) for episode in episodes
    ]
    sheet = np.empty((height, width, 3), np.uint8)
    sheet[:] = EDGE
    for time in times.tolist():
        for number, cell in enumerate(cells):
            row, column = divmod(number, columns)
            y, x = row * high, column * wide
            sheet[y : y + high - gap, x : x + wide - gap] = cell.draw(time)
        yield sheet


def _columns(count: int) -> int:
    """Of the grid: up to three in a row, then about as many rows as columns."""
    return count if count <= 3 else math.ceil(math.sqrt(count))


class _Cell:
    """One episode on its part of the picture."""

    def __init__(self, episode: Episode, width: int, height: int, *, alone: bool) -> None:
        self.width, self.height = width, height
        scene = stage(episode)
        self._studio = Studio(scene, width, height)
        self._caption = Caption(scene, width, height, detailed=alone)
        self._inset: Studio | None = None
        if alone and self._studio.travels:
            size = round(INSET * width)
            self._inset = Studio(scene, size, round(0.75 * size), overview=True)

    def draw(self, time: float) -> np.ndarray:
        image = self._studio.draw(time)
        if self._inset is not None:
            part = self._inset.draw(time)
            high, wide = part.shape[:2]
            gap = round(0.03 * self.height)
            image[-gap - high - 2 : -gap + 2, -gap - wide - 2 : -gap + 2] = EDGE
            image[-gap - high : -gap, -gap - wide : -gap] = part
        return self._caption.write(image, time)

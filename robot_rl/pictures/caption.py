"""What is written over a picture: who, when, how far from done, and how it ended."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from robot_rl.pictures.episode import Episode
from robot_rl.pictures.scene import Scene

INK, SOFT, BAD = (29, 35, 41, 255), (72, 82, 92, 255), (190, 42, 36, 255)
PANEL, CURVE, GOAL = (255, 255, 255, 190), (38, 103, 201, 255), (26, 158, 92, 255)


def quantity(value: float, unit: str) -> str:
    """A number with its unit, small lengths and angles in the smaller unit."""
    scaled = {'m': (100.0, 'cm'), 'rad': (57.29577951, '°')}.get(unit)
    if scaled is not None and (value < 1.0 or unit == 'rad'):
        factor, name = scaled
        return f'{factor * value:.1f} {name}'
    return f'{value:.2f} {unit}'


class Caption:
    """Writes over the pictures of one scene."""

    def __init__(self, scene: Scene, width: int, height: int, *, detailed: bool) -> None:
        """Sizes in pixels. With `detailed` also the task, the engine and the height."""
        self._episode, self._height_of = scene.episode, scene.robot[:, 2]
        self._detailed = detailed
        self._flies = scene.flies
        unit = max(height / 720.0, 0.55)
        self._margin = round(22 * unit)
        self._line = 33 * unit
        self._large, self._small = (ImageFont.load_default(round(n * unit)) for n in (26, 19))
        size = (round(min(330 * unit, 0.5 * width)), round(84 * unit))
        self._plot = _plot(scene.episode, *size)
        self._corner = (self._margin, height - self._margin - size[1])

    def write(self, image: np.ndarray, time: float) -> np.ndarray:
        """Return `image` (height, width, 3) uint8 with the caption of `time` [s]."""
        episode = self._episode
        picture = Image.fromarray(image)
        draw = ImageDraw.Draw(picture, 'RGBA')
        left, right = self._margin, image.shape[1] - self._margin
        name = episode.name[:1].upper() + episode.name[1:]
        draw.text((left, left), name, INK, self._large)
        if self._detailed:
            text = f'{episode.task.id}, {episode.engine} engine'
            draw.text((left, left + self._line), text, SOFT, self._small)
        index = int(np.searchsorted(episode.time, time).clip(0, len(episode.time) - 1))
        over = time > episode.time[-1] + 1e-6
        draw.text((right, left), f'{min(time, episode.time[-1]):.2f} s', INK, self._large, 'ra')
        below = left + self._line
        if over:
            colour = BAD if episode.failed else SOFT
            draw.text((right, below), episode.ended, colour, self._small, 'ra')
        elif self._detailed and self._flies:
            text = f'height {self._height_of[index]:.2f} m'
            draw.text((right, below), text, SOFT, self._small, 'ra')
        self._write_plot(picture, draw, index)
        return np.asarray(picture)

    def _write_plot(self, picture: Image.Image, draw: ImageDraw.ImageDraw, index: int) -> None:
        """The error over time, with the present one."""
        x, y = self._corner
        picture.paste(self._plot, (x, y), self._plot)
        share = index / max(1, len(self._episode.time) - 1)
        line = x + share * (self._plot.width - 1)
        draw.line([(line, y), (line, y + self._plot.height - 1)], INK, 1)
        text = f'error {quantity(self._episode.error[index], self._episode.task.error_unit)}'
        draw.text((x, y - 0.17 * self._line), text, INK, self._small, 'ld')


def _plot(episode: Episode, width: int, height: int) -> Image.Image:
    """Panel with the error, and the error that counts as success as a line."""
    twice = Image.new('RGBA', (2 * width, 2 * height), PANEL)
    draw = ImageDraw.Draw(twice)
    error = np.nan_to_num(episode.error, posinf=0.0)
    bound = episode.task.success_error
    top = 1.25 * max(float(np.percentile(error, 98.0)), 1.5 * bound, 1e-9)
    places = np.linspace(0, 2 * width - 1, len(error))
    heights = 2 * height - 1 - (2 * height - 1) * np.clip(error / top, 0.0, 1.0)
    limit = (2 * height - 1) * (1.0 - bound / top)
    for start in range(0, 2 * width, 16):
        draw.line([(start, limit), (start + 8, limit)], GOAL, 2)
    draw.line(list(zip(places.tolist(), heights.tolist(), strict=True)), CURVE, 4, 'curve')
    return twice.resize((width, height), Image.Resampling.LANCZOS)

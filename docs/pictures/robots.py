"""The strip of the README: `python docs/pictures/robots.py` writes robots.png beside this file.

Episodes of the policies in policies/, each at a moment that was chosen by eye; a policy that is
trained anew may need another one. Drawn with what draws the films of `robot_rl play`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from robot_rl.bench.play import play
from robot_rl.pictures.scene import stage
from robot_rl.pictures.studio import Studio

HERE = Path(__file__).parent
WIDTH, HEIGHT, GAP = 396, 376, 5  # [pixel] of one picture; between two


class Moment(NamedTuple):
    """What one picture shows."""

    policy: str
    seed: int
    episodes: int  # played together: they share one stream of random numbers
    episode: int  # the one that is shown, from 0
    time: float  # [s]
    zoom: float  # of the film's camera


MOMENTS = (
    Moment('track-crazyflie', 0, 4, 1, 3.2, 1.15),
    Moment('race-racecar', 0, 4, 2, 11.6, 1.2),
    Moment('reach-panda', 0, 4, 2, 0.5, 1.4),
    Moment('walk-go2', 3, 6, 3, 2.2, 2.0),
)


def picture(moment: Moment) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) uint8."""
    policy = HERE.parents[1] / 'policies' / f'{moment.policy}.onnx'
    episode = play(policy, episodes=moment.episodes, seed=moment.seed)[moment.episode]
    scene = stage(episode)
    if episode.task.robot.fixed_base:
        scene = replace(scene, trails=())  # the way of an arm's middle says nothing
    studio = Studio(scene, WIDTH, HEIGHT)
    studio.extent = studio.extent / moment.zoom
    return studio.draw(moment.time).copy()


def main() -> None:
    """Draw all of them side by side."""
    strip = np.full((HEIGHT, len(MOMENTS) * (WIDTH + GAP) - GAP, 3), 255, np.uint8)
    for number, moment in enumerate(MOMENTS):
        left = number * (WIDTH + GAP)
        strip[:, left : left + WIDTH] = picture(moment)
    Image.fromarray(strip).save(HERE / 'robots.png', optimize=True)


if __name__ == '__main__':
    main()

"""A picture of a learned room: the truth, what is drawn, its depth, and balls that stand in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from robot_rl.bench.room import FIELD, room
from robot_rl.spec.camera import Camera
from robot_rl.spec.rotation import quaternion_of
from robot_rl.spec.scene import Look, Scene, Shape
from robot_rl.vision.composite import Composite
from robot_rl.vision.nerf.render import NerfRenderer
from robot_rl.vision.nerf.scene import NerfScene
from robot_rl.vision.raycast import Raycast
from robot_rl.vision.scenes import Scenes

SIZE = 160, 120
"""[px] of each part."""
VIEWS = (((-1.9, -1.3, 1.5), (1.6, -0.1, 0.5)), ((2.4, -1.7, 1.4), (-0.6, 1.0, 0.4)))
"""[m] where cameras are, and what they look at."""
FURTHEST = 6.0
"""[m] that is drawn black in images of depth."""
_ORANGE = Look((0.95, 0.45, 0.1), (0.2, 0.2, 0.2), 'checker', 0.12)


def balls() -> Scene:
    """Balls on the floor: in the open, half behind the leg of the table, behind a block, below."""
    places = ((-0.6, -0.2, 0.15), (1.75, 0.1, 0.15), (1.35, 1.0, 0.15), (1.0, -0.4, 0.15))
    hovering = Shape('box', (0.3, 0.3, 0.06), (0.1, 0.6, 1.0), look=Look((0.1, 0.7, 0.75)))
    shapes = tuple(Shape('sphere', (0.15,), place, look=_ORANGE) for place in places)
    return Scene(shapes=(*shapes, hovering), sun=(0.0, 0.0, 0.0), ambient=(0.95, 0.95, 0.95))


def draw(scene: NerfScene, path: Path) -> None:
    """Write a PNG, a row for each of VIEWS: room, learned, depth, with balls, truth of that."""
    from PIL import Image

    camera = Camera.pinhole('picture', *SIZE, FIELD)
    place = np.array([view[0] for view in VIEWS])
    quat = quaternion_of(np.stack([_towards(*map(np.array, view)) for view in VIEWS]))
    rows, both = np.zeros(len(VIEWS), np.int64), room()
    caster, back = Raycast(camera, 4), NerfRenderer(camera, scene)
    full = Scene(
        shapes=(*both.shapes, *balls().shapes), sun=both.sun, ambient=both.ambient,
        lamps=both.lamps,
    )  # fmt: skip
    learned = back.render(place, quat)
    grey = np.clip(255.0 * (1.0 - learned.depth / FURTHEST), 0.0, 255.0).astype(np.uint8)
    parts = (
        caster.render(place, quat, Scenes([both]), rows).rgb,
        learned.rgb,
        np.repeat(grey[..., None], 3, axis=3),
        Composite(caster, back).render(place, quat, Scenes([balls()]), rows).rgb,
        caster.render(place, quat, Scenes([full]), rows).rgb,
    )
    image = np.concatenate([np.concatenate(list(part), axis=0) for part in parts], axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, optimize=True)


def _towards(eye: np.ndarray, aim: np.ndarray) -> np.ndarray:
    """Matrix (3, 3) of a camera at `eye` that looks at `aim`, optical frame to world."""
    forward = (aim - eye) / np.linalg.norm(aim - eye)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    return np.stack((right, np.cross(forward, right), forward), axis=1)

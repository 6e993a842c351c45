"""A furnished room, photographed: a capture whose depths are known, to measure fields with."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from robot_rl.errors import RunFolderError
from robot_rl.files import write_json
from robot_rl.spec.camera import Camera
from robot_rl.spec.rotation import matrix_of, quaternion_of
from robot_rl.spec.scene import Lamp, Look, Scene, Shape
from robot_rl.vision.raycast import Raycast
from robot_rl.vision.scenes import Scenes

LENGTH, WIDTH, HEIGHT = 6.0, 5.0, 2.6
"""[m] along x and y, whose middle is the origin, and up from the floor."""
FIELD = math.radians(80.0)
MARGIN = 0.4
"""[m] that cameras keep from everything."""
_FLIP = np.diag([1.0, -1.0, -1.0])


def _walls() -> list[Shape]:
    thick = 0.1
    wood = Look((0.55, 0.38, 0.24), (0.42, 0.28, 0.17), 'stripes', 0.4)
    paper = Look((0.84, 0.79, 0.66), (0.66, 0.55, 0.42), 'noise', 0.5)
    bricks = Look((0.62, 0.30, 0.23), (0.78, 0.75, 0.70), 'bricks', 0.5)
    tiles = Look((0.80, 0.86, 0.88), (0.45, 0.58, 0.66), 'checker', 0.6)
    plain = Look((0.9, 0.9, 0.88), (0.75, 0.76, 0.78), 'noise', 0.9)
    x, y, z = 0.5 * (LENGTH + thick), 0.5 * (WIDTH + thick), 0.5 * HEIGHT
    return [
        Shape('box', (LENGTH, WIDTH, thick), (0, 0, -0.5 * thick), look=wood),
        Shape('box', (LENGTH, WIDTH, thick), (0, 0, HEIGHT + 0.5 * thick), look=plain),
        Shape('box', (thick, WIDTH, HEIGHT), (x, 0, z), look=bricks),
        Shape('box', (thick, WIDTH, HEIGHT), (-x, 0, z), look=paper),
        Shape('box', (LENGTH, thick, HEIGHT), (0, y, z), look=paper),
        Shape('box', (LENGTH, thick, HEIGHT), (0, -y, z), look=tiles),
    ]


def _furniture() -> list[Shape]:
    dark = Look((0.35, 0.22, 0.14), (0.28, 0.17, 0.10), 'noise', 0.3)
    cloth = Look((0.20, 0.36, 0.55), (0.13, 0.25, 0.42), 'noise', 0.25)
    books = Look((0.70, 0.25, 0.20), (0.20, 0.45, 0.35), 'stripes', 0.24)
    white = Look((0.92, 0.91, 0.88), (0.80, 0.80, 0.80), 'noise', 0.4)
    rug = Look((0.60, 0.16, 0.18), (0.85, 0.72, 0.50), 'checker', 0.5)
    legs = [
        Shape('cylinder', (0.04, 0.7), (1.0 + a, -0.4 + b, 0.35), look=dark)
        for a in (-0.55, 0.55)
        for b in (-0.3, 0.3)
    ]
    return [
        Shape('box', (2.2, 1.6, 0.02), (0.0, 0.2, 0.01), look=rug),
        Shape('box', (1.3, 0.8, 0.06), (1.0, -0.4, 0.73), look=dark),
        *legs,
        Shape('box', (0.9, 2.0, 0.45), (-2.4, 0.4, 0.225), look=cloth),
        Shape('box', (0.25, 2.0, 0.9), (-2.85, 0.4, 0.45), look=cloth),
        Shape('box', (1.6, 0.35, 1.9), (0.6, 2.3, 0.95), look=books),
        Shape('box', (0.6, 0.6, 0.8), (2.5, 1.9, 0.4), look=white),
        Shape('sphere', (0.22,), (2.5, 1.9, 1.02), look=Look((0.9, 0.75, 0.2))),
        Shape('cylinder', (0.18, 1.3), (-2.4, -1.9, 0.65), look=white),
        Shape('sphere', (0.3,), (-2.4, -1.9, 1.5), look=Look((0.15, 0.45, 0.2))),
        Shape('box', (0.45, 0.45, 0.45), (0.9, 0.75, 0.225), look=books),
        Shape('sphere', (0.12,), (1.1, -0.45, 0.88), look=Look((0.85, 0.3, 0.1))),
    ]


def room() -> Scene:
    """The room, lit by two lamps."""
    return Scene(
        shapes=(*_walls(), *_furniture()),
        sun=(0.0, 0.0, 0.0),
        ambient=(0.55, 0.55, 0.55),
        lamps=(Lamp((-1.2, 0.3, 2.3)), Lamp((1.6, -0.4, 2.3))),
    )


def poses(num: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Places (num, 3) [m] in the free parts of the room and quaternions (num, 4) from there."""
    rng = np.random.default_rng(seed)
    low = np.array([-0.5 * LENGTH, -0.5 * WIDTH, 0.0]) + MARGIN
    high = np.array([0.5 * LENGTH, 0.5 * WIDTH, HEIGHT]) - MARGIN
    places = list[np.ndarray]()
    while len(places) < num:
        place = rng.uniform(low, high)
        if all(_clear(place, shape) for shape in _furniture()):
            places.append(place)
    yaw, pitch = rng.uniform(-np.pi, np.pi, num), rng.normal(0.15, 0.25, num)
    forward = np.stack(
        (np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), -np.sin(pitch)), -1
    )
    right = np.stack((np.sin(yaw), -np.cos(yaw), np.zeros(num)), -1)
    turn = np.stack((right, np.cross(forward, right), forward), -1)
    return np.array(places), quaternion_of(turn)


def _clear(place: np.ndarray, shape: Shape) -> bool:
    off = np.abs(place - shape.position) - shape.half
    return float(np.linalg.norm(np.maximum(off, 0.0))) > MARGIN


def write_capture(folder: Path, views: int, width: int, height: int, seed: int) -> None:
    """Photograph the room into a new `folder`: transforms.json, images/, and depth.npz.

    depth.npz has (views, height, width) float32 [m] along the axes of the cameras, by the middle
    of each pixel; images average 16 rays of each. Raises RunFolderError where
    `folder` is there already.
    """
    from PIL import Image

    if folder.exists():
        raise RunFolderError(f'{folder} exists. Nothing is overwritten: choose another name.')
    camera = Camera.pinhole('room', width, height, FIELD)
    places, quats = poses(views, seed)
    scenes, rows = Scenes([room()]), np.zeros(views, np.int64)
    colors = Raycast(camera, 4).render(places, quats, scenes, rows).rgb
    depth = Raycast(camera, 1).render(places, quats, scenes, rows).depth
    (folder / 'images').mkdir(parents=True)
    turns = matrix_of(quats) @ _FLIP
    frames = list[dict[str, object]]()
    for number, image in enumerate(colors):
        name = f'images/{number:04d}.png'
        Image.fromarray(image).save(folder / name)
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = turns[number], places[number]
        frames.append({'file_path': name, 'transform_matrix': matrix.tolist()})
    np.savez_compressed(folder / 'depth.npz', depth=depth)
    write_json(folder / 'transforms.json', {
        'w': width, 'h': height, 'fl_x': camera.fx, 'fl_y': camera.fy,
        'cx': 0.5 * width, 'cy': 0.5 * height, 'frames': frames,
        'scene_box': [
            [-0.5 * LENGTH - 0.1, -0.5 * WIDTH - 0.1, -0.1],
            [0.5 * LENGTH + 0.1, 0.5 * WIDTH + 0.1, HEIGHT + 0.1],
        ],
    })  # fmt: skip

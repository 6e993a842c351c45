"""Furnished rooms, photographed: captures whose depths are known, to measure fields with."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from robot_rl.errors import RunFolderError
from robot_rl.files import write_json
from robot_rl.spec.camera import Camera
from robot_rl.spec.rotation import matrix_of, quaternion_of
from robot_rl.spec.scene import Scene, Shape
from robot_rl.vision import rooms
from robot_rl.vision.raycast import Raycast
from robot_rl.vision.scenes import Scenes

FIELD = math.radians(80.0)
MARGIN = 0.4
"""[m] that cameras keep from everything."""
_FLIP = np.diag([1.0, -1.0, -1.0])


def room() -> Scene:
    """Room 0, lit by two lamps."""
    return rooms.room(0).scene


def poses(num: int, seed: int, number: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Places (num, 3) [m] in the free parts of a room and quaternions (num, 4) from there."""
    rng, (length, width, height) = np.random.default_rng(seed), rooms.room(number).size
    low = np.array([-0.5 * length, -0.5 * width, 0.0]) + MARGIN
    high = np.array([0.5 * length, 0.5 * width, height]) - MARGIN
    places = list[np.ndarray]()
    while len(places) < num:
        place = rng.uniform(low, high)
        if all(_clear(place, shape) for shape in rooms.room(number).furniture):
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


def write_capture(
    folder: Path, views: int, width: int, height: int, seed: int, number: int = 0
) -> None:
    """Photograph room `number` into a new `folder`: transforms.json, images/, and depth.npz.

    depth.npz has (views, height, width) float32 [m] along the axes of the cameras, by the middle
    of each pixel; images average 16 rays of each. Raises RunFolderError where
    `folder` is there already.
    """
    from PIL import Image

    if folder.exists():
        raise RunFolderError(f'{folder} exists. Nothing is overwritten: choose another name.')
    camera = Camera.pinhole('room', width, height, FIELD)
    places, quats = poses(views, seed, number)
    scenes, rows = Scenes([rooms.room(number).scene]), np.zeros(views, np.int64)
    colors = Raycast(camera, 4).render(places, quats, scenes, rows).rgb
    depth = Raycast(camera, 1).render(places, quats, scenes, rows).depth
    (folder / 'images').mkdir(parents=True)
    turns = matrix_of(quats) @ _FLIP
    frames, (wide, deep, high) = list[dict[str, object]](), rooms.room(number).size
    for index, image in enumerate(colors):
        name = f'images/{index:04d}.png'
        Image.fromarray(image).save(folder / name)
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = turns[index], places[index]
        frames.append({'file_path': name, 'transform_matrix': matrix.tolist()})
    np.savez_compressed(folder / 'depth.npz', depth=depth)
    write_json(folder / 'transforms.json', {
        'w': width, 'h': height, 'fl_x': camera.fx, 'fl_y': camera.fy,
        'cx': 0.5 * width, 'cy': 0.5 * height, 'frames': frames,
        'scene_box': [
            [-0.5 * wide - 0.1, -0.5 * deep - 0.1, -0.1],
            [0.5 * wide + 0.1, 0.5 * deep + 0.1, high + 0.1],
        ],
    })  # fmt: skip

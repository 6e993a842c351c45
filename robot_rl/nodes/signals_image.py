"""Images: what the robot's camera is declared to send, or a refusal.

Colours are turned to red, green, blue; a grey image has three equal ones. Other sizes are refused:
a driver can be told, and an image that is scaled on the way costs time and sharpness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from robot_rl.errors import MessageError
from robot_rl.nodes.messages import Values
from robot_rl.spec.camera import Camera
from robot_rl.spec.robot import Robot
from robot_rl.vision.optics import distort

ENCODINGS: dict[str, tuple[int, tuple[int, int, int]]] = {
    'rgb8': (3, (0, 1, 2)),
    'bgr8': (3, (2, 1, 0)),
    'rgba8': (4, (0, 1, 2)),
    'bgra8': (4, (2, 1, 0)),
    'mono8': (1, (0, 0, 0)),
}
"""Encoding to bytes a pixel and where among them red, green and blue are."""
LENS_TOLERANCE = 0.02
"""Part of the image's width by which a lens may show a corner elsewhere than the declared one."""


def decode_image(message: Any, robot: Robot, out: Mapping[str, Values]) -> None:
    """Pixels (height, width, 3), uint8, from sensor_msgs/Image."""
    size = (message.width, message.height)
    check_size(size, camera_of(robot))
    if message.encoding not in ENCODINGS:
        raise MessageError(
            f'An image is encoded as {message.encoding!r}, expected one of '
            f"{', '.join(ENCODINGS)}. Set the encoding of the camera's driver."
        )
    depth, order = ENCODINGS[message.encoding]
    step, used = message.step, size[0] * depth
    data = np.frombuffer(message.data, np.uint8)
    if step < used or len(data) != step * size[1]:
        raise MessageError(
            f'An image has {len(data)} bytes in rows of {step}, expected {size[1]} rows of at '
            f'least {used}. It was cut short on its way, or its driver is wrong.'
        )
    pixels = data.reshape(size[1], step)[:, :used].reshape(size[1], size[0], depth)
    for colour, place in enumerate(order):
        out['rgb'][..., colour] = pixels[..., place]


def check_size(size: tuple[int, int], camera: Camera) -> None:
    """Raise MessageError unless an image of `size`, width and height [px], is the camera's."""
    wanted = (camera.width, camera.height)
    if size != wanted:
        raise MessageError(
            f'An image has {size[0]} x {size[1]} pixels, expected {wanted[0]} x {wanted[1]}. Set '
            "the resolution of the camera's driver, or declare the camera as it is."
        )


def encode_image(message: Any, robot: Robot, signals: Mapping[str, Values]) -> None:
    """Inverse of `decode_image`."""
    camera, image = camera_of(robot), signals['rgb']
    message.header.frame_id = f'{camera.name}_optical_frame'
    message.height, message.width = camera.height, camera.width
    message.encoding, message.step = 'rgb8', 3 * camera.width
    message.data = np.ascontiguousarray(image, np.uint8).tobytes()


def decode_camera_info(message: Any, robot: Robot, out: Mapping[str, Values]) -> None:
    """fx, fy, cx, cy [px] from sensor_msgs/CameraInfo."""
    camera = camera_of(robot)
    size, wanted = (message.width, message.height), (camera.width, camera.height)
    fx, fy, cx, cy = (float(message.k[place]) for place in (0, 4, 2, 5))
    if size != wanted or not min(fx, fy) > 0.0:
        raise MessageError(
            f'A camera_info is of {size[0]} x {size[1]} pixels with fx {fx:g} and fy {fy:g}, '
            f'expected {wanted[0]} x {wanted[1]} and positive ones. Calibrate the camera at the '
            'resolution that it is used with.'
        )
    off = _corner(camera, tuple(message.d)) - _corner(camera, camera.distortion)
    if not np.hypot(*off) * fx <= LENS_TOLERANCE * camera.width:
        raise MessageError(
            f'A camera_info has the lens {tuple(message.d)}, which shows the corner of the image '
            f'{np.hypot(*off) * fx:.1f} pixels from where the declared {camera.distortion} does. '
            'Rectify the image (image_proc), or declare the lens and train with it.'
        )
    out['rgb_info'][:] = fx, fy, cx, cy


def encode_camera_info(message: Any, robot: Robot, signals: Mapping[str, Values]) -> None:
    """Inverse of `decode_camera_info`."""
    camera = camera_of(robot)
    fx, fy, cx, cy = (float(value) for value in signals['rgb_info'])
    message.header.frame_id = f'{camera.name}_optical_frame'
    message.height, message.width = camera.height, camera.width
    message.distortion_model, message.d = 'plumb_bob', [float(d) for d in camera.distortion]
    message.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]


def _corner(camera: Camera, lens: tuple[float, ...]) -> np.ndarray:
    """Where a lens lets the upper left corner of the declared image appear."""
    five = (*lens[:5], *(0.0,) * (5 - len(lens[:5])))
    ideal = np.array([-camera.cx / camera.fx, -camera.cy / camera.fy])
    k1, k2, p1, p2, k3 = (float(value) for value in five)
    return distort(replace(camera, distortion=(k1, k2, p1, p2, k3)), ideal)


def camera_of(robot: Robot) -> Camera:
    """The camera that the signal `rgb` is of. Raises MessageError where there is none."""
    if not robot.cameras:
        raise MessageError(
            f'Robot {robot.name!r} declares no camera: an image means nothing to it. Add a camera '
            'to the robot, or remove the topic.'
        )
    return robot.cameras[0]

"""Images and what a camera says of itself: there and back, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from robot_rl.errors import MessageError
from robot_rl.nodes.messages import message_type
from robot_rl.nodes.signals import DECODERS, ENCODERS
from robot_rl.spec import registry

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('ros')]

IMAGE, INFO = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CameraInfo'
ROBOT = registry.robot('crazyflie')
CAMERA = ROBOT.cameras[0]
SHAPE = (CAMERA.height, CAMERA.width, 3)
PIXELS = np.random.default_rng(0).integers(0, 256, SHAPE).astype(np.uint8)


def image(sent: str = 'rgb8', **changes: Any) -> Any:
    message = message_type(IMAGE)()
    ENCODERS[IMAGE](message, ROBOT, {'rgb': PIXELS})
    if sent != 'rgb8':
        kinds = {
            'bgr8': PIXELS[..., ::-1],
            'rgba8': np.dstack((PIXELS, PIXELS[..., :1])),
            'bgra8': np.dstack((PIXELS[..., ::-1], PIXELS[..., :1])),
            'mono8': PIXELS[..., :1],
        }
        pixels = np.ascontiguousarray(kinds[sent])
        message.encoding, message.step = sent, pixels.shape[2] * CAMERA.width
        message.data = pixels.tobytes()
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def read(message: Any) -> Any:
    out = {'rgb': np.zeros(SHAPE, np.uint8)}
    DECODERS[IMAGE].read(message, ROBOT, out)
    return out['rgb']


@pytest.mark.parametrize('encoding', ['rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8'])
def test_colours_arrive_as_they_were_sent(encoding):
    got = read(image(encoding))
    wanted = np.repeat(PIXELS[..., :1], 3, 2) if encoding == 'mono8' else PIXELS
    assert np.array_equal(got, wanted)


def test_rows_may_be_padded():
    padded = np.zeros((CAMERA.height, 3 * CAMERA.width + 5), np.uint8)
    padded[:, :-5] = PIXELS.reshape(CAMERA.height, -1)
    assert np.array_equal(read(image(step=padded.shape[1], data=padded.tobytes())), PIXELS)


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'width': CAMERA.width + 1}, 'pixels, expected'),
        ({'encoding': '16UC1'}, "encoded as '16UC1'"),
        ({'data': PIXELS.tobytes()[:-1]}, 'cut short'),
        ({'step': 7}, 'rows of 7'),
    ],
)
def test_another_image_is_refused(changes, said):
    with pytest.raises(MessageError, match=said):
        read(image(**changes))


def info(**changes: Any) -> Any:
    message = message_type(INFO)()
    own = np.array([CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy])
    ENCODERS[INFO](message, ROBOT, {'rgb_info': own})
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def test_intrinsics_round_trip_and_others_are_taken():
    out = {'rgb_info': np.zeros(4)}
    DECODERS[INFO].read(info(), ROBOT, out)
    assert out['rgb_info'].tolist() == [CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy]
    other = info()
    other.k[0] = 99.0
    DECODERS[INFO].read(other, ROBOT, out)
    assert out['rgb_info'][0] == 99.0


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'height': 7}, 'Calibrate the camera'),
        ({'k': np.zeros(9)}, 'positive ones'),
        ({'d': [-0.3, 0.1, 0.0, 0.0, 0.0]}, 'Rectify the image'),
    ],
)
def test_another_camera_is_refused(changes, said):
    with pytest.raises(MessageError, match=said):
        DECODERS[INFO].read(info(**changes), ROBOT, {'rgb_info': np.zeros(4)})

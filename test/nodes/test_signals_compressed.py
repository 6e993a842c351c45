"""Compressed images: what an uncompressed one brings, or refused at the same door."""

from __future__ import annotations

import io
import sys
from typing import Any
import zlib

import numpy as np
import pytest

pytest.importorskip('PIL')

from PIL import Image

from robot_rl.deploy.watchdog import Inputs
from robot_rl.errors import MessageError, MissingPackageError
from robot_rl.nodes.messages import message_type
from robot_rl.nodes.signals import COMPRESSED, DECODERS, ENCODERS, decoder, encoder
from robot_rl.spec import registry

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('ros')]

ROBOT = registry.robot('crazyflie')
CAMERA = ROBOT.cameras[0]
SHAPE = (CAMERA.height, CAMERA.width, 3)
RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, SHAPE).astype(np.uint8)
SMOOTH = np.asarray(Image.fromarray(NOISE).resize((4, 3)).resize((CAMERA.width, CAMERA.height)))


def file(pixels: Any, codec: str = 'PNG', **options: Any) -> bytes:
    kept = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(kept, codec, **options)
    return kept.getvalue()


def read(data: bytes, said: str = 'rgb8; png compressed bgr8') -> Any:
    message = message_type(COMPRESSED)()
    message.format, message.data = said, data
    out = {'rgb': np.zeros(SHAPE, np.uint8)}
    DECODERS[COMPRESSED].read(message, ROBOT, out)
    return out['rgb']


@pytest.mark.parametrize('said', ['bgr8; png compressed bgr8', 'png', ''])
def test_a_png_arrives_as_it_was(said):
    assert np.array_equal(read(file(NOISE), said), NOISE)


def test_alpha_is_dropped_grey_is_made_three_and_swapped_colours_are_swapped_back():
    clear = np.dstack((NOISE, NOISE[..., 0]))
    assert np.array_equal(read(file(clear)), NOISE)
    grey = np.repeat(NOISE[..., :1], 3, 2)
    assert np.array_equal(read(file(NOISE[..., 0]), 'mono8; png compressed '), grey)
    assert np.array_equal(read(file(NOISE), 'rgb8; png compressed rgb8'), NOISE[..., ::-1])


def test_a_simulated_camera_sends_a_jpeg_that_comes_back():
    message = message_type(COMPRESSED)()
    encoder(COMPRESSED)(message, ROBOT, {'rgb': SMOOTH})
    assert len(message.data) < SMOOTH.size / 8
    got = read(message.data, message.format)
    assert np.abs(got.astype(int) - SMOOTH).max() < 24
    assert np.abs(got.mean((0, 1)) - SMOOTH.mean((0, 1))).max() < 1.0
    assert np.array_equal(read(message.data, 'jpeg'), got)  # as a camera's own driver says it


@pytest.mark.parametrize(
    ('data', 'format_', 'said'),
    [
        (file(NOISE[:-1]), 'png', '160 x 119 pixels, expected 160 x 120'),
        (file(NOISE, 'TIFF'), 'rgb8; tiff compressed bgr8', 'expected jpeg or png'),
        (file(NOISE), '16UC1; compressedDepth png', "format '16UC1; compressedDepth"),
        (file(NOISE), 'h264', 'expected jpeg or png'),
        (file(NOISE[..., 0].astype(np.uint16)), 'png', "the kind 'I;16'"),
        (
            file(Image.new('CMYK', (CAMERA.width, CAMERA.height)), 'JPEG'),
            'jpeg',
            "the kind 'CMYK'",
        ),
        (file(NOISE, 'BMP'), '', 'cannot be decoded'),
        (b'', 'jpeg', 'of 0 bytes cannot be decoded'),
        (file(NOISE)[:-2000], 'png', 'cannot be decoded'),
        (file(NOISE, 'JPEG')[:2000], 'jpeg', 'cannot be decoded'),
        (file(NOISE, 'JPEG')[:40], 'jpeg', 'cannot be decoded'),
    ],
)
def test_another_image_is_refused(data, format_, said):
    with pytest.raises(MessageError, match=said):
        read(data, format_)


@pytest.mark.filterwarnings('error')
def test_damaged_bytes_are_an_image_or_refused_but_never_a_crash():
    refused = 0
    for codec in ('PNG', 'JPEG'):
        whole = np.frombuffer(file(SMOOTH, codec), np.uint8)
        for _ in range(150):
            spoiled = whole.copy()
            spoiled[RNG.integers(0, len(whole), 4)] = RNG.integers(0, 256, 4)
            try:
                assert read(spoiled.tobytes(), '').shape == SHAPE
            except MessageError:
                refused += 1
    assert refused > 100


def test_a_bomb_is_refused_before_it_is_decoded():
    bomb = bytearray(file(NOISE))
    bomb[16:24] = (30000).to_bytes(4, 'big') * 2  # width and height of a PNG
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, 'big')
    with pytest.raises(MessageError, match=r'cannot be decoded .*bomb'):
        read(bytes(bomb))


@pytest.mark.parametrize('codec', ['PNG', 'JPEG'])
def test_black_and_frozen_images_are_refused_at_the_same_door(codec):
    inputs = Inputs(ROBOT, [ROBOT.signal('rgb')])
    first, black = file(SMOOTH, codec), file(np.full(SHAPE, 3, np.uint8), codec)
    assert inputs.feed('rgb', read(first, ''), 1.0, engaged=False)
    assert inputs.check(1.0) is None
    assert not inputs.feed('rgb', read(black, ''), 1.04, engaged=True)
    assert 'is black' in inputs.sources['rgb'].refusal
    assert not inputs.feed('rgb', read(first, ''), 1.08, engaged=True)
    assert 'is frozen' in inputs.sources['rgb'].refusal
    assert inputs.feed('rgb', read(file(NOISE, codec), ''), 1.12, engaged=True)


def test_without_pillow_it_is_refused_when_the_topic_is_opened(monkeypatch):
    for name in ('PIL', 'PIL.JpegImagePlugin', 'PIL.PngImagePlugin'):
        monkeypatch.setitem(sys.modules, name, None)
    for open_ in (decoder, encoder):
        with pytest.raises(MissingPackageError, match=r'pictures needs .*robot_rl.video'):
            open_(COMPRESSED)
    assert ENCODERS.keys() >= {COMPRESSED}

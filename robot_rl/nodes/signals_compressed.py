"""Compressed images: JPEG or PNG, decoded to what an uncompressed one would have brought.

The field `format` is that of image_transport's compressed_image_transport (the comments of
sensor_msgs/CompressedImage): 'ORIGINAL; CODEC compressed PIXELS'. Cameras that compress by
themselves say 'jpeg'; what says nothing is taken for JPEG or PNG by its first bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
import importlib
import io
import struct
from typing import Any
import zlib

import numpy as np

from robot_rl.errors import MessageError, MissingPackageError
from robot_rl.nodes.messages import Values
from robot_rl.nodes.signals_image import camera_of, check_size
from robot_rl.spec.robot import Robot

CODECS = ('JPEG', 'PNG')
QUALITY = 95
"""Of the JPEG that a simulated camera sends; compressed_image_transport has the same."""
MODES = ('RGB', 'RGBA', 'L')
"""Kinds of pixels, in Pillow's words, that can be shown to a policy."""
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)
"""What Pillow raises for bytes that are no image, or half of one."""


def check_codec() -> None:
    """Raise MissingPackageError where Pillow is not installed; load what it needs before."""
    try:
        for codec in CODECS:
            importlib.import_module(f'PIL.{codec.title()}ImagePlugin')
    except ModuleNotFoundError as error:
        raise MissingPackageError('PIL') from error


def decode_compressed_image(message: Any, robot: Robot, out: Mapping[str, Values]) -> None:
    """Pixels (height, width, 3), uint8, from sensor_msgs/CompressedImage."""
    from PIL import Image, UnidentifiedImageError

    codec, _, sent = message.format.rpartition(';')[2].strip().lower().partition(' ')
    if codec not in ('', 'jpeg', 'jpg', 'png'):
        raise MessageError(
            f'A compressed image has the format {message.format!r}, expected jpeg or png. Set the '
            "format of the camera's driver or of its image_transport."
        )
    data = bytes(message.data)
    try:
        with Image.open(io.BytesIO(data), formats=CODECS) as image:
            check_size(image.size, camera_of(robot))  # before anything of it is decoded
            if image.mode not in MODES:
                raise MessageError(
                    f'A compressed image has pixels of the kind {image.mode!r}, expected eight '
                    "bits a colour, grey or RGB. Set the encoding of the camera's driver."
                )
            pixels = np.asarray(image.convert('RGB'))
    except (*_DAMAGED, Image.DecompressionBombError) as error:
        reason = 'it is neither' if isinstance(error, UnidentifiedImageError) else error
        raise MessageError(
            f'A compressed image of {len(data)} bytes cannot be decoded ({reason}), expected a '
            'whole JPEG or PNG. It was cut short on its way, or its driver is wrong.'
        ) from error
    # compressed_image_transport hands red, green, blue to a codec that expects the reverse.
    out['rgb'][:] = pixels[..., ::-1] if sent.startswith('compressed rgb') else pixels


def encode_compressed_image(message: Any, robot: Robot, signals: Mapping[str, Values]) -> None:
    """A JPEG of the image, as a camera that compresses sends it."""
    from PIL import Image

    camera, file = camera_of(robot), io.BytesIO()
    pixels = np.ascontiguousarray(signals['rgb'], np.uint8)
    Image.fromarray(pixels).save(file, 'JPEG', quality=QUALITY)
    message.header.frame_id = f'{camera.name}_optical_frame'
    message.format, message.data = 'rgb8; jpeg compressed bgr8', file.getvalue()

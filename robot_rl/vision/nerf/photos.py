"""Photographs of a capture as numbers: smaller, with the ray of each pixel, and how sharp."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
import warnings

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import CaptureError, SpecError
from robot_rl.spec.camera import Camera
from robot_rl.vision.optics import rays

if TYPE_CHECKING:
    from PIL import Image

    from robot_rl.vision.nerf.capture import Capture
    from robot_rl.vision.nerf.view import View

Array = NDArray[Any]
BLURRED = 0.25
"""A photograph whose sharpness is below this share of the median is warned of."""


class Photos(NamedTuple):
    """Photographs of one size, pixel by pixel; n views, p pixels each."""

    colors: Array
    """(n, p, 3) from 0 to 1."""
    origins: Array
    """(n, 3) places of the cameras, units of the capture."""
    directions: Array
    """(n, p, 3) unit vectors, frame of the capture, through the lens: photographs stay as they
    are, their rays are bent instead."""
    shape: tuple[int, int]
    """Height and width [px]."""
    sharpness: Array
    """(n,) variance of the Laplacian of the brightness."""


def size_of(path: Path) -> tuple[int, int]:
    """Width and height [px] of an image file. Raises CaptureError for one that is none."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.size
    except OSError as error:  # UnidentifiedImageError too
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> CaptureError:
    return CaptureError(
        f'Cannot read the photograph {path}: {error}. Copy it anew, or remove its frame.'
    )


def load(capture: Capture, factor: int = 1) -> Photos:
    """Read all photographs, averaging `factor` x `factor` pixels into one.

    Warns of blurred ones. Raises CaptureError for a file that is no image or of another size than
    the capture says.
    """
    if factor < 1:
        raise CaptureError(f'Photographs get smaller by 1 at least, got --scale {factor}.')
    colors, directions, known = list[Array](), list[Array](), dict[Camera, Array]()
    for view in capture.views:
        camera = smaller(view.camera, factor)
        colors.append(_pixels(view, camera, factor))
        key = replace(camera, name='')
        if key not in known:
            try:
                known[key] = _directions(camera)
            except SpecError as error:
                raise CaptureError(f'{capture.path}: {error}') from error
        directions.append((known[key] @ view.rotation.T).astype(np.float32))
    shape = (camera.height, camera.width)
    if len({len(pixels) for pixels in colors}) > 1:
        raise CaptureError(
            f'{capture.path}: photographs must have one size, got '
            f'{sorted({(v.camera.width, v.camera.height) for v in capture.views})}. Convert them.'
        )
    sharp = np.array([sharpness(pixels.reshape(*shape, 3)) for pixels in colors], np.float32)
    _warn(capture, sharp)
    origins = np.array([view.position for view in capture.views], np.float32)
    return Photos(np.stack(colors), origins, np.stack(directions), shape, sharp)


def smaller(camera: Camera, factor: int) -> Camera:
    """The camera whose pixels are `factor` x `factor` of this one's; what is left over is cut."""
    return replace(
        camera,
        width=max(camera.width // factor, 1),
        height=max(camera.height // factor, 1),
        fx=camera.fx / factor,
        fy=camera.fy / factor,
        cx=(camera.cx + 0.5) / factor - 0.5,
        cy=(camera.cy + 0.5) / factor - 0.5,
    )


def sharpness(image: Array) -> float:
    """Variance of the Laplacian of the brightness of (h, w, 3), which blur takes away."""
    grey = image.mean(axis=2)
    middle = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4.0 * middle).var())


def _directions(camera: Camera) -> NDArray[np.float64]:
    """Unit vectors (p, 3) in the optical frame."""
    grid = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    flat = rays(camera, np.stack(grid, -1).reshape(-1, 2).astype(np.float64))
    full = np.column_stack((flat, np.ones(len(flat))))
    return full / np.linalg.norm(full, axis=1, keepdims=True)


def grey(view: View) -> NDArray[np.uint8]:
    """Brightness (height, width) of a photograph at its full size. Raises CaptureError."""
    return np.asarray(_image(view).convert('L'))


def _pixels(view: View, camera: Camera, factor: int) -> Array:
    """Colors (p, 3)."""
    pixels = np.asarray(_image(view).reduce(factor), np.float32)
    return (pixels[: camera.height, : camera.width] / np.float32(255.0)).reshape(-1, 3)


def _image(view: View) -> Image.Image:
    """Colors at full size. What can be seen through is laid over white, as instant-ngp does."""
    from PIL import Image

    wanted = (view.camera.width, view.camera.height)
    try:
        with Image.open(view.path) as file:
            if file.size != wanted:
                raise CaptureError(
                    f'{view.path} has {file.size[0]} x {file.size[1]} pixels, the capture says '
                    f'{wanted[0]} x {wanted[1]}. Give the photographs that the poses were found '
                    'with.'
                )
            image = file.convert('RGBA' if 'A' in file.getbands() else 'RGB')
    except OSError as error:
        raise _unreadable(view.path, error) from error
    if image.mode == 'RGBA':
        image = Image.alpha_composite(Image.new('RGBA', wanted, 'white'), image).convert('RGB')
    return image


def _warn(capture: Capture, sharp: Array) -> None:
    blurred = np.flatnonzero(sharp < BLURRED * np.median(sharp))
    if len(blurred):
        names = ', '.join(capture.views[i].name for i in blurred[:5])
        warnings.warn(
            f'{capture.path}: {len(blurred)} photographs are blurred or show nothing, among '
            f'them {names}: the variance of their Laplacian is below {BLURRED} of the median. '
            'Leave out blurred ones if the scene comes out soft.',
            stacklevel=3,
        )

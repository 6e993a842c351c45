"""Captures that nothing can be learned from are refused, each with what to do."""

from __future__ import annotations

from collections.abc import Callable
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip('PIL')

from PIL import Image

from robot_rl.errors import CaptureError
from robot_rl.vision.nerf.capture import read_capture
from robot_rl.vision.nerf.photos import load
from robot_rl.vision.nerf.space import space_of

NUM = 12
Data = dict[str, Any]


def write(folder: Path) -> Data:
    """Twelve photographs of noise from a row of places, looking along x."""
    rng = np.random.default_rng(0)
    frames = list[Data]()
    turn = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    for number in range(NUM):
        name = f'{number:02d}.png'
        Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).save(folder / name)
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = turn, (0.1 * number, 0.2 * (number % 3), 1.0)
        frames.append({'file_path': name, 'transform_matrix': matrix.tolist()})
    data: Data = {'fl_x': 14.0, 'k1': -0.05, 'w': 16, 'h': 12, 'frames': frames}
    (folder / 'transforms.json').write_text(json.dumps(data))
    return data


def no_frames(data: Data, _folder: Path) -> None:
    data['frames'] = []


def no_poses(data: Data, _folder: Path) -> None:
    del data['frames'][3]['transform_matrix']


def not_finite(data: Data, _folder: Path) -> None:
    data['frames'][3]['transform_matrix'][0][3] = float('nan')


def mirrored(data: Data, _folder: Path) -> None:
    for row in data['frames'][3]['transform_matrix'][:3]:
        row[1] = -row[1]


def stretched(data: Data, _folder: Path) -> None:
    for row in data['frames'][3]['transform_matrix'][:3]:
        row[1] *= 100.0


def one_view(data: Data, _folder: Path) -> None:
    del data['frames'][1:]


def one_place(data: Data, _folder: Path) -> None:
    for frame in data['frames']:
        frame['transform_matrix'] = data['frames'][0]['transform_matrix']


def most_missing(_data: Data, folder: Path) -> None:
    for number in range(8):
        (folder / f'{number:02d}.png').unlink()


def no_focal_length(data: Data, _folder: Path) -> None:
    del data['fl_x']


def fisheye(data: Data, _folder: Path) -> None:
    data['camera_model'] = 'OPENCV_FISHEYE'


def other_size(_data: Data, folder: Path) -> None:
    Image.new('RGB', (10, 12)).save(folder / '05.png')


def no_image(_data: Data, folder: Path) -> None:
    (folder / '05.png').write_bytes(b'not an image')


def cut_image(_data: Data, folder: Path) -> None:
    path = folder / '05.png'
    path.write_bytes(path.read_bytes()[:300])


def outside(data: Data, _folder: Path) -> None:
    data['scene_box'] = [[0, 0, 0], [0.55, 1, 2]]


def folded(data: Data, _folder: Path) -> None:
    data['k1'] = -3.0


@pytest.mark.parametrize(
    ('spoil', 'said'),
    [
        (no_frames, 'got none'),
        (no_poses, '03.png needs a .transform_matrix'),
        (not_finite, 'finite numbers'),
        (mirrored, 'mirrored .determinant -1, expected 1'),
        (stretched, 'got lengths .1.0, 100.0, 1.0'),
        (one_view, '1 photographs, all from one place'),
        (one_place, '12 photographs, all from one place'),
        (most_missing, '8 are missing, the first .00.png'),
        (no_focal_length, 'finite number fl_x or camera_angle_x'),
        (fisheye, 'OPENCV_FISHEYE'),
        (other_size, '10 x 12 pixels, the capture says 16 x 12'),
        (no_image, 'Cannot read the photograph'),
        (cut_image, 'Cannot read the photograph'),
        (outside, '6 cameras lie outside'),
        (folded, 'folds the image over'),
    ],
)
@pytest.mark.filterwarnings('ignore:.*photographs')
def test_what_cannot_be_learned_from_is_refused(
    spoil: Callable[[Data, Path], None], said: str, tmp_path: Path
) -> None:
    data = write(tmp_path)
    spoil(data, tmp_path)
    (tmp_path / 'transforms.json').write_text(json.dumps(data))
    with pytest.raises(CaptureError, match=said):
        _read(tmp_path)


def _read(folder: Path) -> None:
    capture = read_capture(folder)
    load(capture)
    space_of(capture)


def test_no_file_and_no_json_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match='No such file'):
        read_capture(tmp_path)
    (tmp_path / 'transforms.json').write_text('{')
    with pytest.raises(CaptureError, match='Cannot read the capture'):
        read_capture(tmp_path)


def test_some_missing_and_blurred_photographs_are_warned_of(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / '04.png').unlink()
    with pytest.warns(UserWarning, match='1 are missing'):
        capture = read_capture(tmp_path)
    assert len(capture.views) == NUM - 1
    with Image.open(tmp_path / '07.png') as image:
        soft = image.resize((4, 3)).resize((16, 12))
    soft.save(tmp_path / '07.png')
    with pytest.warns(
        UserWarning, match='1 photographs are blurred or show nothing, among them 07.png'
    ):
        load(capture)


def test_rays_are_bent_as_the_lens_bends_them(tmp_path: Path) -> None:
    write(tmp_path)
    capture = read_capture(tmp_path)
    photos = load(capture, 2)
    assert photos.shape == (6, 8)
    ways = (photos.directions[0] @ capture.views[0].rotation).reshape(6, 8, 3)
    x, y = ways[..., 0] / ways[..., 2], ways[..., 1] / ways[..., 2]
    radial = 1.0 - 0.05 * (x * x + y * y)
    columns = np.broadcast_to(2.0 * np.arange(8) + 1.0 - 8.0, (6, 8))
    assert x * radial * 14.0 == pytest.approx(columns, abs=1e-3)
    corner = photos.directions[0].reshape(6, 8, 3)[0, 0]
    assert corner[0] > 0.7  # it looks along x
    assert corner[1] > 0.0  # whose left is y
    assert corner[2] > 0.0  # and the upper edge is up

"""Markers in a capture: meters and which way is up, or why not."""

from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path
import sys

import numpy as np
import pytest

pytest.importorskip('PIL')

from PIL import Image

from robot_rl.errors import CaptureError, MissingPackageError, UnknownNameError
from robot_rl.spec.camera import Camera
from robot_rl.spec.scene import Look, Scene, Shape
from robot_rl.vision.nerf import align
from robot_rl.vision.nerf.capture import Capture, read_capture
from robot_rl.vision.nerf.frame import Frame
from robot_rl.vision.nerf.marker import Marker, Sighting
from robot_rl.vision.nerf.squares import Squares, squares_of
from robot_rl.vision.nerf.view import View
from robot_rl.vision.optics import project

LENS = (-0.12, 0.03, 0.001, -0.002, 0.0)
CAMERA = replace(Camera.pinhole('c', 320, 240, 1.1), distortion=LENS)
EDGE, UNIT = 0.2, 0.4  # [m] of the marker, [m] that a unit of the capture is
MARKER = Marker('DICT_4X4_50', EDGE)
SQUARE = 0.5 * EDGE * np.array([[-1.0, 1, 0], [1, 1, 0], [1, -1, 0], [-1, -1, 0]])
# The capture has axes of its own: its z leans by 0.5 rad.
COS, SIN = np.cos(0.5), np.sin(0.5)
TURN = np.array([[1.0, 0.0, 0.0], [0.0, COS, -SIN], [0.0, SIN, COS]])
SHIFT = np.array([0.3, -1.0, 2.0])
WALL = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""From a marker to a wall that looks along -y."""


def looking(place: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Rotation (3, 3) from an optical frame to the world, held level."""
    forward = (at - place) / np.linalg.norm(at - place)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    return np.stack((right, np.cross(forward, right), forward), 1)


def places(num: int) -> np.ndarray:
    """(num, 3) [m] on an arc in front of and above the world's origin."""
    angle = np.linspace(-0.9, 0.9, num) - 0.5 * np.pi
    return 0.9 * np.stack((np.cos(angle), np.sin(angle), np.full(num, 0.8)), 1)


def capture_of(spots: np.ndarray) -> Capture:
    """What cameras at `spots` [m] that look at the world's origin are in the capture."""
    views = [
        View(
            f'{row}.png', Path(f'{row}.png'), CAMERA, TURN @ spot / UNIT + SHIFT,
            TURN @ looking(spot, np.zeros(3)),
        )
        for row, spot in enumerate(spots)
    ]  # fmt: skip
    return Capture(Path('transforms.json'), tuple(views), (), None)


def seen(capture: Capture, number: int, corners: np.ndarray, error: float = 0.2) -> list[Sighting]:
    """Where corners (4, 3) [m] appear, wrong by `error` [px] (standard deviation)."""
    rng = np.random.default_rng(number)
    points = corners @ TURN.T / UNIT + SHIFT
    return [
        Sighting(
            number, row, project(view.camera, (points - view.position) @ view.rotation)
            + error * rng.standard_normal((4, 2)),
        )
        for row, view in enumerate(capture.views)
    ]  # fmt: skip


def measured(corners: list[np.ndarray], num: int = 9, error: float = 0.2) -> Squares:
    capture = capture_of(places(num))
    found = [one for n, each in enumerate(corners) for one in seen(capture, n, each, error)]
    return squares_of(capture, MARKER, found)


def frame_of(squares: Squares, level: str) -> Frame:
    return align.aligned(capture_of(places(9)), None, None, squares, level)  # type: ignore[arg-type]


def test_one_on_the_floor_makes_meters_and_a_level_ground() -> None:
    frame = frame_of(measured([SQUARE]), 'marker')
    assert frame.scale == pytest.approx(UNIT, rel=0.01)
    assert frame.rotation @ TURN @ (0, 0, 1) == pytest.approx((0, 0, 1), abs=0.02)
    points = np.array([[1.0, 0.5, 0.0], [-1.0, 0.0, 0.7]])
    heights = frame.to_world(points @ TURN.T / UNIT + SHIFT)[:, 2]
    assert heights == pytest.approx(points[:, 2], abs=0.03)
    assert 'DICT_4X4_50 of 0.2 m, edges within' in str(frame)


def test_one_on_a_wall_says_which_way_is_up() -> None:
    frame = frame_of(measured([SQUARE @ WALL.T]), 'marker-wall')
    assert frame.rotation @ TURN @ (0, 0, 1) == pytest.approx((0, 0, 1), abs=0.02)
    with pytest.raises(CaptureError, match=r'angles .deg. are 0: 12\d'):
        frame_of(measured([SQUARE @ WALL.T]), 'marker')
    capture = capture_of(places(9))
    tilted = align.aligned(capture, None, None, measured([SQUARE]), 'capture')  # type: ignore[arg-type]
    assert np.array_equal(tilted.rotation, np.eye(3))
    assert tilted.scale == pytest.approx(UNIT, rel=0.01)


def test_several_of_a_board_are_one_plane() -> None:
    board = [SQUARE + (x, y, 0.0) for x in (-0.2, 0.2) for y in (-0.2, 0.2)]
    squares = measured(board, error=0.4)
    frame = frame_of(squares, 'marker')
    assert frame.rotation @ TURN @ (0, 0, 1) == pytest.approx((0, 0, 1), abs=0.01)
    assert min(one.used for one in squares.each) >= 8


def test_a_photograph_that_is_wrong_is_left_out() -> None:
    capture = capture_of(places(9))
    found = seen(capture, 0, SQUARE, 0.1)
    found[2] = found[2]._replace(corners=found[2].corners + 12.0)
    found[5] = found[5]._replace(corners=np.roll(found[5].corners, 1, axis=0))
    squares = squares_of(capture, MARKER, found)
    assert (squares.each[0].used, squares.each[0].seen) == (7, 9)
    assert squares.edge == pytest.approx(EDGE / UNIT, rel=0.005)


def test_what_says_too_little_is_refused() -> None:
    capture = capture_of(places(3))
    with pytest.raises(CaptureError, match=r"in one photograph only, '1\.png'"):
        squares_of(capture, MARKER, seen(capture, 0, SQUARE)[1:2])
    near = capture_of(places(9)[:1] + 0.01 * np.arange(3)[:, None])
    with pytest.raises(CaptureError, match='at least 3 degrees apart'):
        squares_of(near, MARKER, seen(near, 0, SQUARE))
    found = seen(capture, 0, SQUARE)
    elsewhere = seen(capture, 0, SQUARE + (0.0, 0.3, 0.1))[1:2]
    with pytest.raises(CaptureError, match='nobody moved it'):
        squares_of(capture, MARKER, [found[0], *elsewhere])


@pytest.mark.parametrize(
    'corners', [[SQUARE * (1.0, 1.3, 1.0)], [SQUARE, 1.5 * SQUARE + (0.3, 0.0, 0.0)]]
)
def test_edges_that_disagree_are_refused(corners: list[np.ndarray]) -> None:
    with pytest.raises(CaptureError, match=r'differ by \d+%, allowed is 5%'):
        measured(corners)


@pytest.mark.parametrize('text', ['', 'DICT_4X4_50', 'DICT_4X4_50:x', 'DICT_4X4_50:-1', 'a:1:b'])
def test_what_is_no_marker_is_refused(text: str) -> None:
    with pytest.raises(CaptureError, match=r"reads like 'DICT_4X4_50:0\.15'"):
        Marker.parse(text)


def test_options_that_contradict_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    capture = capture_of(places(2))
    assert Marker.parse('DICT_5X5_100:0.3:7') == Marker('DICT_5X5_100', 0.3, 7)
    with pytest.raises(UnknownNameError, match="Did you mean 'DICT_4X4_50'"):
        align.known(capture, '', 'DICT_4x4_50:0.15', 'capture')
    with pytest.raises(CaptureError, match='Give one of them'):
        align.known(capture, 'a b 1', 'DICT_4X4_50:0.15', 'capture')
    with pytest.raises(CaptureError, match="level 'marker-wall' needs a marker"):
        align.known(capture, '', '', 'marker-wall')
    monkeypatch.setitem(sys.modules, 'cv2', None)
    with pytest.raises(MissingPackageError, match=r'Finding markers .*robot_rl\[markers\]'):
        align.known(capture, '', 'DICT_4X4_50:0.15', 'capture')


def photograph(folder: Path, number: int) -> Capture:
    """Draw a floor with a marker of OpenCV's on it, and photograph it four times."""
    cv2 = pytest.importorskip('cv2')
    pytest.importorskip('numba')
    from robot_rl.spec.rotation import quaternion_of
    from robot_rl.vision.raycast import Raycast
    from robot_rl.vision.scenes import Scenes

    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    black = cv2.aruco.generateImageMarker(family, number, 120)
    sheet = np.full((160, 160), 255, np.uint8)
    sheet[20:140, 20:140] = black
    width = EDGE * 160 / 120
    paper = Look(pattern='image', image=np.dstack((sheet,) * 3), scale=width,
                 phase=(0.5 * width, 0.5 * width))  # fmt: skip
    floor = Shape('box', (4.0, 4.0, 0.1), (0, 0, -0.05), look=Look((0.5, 0.4, 0.3)))
    scene = Scene((floor, Shape('box', (width, width, 0.001), look=paper)))
    spots = places(4)
    turns = np.array([looking(spot, np.zeros(3)) for spot in spots])
    images = Raycast(CAMERA, 2).render(spots, quaternion_of(turns), Scenes([scene]),
                                       np.zeros(4, np.int64)).rgb  # fmt: skip
    frames = []
    for view, image in zip(capture_of(spots).views, images, strict=True):
        Image.fromarray(image).save(folder / view.name)
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = view.rotation @ np.diag([1.0, -1.0, -1.0]), view.position
        frames.append({'file_path': view.name, 'transform_matrix': matrix.tolist()})
    k1, k2, p1, p2, _ = LENS
    (folder / 'transforms.json').write_text(json.dumps({
        'w': 320, 'h': 240, 'fl_x': CAMERA.fx, 'k1': k1, 'k2': k2, 'p1': p1, 'p2': p2,
        'frames': frames,
    }))  # fmt: skip
    return read_capture(folder)


@pytest.mark.filterwarnings('ignore:.*has 4 photographs')
def test_a_marker_is_found_in_photographs(tmp_path: Path) -> None:
    capture = photograph(tmp_path, 23)
    squares = align.known(capture, '', f'DICT_4X4_50:{EDGE}', 'marker')
    assert isinstance(squares, Squares)
    assert (squares.each[0].number, squares.each[0].used) == (23, 4)
    assert squares.spread < 0.02
    frame = align.aligned(capture, None, None, squares, 'marker')  # type: ignore[arg-type]
    assert frame.scale == pytest.approx(UNIT, rel=0.01)
    assert frame.rotation @ TURN @ (0, 0, 1) == pytest.approx((0, 0, 1), abs=0.02)
    ground = frame.to_world(SHIFT)[2]
    assert ground == pytest.approx(0.0, abs=0.005)
    with pytest.raises(CaptureError, match='4 show markers 23 of it'):
        align.known(capture, '', f'DICT_4X4_50:{EDGE}:7', 'capture')
    with pytest.raises(CaptureError, match='4 show none of it'):
        align.known(capture, '', f'DICT_APRILTAG_36h11:{EDGE}', 'capture')

"""Places learned from a small drawn room: gradients, depths, files, meters, and what is drawn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
import io
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

pytest.importorskip('PIL')
pytest.importorskip('numba')

from robot_rl.bench import room
from robot_rl.errors import CaptureError, SceneFileError
from robot_rl.kernels import radiance_march, radiance_train
from robot_rl.spec.camera import Camera
from robot_rl.spec.scene import Scene, Shape
from robot_rl.vision.composite import Composite
from robot_rl.vision.nerf import align, gap, level
from robot_rl.vision.nerf.capture import Capture, read_capture
from robot_rl.vision.nerf.field import Field
from robot_rl.vision.nerf.frame import Frame
from robot_rl.vision.nerf.measures import psnr
from robot_rl.vision.nerf.photos import Photos, load
from robot_rl.vision.nerf.probe_file import load_probes, save_probes
from robot_rl.vision.nerf.probes import ProbeRenderer, bake
from robot_rl.vision.nerf.render import NerfRenderer
from robot_rl.vision.nerf.scene import NerfScene, load_scene, save_scene
from robot_rl.vision.nerf.space import Space, space_of
from robot_rl.vision.nerf.train import NerfConfig, learn
from robot_rl.vision.raycast import Raycast
from robot_rl.vision.scenes import Scenes

pytestmark = pytest.mark.filterwarnings('ignore:.*blurred or show nothing')
ALONG_X = np.array([[0.5, -0.5, 0.5, -0.5]])
CONFIG = NerfConfig(iterations=700, voxel=0.13, batch=2048, hold_out=4)


class Learned(NamedTuple):
    """What was learned, and from what."""

    capture: Capture
    photos: Photos
    scene: NerfScene


@pytest.fixture(scope='module')
def learned(tmp_path_factory: pytest.TempPathFactory) -> Learned:
    """A room of which 90 small photographs were learned from."""
    folder = tmp_path_factory.mktemp('capture') / 'room'
    room.write_capture(folder, 120, 48, 36, seed=1)
    capture = read_capture(folder)
    photos = load(capture)
    field, score = learn(capture, photos, space_of(capture), CONFIG)
    assert score.psnr > 22.0
    assert score.ssim > 0.6
    return Learned(capture, photos, NerfScene(field, Frame.identity(), {'scale': 1}))


@pytest.mark.parametrize('open_', [False, True])
def test_gradients_are_those_of_differences(open_: bool) -> None:
    rng = np.random.default_rng(0)
    space = Space(open_, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 0.0)
    field = Field.blank(space, 0.4)
    field.grid[:, 0] = rng.uniform(2.0, 7.0, len(field.grid))
    field.grid[:, 1:] = rng.normal(0.0, 1.0, (len(field.grid), 3))
    ways = rng.normal(size=(20, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    rays = space.rays(rng.uniform(-0.5, 0.5, (20, 3)), ways, field.shape)
    targets = rng.random((20, 3), np.float32)
    ints = np.zeros((radiance_march.MOST_SAMPLES, 2), np.int32)
    floats = np.zeros((radiance_march.MOST_SAMPLES, 9), np.float32)
    half, none = np.full(20, 0.5, np.float32), np.float32(0.0)

    def run(grid: np.ndarray) -> tuple[float, np.ndarray]:
        grad = np.zeros_like(grid)
        touched = np.zeros(field.shape[0] * field.shape[1], np.uint8)
        error = radiance_train.learn(
            grid, grad, touched, field.dims, field.skip, open_, none, rays, targets, half, half,
            none, np.float32(1e-6), none, ints, floats,
        )  # fmt: skip
        return 30.0 * error, grad

    _, grad = run(field.grid)
    for _ in range(5):
        way = np.sign(rng.normal(size=grad.shape)).astype(np.float32)
        up, down = (run(field.grid + np.float32(h) * way)[0] for h in (0.01, -0.01))
        assert (up - down) / 0.02 == pytest.approx(float((grad * way).sum()), rel=0.03, abs=0.02)


def test_what_is_drawn_has_the_colors_and_depths_of_the_room(learned: Learned) -> None:
    camera = Camera.pinhole('c', 40, 30, room.FIELD)
    place, quat = room.poses(12, seed=9)
    rows = np.zeros(12, np.int64)
    truth = Raycast(camera, 2).render(place, quat, Scenes([room.room()]), rows)
    drawn = NerfRenderer(camera, learned.scene).render(place, quat)
    assert np.median(np.abs(drawn.depth - truth.depth)) < 0.15
    direct = psnr(drawn.rgb / 255.0, truth.rgb / 255.0)
    assert direct > 20.0
    probes = bake(learned.scene, (-2.5, -2, 0.5), (2.5, 2, 2.1), 0.8, 64)
    baked = ProbeRenderer(camera, probes).render(place, quat)
    assert psnr(baked.rgb / 255.0, truth.rgb / 255.0) > direct - 2.0


def test_a_similarity_of_the_world_moves_what_is_drawn(learned: Learned) -> None:
    camera = Camera.pinhole('c', 16, 12, room.FIELD)
    place, quat = room.poses(3, seed=4)
    half_turn = Frame(np.diag([-1.0, -1.0, 1.0]), np.array([1.0, 2.0, 3.0]), 2.0)
    turned = np.stack((-quat[:, 3], -quat[:, 2], quat[:, 1], quat[:, 0]), 1)  # about z by pi
    first = NerfRenderer(camera, learned.scene).render(place, quat)
    moved = NerfRenderer(camera, replace(learned.scene, frame=half_turn))
    second = moved.render(half_turn.to_world(place), turned)
    assert np.abs(first.rgb.astype(int) - second.rgb).mean() < 1.0
    seen = np.isfinite(first.depth)
    assert np.median(np.abs(2.0 * first.depth[seen] - second.depth[seen])) < 0.01
    assert half_turn.to_capture(half_turn.to_world(place)) == pytest.approx(place)


def test_a_file_comes_back_as_it_was_or_not_at_all(learned: Learned, tmp_path: Path) -> None:
    path = tmp_path / 'room.nerf'
    save_scene(path, learned.scene)
    again = load_scene(path)
    assert again.field.shape == learned.scene.field.shape
    assert (again.field.skip == learned.scene.field.skip).all()
    whole = path.read_bytes()
    for cut in (b'', whole[:100], whole[: len(whole) // 2], whole[:-30], b'{}' + whole[2:]):
        path.write_bytes(cut)
        with pytest.raises(SceneFileError, match='damaged'):
            load_scene(path)
    with pytest.raises(SceneFileError, match='There is no scene'):
        load_scene(tmp_path / 'other.nerf')


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        ({'version': 2}, 'of version 2, expected 1'),
        ({'format': 'x'}, 'it is no scene'),
        ({'shape': [3, 3, 3]}, 'does not have its digest'),
    ],
)
def test_a_file_of_something_else_is_refused(
    learned: Learned, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    path = tmp_path / 'room.nerf'
    save_scene(path, learned.scene)
    with np.load(path) as file:
        arrays = dict(file)
    header = {**json.loads(arrays['header'].tobytes()), **change}
    arrays['header'] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with path.open('wb') as out:
        np.savez_compressed(out, **arrays)
    with pytest.raises(SceneFileError, match=said):
        load_scene(path)


def test_probes_come_back_or_are_refused(learned: Learned, tmp_path: Path) -> None:
    path = tmp_path / 'room.probes'
    probes = bake(learned.scene, (-2.0, -2, 1), (2.0, 2, 2), 1.0, 8)
    save_probes(path, probes)
    assert (load_probes(path).images == probes.images).all()
    whole = path.read_bytes()
    with np.load(io.BytesIO(whole)) as file:
        arrays = dict(file)
    header = {**json.loads(arrays['header'].tobytes()), 'version': 2}
    arrays['header'] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    newer = io.BytesIO()
    np.savez_compressed(newer, **arrays)
    for spoiled in (b'', whole[: len(whole) // 2], whole[:-20], newer.getvalue()):
        path.write_bytes(spoiled)
        with pytest.raises(SceneFileError, match=r'Cannot read the probes .*Bake version 1'):
            load_probes(path)


def shuffled(photos: Photos) -> Photos:
    """Poses of other photographs."""
    wrong = np.random.default_rng(0).permutation(len(photos.colors))
    return photos._replace(colors=photos.colors[wrong])


def backwards(photos: Photos) -> Photos:
    """Poses of cameras that look along z where the file says -z."""
    rows = photos.directions.reshape(len(photos.directions), *photos.shape, 3)
    forward = rows.mean((1, 2))[:, None]
    forward /= np.linalg.norm(forward, axis=2, keepdims=True)
    across = rows.reshape(photos.directions.shape)
    right = (rows[:, :, -1] - rows[:, :, 0]).mean(1)[:, None]
    right /= np.linalg.norm(right, axis=2, keepdims=True)
    turned = 2.0 * (across * right).sum(2, keepdims=True) * right - across
    assert (turned @ np.swapaxes(forward, 1, 2)).mean() < -0.5
    return photos._replace(directions=turned.astype(np.float32))


def mirrored(photos: Photos) -> Photos:
    """Places of which one axis was negated, without the attitudes."""
    return photos._replace(origins=photos.origins * np.array([1, -1, 1], np.float32))


@pytest.mark.parametrize('spoil', [shuffled, backwards, mirrored])
def test_poses_that_are_wrong_are_found_out(
    learned: Learned, spoil: Callable[[Photos], Photos]
) -> None:
    capture, photos, _ = learned
    config = replace(CONFIG, iterations=60, voxel=0.4)
    with pytest.raises(CaptureError, match='nothing was learned'):
        learn(capture, spoil(photos), space_of(capture), config)


def test_the_same_seed_gives_the_same_field(learned: Learned) -> None:
    capture, photos, _ = learned
    config = replace(CONFIG, iterations=30, voxel=0.4, hold_out=0)
    one, two = (learn(capture, photos, space_of(capture), config)[0] for _ in range(2))
    assert (one.grid == two.grid).all()


def test_a_known_distance_makes_meters(learned: Learned) -> None:
    capture, _, scene = learned
    far = float(np.linalg.norm(capture.views[0].position - capture.views[1].position))
    names = ' '.join(view.name for view in capture.views[:2])
    unknown = align.aligned(capture, learned.photos, scene.field, None, 'capture')
    assert str(unknown) == '1 m a unit (units of the capture taken for meters), up by the capture'
    known = align.Distance.parse(f'{names} {3.0 * far}')
    frame = align.scaled(Frame.identity(), capture, scene.field, known)
    assert frame.scale == pytest.approx(3.0)
    with pytest.raises(CaptureError, match='has no photograph'):
        align.scaled(frame, capture, scene.field, replace(known, first='x.png'))
    with pytest.raises(CaptureError, match='reads like'):
        align.Distance.parse('a b')


def test_the_floor_becomes_level_and_zero(learned: Learned) -> None:
    capture, photos, scene = learned
    tilt = level.turn_between(np.array([0.0, 0.0, 1.0]), np.array([0.1, -0.15, 0.98367]))
    frame = Frame(tilt, np.array([0.0, 0.0, 5.0]), 1.0)
    flat = level.leveled(frame, align.surface(scene.field, photos, 5000))
    assert flat.rotation @ (0, 0, 1) == pytest.approx((0, 0, 1), abs=0.03)
    assert flat.to_world(np.zeros(3))[2] == pytest.approx(0.0, abs=0.15)
    assert align.aligned(capture, photos, scene.field, None, 'cameras').level


def test_a_ball_hides_the_room_and_is_hidden_by_it(learned: Learned) -> None:
    camera = Camera.pinhole('c', 40, 30, room.FIELD)
    place, quat = np.array([[0.0, 0.0, 1.4]] * 2), ALONG_X.repeat(2, 0)
    balls = [Scene((Shape('sphere', (0.3,), (x, 0.0, 1.4)),)) for x in (1.5, 4.0)]
    back = NerfRenderer(camera, learned.scene)
    frames = Composite(Raycast(camera), back).render(place, quat, Scenes(balls))
    assert frames.ids[0, 15, 20] == 0
    assert frames.depth[0, 15, 20] == pytest.approx(1.2, abs=0.02)
    assert frames.ids[1, 15, 20] == -1  # behind the wall
    assert frames.depth[1, 15, 20] == pytest.approx(3.0, abs=0.4)


def test_a_ball_on_the_floor_has_a_shadow(learned: Learned) -> None:
    camera = Camera.pinhole('c', 40, 30, room.FIELD)
    back = NerfRenderer(camera, learned.scene)
    ball = Scenes([Scene((Shape('sphere', (0.2,), (1.2, 1.4, 0.2)),))])
    pose = np.array([[0.0, 1.4, 0.8]]), ALONG_X
    shade, plain = (
        Composite(Raycast(camera), back, ground).render(*pose, ball) for ground in (0.0, None)
    )
    change = (shade.rgb.astype(int) - plain.rgb).sum(-1)[shade.ids < 0]
    assert (change <= 0).all()
    assert (change < -20).sum() > 0


def test_the_gap_lies_between_a_pixel_and_another_photograph(learned: Learned) -> None:
    capture, photos, scene = learned
    names = [view.name for view in capture.views]
    found = gap.gap(scene, photos, names, np.arange(0, 120, 20))
    moved, others = gap.feature_scale(photos, np.arange(0, 120, 20))
    assert 0.0 < moved < others
    assert float(np.mean([one.features for one in found])) < others
    assert 'mean of 6' in gap.text(found, (moved, others))


def test_the_page_shows_what_the_renderer_draws(learned: Learned) -> None:
    pytest.importorskip('aiohttp')
    from aiohttp.test_utils import TestClient, TestServer
    from PIL import Image

    from robot_rl.vision.nerf.page import Viewer, looking

    renderer = NerfRenderer(Camera.pinhole('c', 40, 30, room.FIELD), learned.scene)
    assert looking(0.0, 0.0) == pytest.approx(ALONG_X)

    async def visit() -> tuple[str, bytes, int]:
        async with TestClient(TestServer(Viewer(renderer).app())) as client:
            page = await (await client.get('/')).text()
            frame = await client.get('/frame?x=0&y=0&z=1.4&yaw=0&pitch=0')
            wrong = await client.get('/frame?x=nan&y=0&z=1&yaw=0&pitch=0')
            return page, await frame.read(), wrong.status

    page, body, status = asyncio.run(visit())
    assert 'drag to turn' in page
    assert status == 400
    drawn = renderer.render(np.array([[0.0, 0.0, 1.4]]), ALONG_X).rgb[0]
    with Image.open(io.BytesIO(body)) as image:
        assert np.abs(np.asarray(image, int) - drawn).mean() < 8.0

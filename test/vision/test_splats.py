"""Places of Gaussians: files, cameras as gsplat takes them, and what is said without a GPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
import sys

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('numba')
pytest.importorskip('PIL')

from robot_rl.errors import MissingPackageError, SceneFileError, SpecError
from robot_rl.spec.camera import Camera
from robot_rl.spec.rotation import matrix_of
from robot_rl.vision.nerf import splat_render, splat_train, splats
from robot_rl.vision.nerf.frame import Frame
from robot_rl.vision.nerf.measures import ssim
from robot_rl.vision.nerf.pictures import renderer_of
from robot_rl.vision.nerf.scene import load_scene
from robot_rl.vision.nerf.space import Space
from robot_rl.vision.nerf.train import NerfConfig
from robot_rl.vision.optics import project

RNG = np.random.default_rng(0)
WITHOUT_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')


def some(num: int = 5) -> splats.Splats:
    arrays = {
        name: RNG.random((num, size)).astype(np.float32) for name, size in splats.SIZES.items()
    }
    return splats.Splats(arrays, Frame.identity(), {'scale': 8})


def test_a_file_comes_back_as_it_was_or_not_at_all(tmp_path: Path) -> None:
    path, made = tmp_path / 'a.splats', some()
    splats.save_splats(path, made)
    again = splats.load_splats(path)
    assert splats.is_splats(path)
    assert all((again.arrays[name] == made.arrays[name]).all() for name in splats.SIZES)
    assert again.about == made.about
    with pytest.raises(SceneFileError, match='it is no scene'):
        load_scene(path)
    whole = path.read_bytes()
    with np.load(path) as file:
        arrays = dict(file)
    arrays['colors'] = 1.0 - arrays['colors']
    np.savez_compressed(tmp_path / 'b.npz', **arrays)
    changed = (tmp_path / 'b.npz').read_bytes()
    for spoiled in (b'', whole[:200], whole[:-30], changed):
        path.write_bytes(spoiled)
        with pytest.raises(SceneFileError, match=r'Cannot read the splats .* --method gsplat'):
            splats.load_splats(path)


def test_cameras_are_handed_over_with_pixels_lens_and_pose() -> None:
    """By the formulas of gsplat's cameras: pixels from the corner, a rational radial model."""
    lens = (-0.2, 0.05, 0.003, -0.002, 0.01)
    camera = replace(Camera.pinhole('c', 64, 48, 1.2), distortion=lens)
    quat = RNG.normal(size=(3, 4))
    rotation = matrix_of(quat / np.linalg.norm(quat, axis=1, keepdims=True))
    position = RNG.normal(size=(3, 3))
    inside = RNG.uniform((-1.0, -0.8, 2.0), (1.0, 0.8, 4.0), (3, 3))
    points = position + (rotation @ inside[..., None])[..., 0]
    views = splats.view_matrices(position, rotation)
    seen = (views @ np.column_stack((points, np.ones(3)))[..., None])[:, :3, 0]
    u, v = (seen[:, :2] / seen[:, 2:]).T
    radial, (p1, p2) = splats.lens(camera)
    square = u * u + v * v
    bend = 1.0 + square * (radial[0] + square * (radial[1] + square * radial[2]))
    assert not radial[3:].any()
    x = u * bend + p1 * 2.0 * u * v + p2 * (square + 2.0 * u * u)
    y = v * bend + p1 * (square + 2.0 * v * v) + p2 * 2.0 * u * v
    pixels = (splats.intrinsics(camera) @ np.stack((x, y, np.ones(3))))[:2].T
    assert pixels - 0.5 == pytest.approx(project(camera, inside), abs=1e-4)


@pytest.mark.parametrize(
    ('config', 'level', 'distance', 'said'),
    [
        (NerfConfig(voxel=0.1), 'capture', '', '--voxel 0.1'),
        (NerfConfig(), 'floor', '', '--level floor'),
        (NerfConfig(), 'capture', 'a.jpg@1,2 b.jpg 1', "--known-distance 'a.jpg@1,2 b.jpg 1'"),
    ],
)
def test_what_only_voxels_have_is_refused(
    config: NerfConfig, level: str, distance: str, said: str
) -> None:
    with pytest.raises(SpecError, match='which needs voxels') as told:
        splat_train.check_options(config, level, distance)
    assert said in str(told.value)


@WITHOUT_GPU
def test_without_a_gpu_it_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match='need a GPU with CUDA, and torch finds none'):
        splat_train.check_options(NerfConfig(), 'capture', '')
    splats.save_splats(tmp_path / 'a.splats', some())
    with pytest.raises(SpecError, match='need a GPU'):
        renderer_of(tmp_path / 'a.splats', Camera.pinhole('c', 8, 6, 1.0))


def test_without_gsplat_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setitem(sys.modules, 'gsplat', None)
    with pytest.raises(MissingPackageError, match=r"'gsplat'.*CUDA toolkit.*robot_rl\[nerf-gpu\]"):
        splat_render.gpu()


def test_the_loss_is_that_of_two_images() -> None:
    truth = torch.rand(24, 32, 3, generator=torch.Generator().manual_seed(0))
    image = (truth + 0.1 * torch.sin(torch.arange(32.0))[None, :, None]).clamp(0, 1)
    assert splat_train.difference(torch, truth, truth).item() == pytest.approx(0.0, abs=1e-6)
    loss = splat_train.difference(torch, image.requires_grad_(), truth)
    like = ssim(image.detach().numpy(), truth.numpy())
    expected = 0.8 * (image - truth).abs().mean().item() + 0.2 * (1.0 - like)
    assert loss.item() == pytest.approx(expected, rel=0.25)  # other windows, other edges
    (slope,) = torch.autograd.grad(loss, image)
    assert torch.isfinite(slope).all()
    assert (slope * (image - truth)).sum() > 0.0


def test_gaussians_begin_in_the_place() -> None:
    space = Space(False, (1.0, 2.0, 3.0), (2.0, 1.0, 0.5), 0.1)
    raw = splat_train.blank(torch, space, 0, 'cpu')
    made = splat_train.activated(raw)
    off = (made['means'] - torch.tensor(space.center)).abs() / torch.tensor(space.half)
    assert 0.99 < off.max() <= 1.0
    assert {name: value.shape[1] for name, value in made.items()} == splats.SIZES
    assert made['quats'].norm(dim=1).allclose(torch.ones(1))
    again = splat_train.blank(torch, space, 0, 'cpu')
    assert torch.equal(raw['means'], again['means'])

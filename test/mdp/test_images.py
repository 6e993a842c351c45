"""What a policy sees of images of any size, and what images are turned into while it learns."""

from __future__ import annotations

from dataclasses import replace
import math

import pytest

torch = pytest.importorskip('torch')

from robot_rl.mdp import images
from robot_rl.mdp.augmentation import Augmentation
from robot_rl.spec.camera import Camera

EYE = Camera.pinhole('eye', 16, 12, math.radians(80.0))


def shot(camera: Camera, seed: int = 0):
    shape = (2, camera.height, camera.width, 3)
    return torch.randint(256, shape, generator=torch.Generator().manual_seed(seed)).byte()


def test_through_the_same_camera_it_sees_the_same():
    image = shot(EYE)
    seen = images.seen(image, images.info_of(EYE, 2), EYE)
    assert torch.allclose(seen, image.float() / 255.0, atol=1e-5)


def test_of_a_finer_image_it_sees_the_means():
    fine = Camera.pinhole('fine', 48, 36, math.radians(80.0))
    image = shot(fine)
    seen = images.seen(image, images.info_of(fine, 2), EYE)
    means = image.float().reshape(2, 12, 3, 16, 3, 3).mean((2, 4)) / 255.0
    assert torch.allclose(seen, means, atol=1e-5)


def test_of_a_wider_camera_it_sees_the_middle():
    wide = replace(EYE, width=32, height=24, cx=15.5, cy=11.5)
    image = shot(wide)
    seen = images.seen(image, images.info_of(wide, 2), EYE)
    assert torch.allclose(seen, image[:, 6:18, 8:24].float() / 255.0, atol=1e-4)
    assert EYE.lacks(wide) == ''
    assert 'edge along x' in wide.lacks(EYE)


def test_grey_frames_are_a_quarter_as_large():
    image = shot(EYE).float() / 255.0
    small = images.grey(image).reshape(2, 6, 8)
    assert small[1, 2, 3] == pytest.approx(image[1, 4:6, 6:8].mean().item())


def test_augmentation_changes_each_image_by_itself_and_stays_within_bounds():
    image, generator = shot(EYE).float() / 255.0, torch.Generator().manual_seed(1)
    many = image[:1].repeat(64, 1, 1, 1)
    changed = Augmentation()(many, generator)
    assert changed.shape == many.shape
    assert 0.0 <= float(changed.min()) <= float(changed.max()) <= 1.0
    assert float(changed.std(0).mean()) > 0.05, 'they differ from each other'
    still = Augmentation(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)(many.clone(), generator)
    assert torch.allclose(still, many)

"""Distillation: what is kept, what brightness changes, and a run from nothing to its folder."""

from __future__ import annotations

from dataclasses import replace
import json

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('numba')

from robot_rl.errors import SpecError
from robot_rl.learn.config import DistillConfig
from robot_rl.learn.distill import COUNTS, Moments, distill
from robot_rl.learn.image_actor import ImageActor
from robot_rl.learn.train import load_actor

IMAGE = (12, 16)
PAST = 2 * 6 * 8


def actor(**options: bool) -> ImageActor:
    torch.manual_seed(0)
    return ImageActor(5 + PAST + 3 * 12 * 16, 4, IMAGE, (16,), **options).eval()


@pytest.mark.parametrize('exposure', [True, False])
def test_with_exposure_a_darker_lamp_changes_nothing(exposure):
    numbers, frames, image = (torch.rand(3, size) for size in (5, PAST, 3 * 12 * 16))
    policy = actor(exposure=exposure)
    bright, dark = (
        policy(torch.cat((numbers, light * frames - 0.5, light * image - 0.5), 1))
        for light in (1.0, 0.25)
    )
    assert torch.allclose(bright, dark, atol=1e-5) is exposure


def test_black_images_are_not_divided_by_nothing():
    assert actor()(torch.full((1, 5 + PAST + 3 * 12 * 16), -0.5)).isfinite().all()


def test_of_too_many_moments_some_of_all_ages_are_kept():
    moments, generator = Moments(64, 1, (1, 1, 3), 1), torch.Generator().manual_seed(0)
    for age in range(40):
        rows = torch.full((8, 1), float(age))
        moments.add(rows, torch.zeros(8, 1, 1, 3, dtype=torch.uint8), rows, generator)
    assert len(moments) == 64
    assert len(moments.numbers.unique()) > 10
    assert torch.equal(moments.numbers, moments.actions)


def test_a_run_keeps_one_moment_of_some_and_another_goes_on_with_its_policy(tmp_path):
    config = DistillConfig(
        task='gates-crazyflie', rounds=1, num_envs=3, thin=9, capacity=1000, passes=0.5,
        last_passes=0.5, batch=16, validation_episodes=2, test_episodes=2, name='first',
    )  # fmt: skip
    path = distill(config, tmp_path)
    rounds = json.loads((path / 'validation.json').read_text())
    steps = 225  # of 9 s
    assert [row['moments'] for row in rounds] == [3 * steps // 9]
    told = json.loads((path / 'evaluation.json').read_text())
    assert told['teacher']['success'] == 1.0
    assert told['episodes'] == 2
    _, learned, _ = load_actor(path)
    other = replace(config, learning_rate=0.0, name='second', start=path)
    for name, value in load_actor(distill(other, tmp_path))[1].state_dict().items():
        assert torch.equal(value, learned.state_dict()[name]), name
    with pytest.raises(SpecError, match=r"crazyflie' with hidden \[128, 128\], got .*, exposure"):
        distill(replace(other, exposure=False, name='third'), tmp_path)
    assert not (tmp_path / 'third').exists()


def test_a_task_without_an_eye_is_refused(tmp_path):
    with pytest.raises(SpecError, match='expected one with an eye and a teacher, got no eye'):
        distill(DistillConfig(task='hover-crazyflie'), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('option', COUNTS)
def test_none_of_what_there_must_be_is_refused(option, tmp_path):
    with pytest.raises(SpecError, match=f'--{option.replace("_", "-")} must be at least 1, got 0'):
        distill(replace(DistillConfig(), **{option: 0}), tmp_path)
    assert not list(tmp_path.iterdir())

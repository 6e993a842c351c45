"""What a policy that flies down hallways sees, and which directions it holds for blocked."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
import torch

from robot_rl.bench.evaluation import prepare
from robot_rl.learn.config import EXPORT_SEED
from robot_rl.tasks.corridor import EYE, WAYS

Image = NDArray[np.uint8]
FLIGHTS, MOMENTS = 5, (60, 140, 220)
"""Side by side, and after how many control periods one below the other."""
TIMES = 5
"""Pixels along an edge for one of the policy's."""
BAR = 16
"""[px] height of a bar: red from the left as far as a contact is likely; below it the truth."""
RED, GREEN, GREY = (214, 48, 39), (26, 152, 80), (90, 90, 90)


def draw(policy: Path, path: Path) -> None:
    """Write a PNG of a run folder or policy file of the corridor.

    Raises RobotRLError where the policy cannot be read.
    """
    from PIL import Image as Picture

    env, act, _ = prepare(policy, '', FLIGHTS, EXPORT_SEED)
    rows: list[Image] = []
    truth = torch.zeros(FLIGHTS, len(WAYS.angles))
    with torch.inference_mode():
        observation = env.reset(seed=EXPORT_SEED)
        for step in range(MOMENTS[-1] + 1):
            action, _ = act(env, observation)
            if step in MOMENTS:
                rows.append(_row(env.measured['rgb'].numpy(), action, truth))
            done = env.step(action)
            observation, truth = done.observation, done.step.signals['ways_blocked']
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture.fromarray(np.concatenate(rows)).save(path, optimize=True)


def _row(rgb: Image, action: torch.Tensor, truth: torch.Tensor) -> Image:
    """Images side by side with the bars of each."""
    likely = 0.5 * (action[:, -len(WAYS.angles) :] + 1.0)
    parts = [
        np.concatenate((image.repeat(TIMES, 0).repeat(TIMES, 1), _bars(guess, known)))
        for image, guess, known in zip(rgb, likely.numpy(), truth.numpy(), strict=True)
    ]
    return np.concatenate(parts, 1)


def _bars(likely: NDArray[np.float32], truth: NDArray[np.float32]) -> Image:
    """Bars (2 BAR, width, 3), each about where its direction is in the image above."""
    bars = np.full((2 * BAR, TIMES * EYE.width, 3), 255, np.uint8)
    half = math.radians(4.0)
    for angle, guess, known in zip(WAYS.angles, likely, truth, strict=True):
        left, right = (
            round(TIMES * (EYE.cx + 0.5 - EYE.fx * math.tan(angle + side)))
            for side in (half, -half)
        )
        left, right = max(left, 0), min(right, bars.shape[1])
        bars[2:BAR, left:right] = GREY
        bars[2:BAR, left : left + round(float(guess) * (right - left))] = RED
        bars[BAR + 2 : -4, left:right] = RED if known else GREEN
    return bars

"""Learn a field from photographs, from coarse voxels to fine ones, within a given time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
import itertools
import math
import time

import numpy as np

from robot_rl.errors import SpecError
from robot_rl.kernels import radiance_adam, radiance_march, radiance_train
from robot_rl.vision.nerf.capture import Capture
from robot_rl.vision.nerf.evaluate import Score, check, evaluate, held_out
from robot_rl.vision.nerf.field import Field
from robot_rl.vision.nerf.photos import Photos
from robot_rl.vision.nerf.sight import bare
from robot_rl.vision.nerf.space import Space
from robot_rl.vision.nerf.stages import BOXED, UNBOUNDED, Stage

COLOR_RATE = 0.1
"""Step of Adam for raw colors at first; a tenth at the end."""
FADE = 1.0
"""Part of the empty way in front of a camera that gradients are scaled down within."""
CELLS, CELLS_NEAR = 120, 80
"""Voxels along the longest edge of a box, and of what is near without one, for 20 s."""
REFRESH = 100
"""Iterations until it is looked again what is empty."""
MOST_SHOWN = 8
"""Photographs held out that are looked at between stages."""


@dataclass(frozen=True)
class NerfConfig:
    """Options of learning a field."""

    seconds: float = 60.0
    """[s] time to learn, without compiling and without looking at held-out photographs."""
    iterations: int = 0
    """Instead of a time, a number: the same result for the same seed on one kind of machine."""
    voxel: float = 0.0
    """Edge of the last voxels, units of the capture; 0 chooses."""
    batch: int = 4096
    """Rays of an iteration."""
    hold_out: int = 8
    """Every how manieth photograph is held out to measure with."""
    seed: int = 0
    """Of rays and their jitter."""

    def __post_init__(self) -> None:
        """Refuse numbers that nothing can be learned with. Raises SpecError."""
        if not self.seconds > 0.0 or self.iterations < 0 or self.batch < 1:
            raise SpecError(
                'Learning needs a positive time, and iterations and rays of 0 or more, got '
                f'{self.seconds} s, {self.iterations} and {self.batch}.'
            )
        if not 0.0 <= self.voxel < math.inf or self.hold_out < 0 or self.hold_out == 1:
            raise SpecError(
                'Voxels must be 0 or greater, and every second photograph held out at most (0 for '
                f'none), got voxels of {self.voxel} and every {self.hold_out}.'
            )


class _Clock:
    """How much of the time, or of the iterations, is spent; it can be stopped."""

    def __init__(self, config: NerfConfig) -> None:
        self._config, self._spent, self._since = config, 0.0, 0.0
        self.iterations = 0

    def go(self) -> None:
        self._since = time.perf_counter()

    def stop(self) -> None:
        self._spent += time.perf_counter() - self._since

    @property
    def seconds(self) -> float:
        return self._spent

    def progress(self) -> float:
        if self._config.iterations:
            return self.iterations / self._config.iterations
        return (self._spent + time.perf_counter() - self._since) / self._config.seconds


def learn(
    capture: Capture,
    photos: Photos,
    space: Space,
    config: NerfConfig,
    tell: Callable[[Score], None] = lambda _score: None,
) -> tuple[Field, Score]:
    """Learn a field.

    Args:
        capture: Named in errors.
        photos: All photographs, also those to be held out.
        space: What it fills.
        config: Options.
        tell: Called with the score after each stage.

    Returns:
        The field without what no photograph shows, and its score on all photographs held out.

    Raises CaptureError where even those are foretold no better than by one color, as with poses
    that are not those of the photographs.
    """  # fmt: skip
    rows, out = held_out(len(photos.colors), config.hold_out)
    voxel = config.voxel or default_voxel(space, config)
    _compile(space)
    clock, rng = _Clock(config), np.random.default_rng(config.seed)
    batches = _batches(photos, rows, config.batch, rng)
    stages = UNBOUNDED if space.open else BOXED
    score, until = None, 0.0
    clock.go()
    field = Field.blank(space, voxel * stages[0].size)
    field = field.without(bare(space, field.shape, [capture.views[row] for row in rows]))
    for stage in stages:
        until += stage.share
        field = field.finer(voxel * stage.size, stage.erode) if score else field
        field, error = _stage(field, stage, batches, clock, until)
        clock.stop()
        last = stage is stages[-1]
        score = evaluate(field, photos, out if last else out[:: 1 + len(out) // MOST_SHOWN])
        score = score._replace(
            seconds=clock.seconds, iterations=clock.iterations, train_psnr=-10 * math.log10(error)
        )
        tell(score)
        clock.go()
    assert score is not None  # there are stages
    check(capture, photos, out, score)
    return field, score


def default_voxel(space: Space, config: NerfConfig) -> float:
    """As many voxels as the time is enough for: their number grows with it, up to a bound."""
    cells, seconds, most = (CELLS_NEAR, 20.0, 128.0) if space.open else (CELLS, 20.0, 120.0)
    if not config.iterations:
        cells = min(cells * (max(config.seconds, 1.0) / seconds) ** (1.0 / 3.0), most)
    return 2.0 * max(space.half) / cells


def _batches(
    photos: Photos, rows: np.ndarray, num: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, ...]]:
    """Endless draws of pixels: origins, directions, colors, jitter and brightness behind."""
    pixels = photos.colors.shape[1]
    colors, directions = photos.colors.reshape(-1, 3), photos.directions.reshape(-1, 3)
    while True:
        view = rows[rng.integers(0, len(rows), num)]
        at = view * pixels + rng.integers(0, pixels, num)
        yield (
            photos.origins[view], directions[at], colors[at],
            rng.random(num, np.float32), rng.random(num, np.float32),
        )  # fmt: skip


def _stage(
    field: Field,
    stage: Stage,
    batches: Iterator[tuple[np.ndarray, ...]],
    clock: _Clock,
    until: float,
) -> tuple[Field, float]:
    """Learn until this share of the time is spent; the field and the error of late batches."""
    x, y, _ = field.shape
    grad, first, second = (np.zeros_like(field.grid) for _ in range(3))
    touched = np.zeros(x * y, np.uint8)
    scratch = _scratch()
    late = 0.0
    fade, spread = np.float32(FADE * field.near), np.float32(stage.spread)
    for count in itertools.count():
        progress = clock.progress()
        if progress >= until and count:
            break
        if clock.iterations and count % REFRESH == 0:
            field = field.emptied(stage.empty)
        origins, directions, colors, jitter, grey = next(batches)
        rays = field.space.rays(origins, directions, field.shape)
        error = radiance_train.learn(
            field.grid, grad, touched, field.dims, field.skip, field.space.open, field.near,
            rays, colors, jitter, grey, spread, fade, np.float32(stage.thin), *scratch,
        )  # fmt: skip
        decay = 0.1 ** min(progress, 1.0)
        radiance_adam.adam(
            field.grid, grad, first, second, touched, field.dims,
            np.float32(stage.density_rate * decay), np.float32(COLOR_RATE * decay),
        )  # fmt: skip
        late = error if not late else 0.95 * late + 0.05 * error
        clock.iterations += 1
    return field.emptied(stage.empty), late


def _scratch() -> tuple[np.ndarray, np.ndarray]:
    most = radiance_march.MOST_SAMPLES
    return np.zeros((most, 2), np.int32), np.zeros((most, 9), np.float32)


def _compile(space: Space) -> None:
    """Have all kernels compiled, which takes some seconds on a machine's first time."""
    small = replace(space, near=0.0)
    field = Field.blank(small, 2.0 * max(small.half)).finer(max(small.half))
    origins = np.array([small.center], np.float32)
    directions = np.array([[1.0, 0.0, 0.0]], np.float32)
    one = np.zeros(1, np.float32)
    batch = itertools.repeat((origins, directions, directions, one, one))
    _stage(field, BOXED[0], batch, _Clock(NerfConfig(iterations=1)), 0.0)
    field.look(origins, directions)

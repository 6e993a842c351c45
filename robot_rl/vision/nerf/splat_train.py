"""Learn a place of Gaussians from photographs with gsplat, on a GPU.

Gaussians begin anywhere in the space and are moved where they are needed as samples of a Markov
chain (Kheradmand et al., arXiv 2404.09591): photographs with poses are enough, no cloud of points
is asked for. Step sizes are those of gsplat's own example. Nothing here has run on a GPU yet.
"""

from __future__ import annotations

from collections.abc import Callable
import math
from pathlib import Path
import time
from typing import Any

import numpy as np

from robot_rl.errors import SpecError
from robot_rl.spec.camera import Camera
from robot_rl.vision.nerf.align import Distance, framed
from robot_rl.vision.nerf.capture import Capture
from robot_rl.vision.nerf.evaluate import Score, check, held_out, number
from robot_rl.vision.nerf.measures import psnr, ssim
from robot_rl.vision.nerf.photos import Photos, smaller
from robot_rl.vision.nerf.space import Space, space_of
from robot_rl.vision.nerf.splat_render import gpu, rasterized
from robot_rl.vision.nerf.splats import Splats, save_splats, view_matrices
from robot_rl.vision.nerf.squares import Squares
from robot_rl.vision.nerf.train import NerfConfig

FIRST, MOST = 100_000, 500_000
"""Gaussians at the beginning and at the end."""
RATES = {'means': 1.6e-4, 'scales': 5e-3, 'quats': 1e-3, 'opacities': 5e-2, 'colors': 2.5e-3}
"""Steps of Adam; that of the means in parts of the space, and a hundredth of it at the end."""
SHAPE_LOSS, THIN, SMALL = 0.2, 0.01, 0.01
"""Weights of 1 - SSIM (and 1 less of it of the difference), of opacities and of sizes."""
SETTLE = 0.8
"""Part of the time after which no Gaussians are added."""
TELL_EVERY = 1000


def check_options(config: NerfConfig, level: str, distance: str) -> None:
    """Raise SpecError for options that only voxels have, and as `gpu` does."""
    for wrong, option in (
        (config.voxel > 0.0, f'--voxel {config.voxel:g}'),
        (level == 'floor', '--level floor'),
        ('@' in distance, f'--known-distance {distance!r} with a pixel'),
    ):
        if wrong:
            raise SpecError(
                f'Splats cannot be learned with {option}, which needs voxels. Leave it out, or '
                'choose --method voxels.'
            )
    gpu()


def learn_file(
    capture: Capture,
    photos: Photos,
    config: NerfConfig,
    known: Distance | Squares | None,
    level: str,
    about: dict[str, Any],
    out: Path,
    tell: Callable[[str], None],
) -> str:
    """Learn Gaussians, align and write them; returns what is told at the end. Raises as `learn`.

    `about` has the 'scale' that photographs were read with; scores are added.
    """
    space = space_of(capture)
    arrays, score = learn(capture, photos, about['scale'], space, config, tell)
    frame = framed(capture, known, level)
    about |= {
        'seconds': score.seconds, 'iterations': score.iterations,
        'psnr': number(score.psnr), 'ssim': number(score.ssim),
    }  # fmt: skip
    save_splats(out, Splats(arrays, frame, about))
    return (
        f'{score.seconds:.0f} s, {len(arrays["means"])} Gaussians: held out {score.psnr:.2f} dB, '
        f'SSIM {score.ssim:.3f}\n{out}: {frame}'
    )


def activated(raw: dict[str, Any]) -> dict[str, Any]:
    """Gaussians of what is learned: logarithms of scales, logits of opacities and colors."""
    return {
        'means': raw['means'],
        'quats': raw['quats'] / raw['quats'].norm(dim=1, keepdim=True),
        'scales': raw['scales'].exp(),
        'opacities': raw['opacities'].sigmoid()[:, None],
        'colors': raw['colors'].sigmoid(),
    }


def blank(torch: Any, space: Space, seed: int, device: str) -> dict[str, Any]:
    """Gaussians anywhere: in the box, or in three times what is near where there is none."""
    generator = torch.Generator(device).manual_seed(seed)
    half = torch.tensor(space.half, device=device) * (3.0 if space.open else 1.0)
    shape = (FIRST, 3)
    places = 2.0 * torch.rand(shape, generator=generator, device=device) - 1.0
    apart = float((8.0 * half.prod() / FIRST) ** (1.0 / 3.0))
    colors = torch.rand(shape, generator=generator, device=device)
    return {
        'means': torch.tensor(space.center, device=device) + half * places,
        'scales': torch.full(shape, math.log(0.1 * apart), device=device),
        'quats': torch.randn((FIRST, 4), generator=generator, device=device),
        'opacities': torch.zeros(FIRST, device=device),
        'colors': (0.1 + 0.8 * colors).logit(),
    }


def difference(torch: Any, image: Any, truth: Any) -> Any:
    """How far an image (h, w, 3) is from another: the weighted mean of L1 and 1 - SSIM.

    SSIM (Wang et al. 2004) over windows of 11 x 11 with a Gaussian of 1.5 pixels.
    """
    offsets = torch.arange(11, device=image.device) - 5.0
    bell = (-0.5 * (offsets / 1.5) ** 2).exp()
    window = (bell[:, None] * bell / bell.sum() ** 2).expand(3, 1, 11, 11)

    def mean(values: Any) -> Any:
        return torch.nn.functional.conv2d(values, window, padding=5, groups=3)

    a, b = (value.permute(2, 0, 1)[None] for value in (image, truth))
    ma, mb = mean(a), mean(b)
    va, vb, vab = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    like = (2 * ma * mb + 1e-4) * (2 * vab + 9e-4)
    like = like / ((ma * ma + mb * mb + 1e-4) * (va + vb + 9e-4))
    return (1.0 - SHAPE_LOSS) * (a - b).abs().mean() + SHAPE_LOSS * (1.0 - like.mean())


def learn(
    capture: Capture,
    photos: Photos,
    factor: int,
    space: Space,
    config: NerfConfig,
    tell: Callable[[str], None],
) -> tuple[dict[str, np.ndarray], Score]:
    """Learn Gaussians.

    Args:
        capture: Cameras and their poses.
        photos: All photographs, also those to be held out.
        factor: By how much `photos` are smaller than the capture.
        space: Where Gaussians begin.
        config: Options.
        tell: Called with a line now and then.

    Returns:
        Arrays as `Splats` has them, and the score on all photographs held out.

    Raises as `gpu` does, and CaptureError where nothing was learned.
    """
    modules = torch, gsplat = gpu()
    torch.manual_seed(config.seed)
    reach = max(space.half)
    raw, adam = _begun(torch, blank(torch, space, config.seed, 'cuda'), reach)
    strategy = gsplat.MCMCStrategy(cap_max=MOST, refine_stop_iter=2**31)
    strategy.check_sanity(raw, adam)
    state = strategy.initialize_state()
    cameras = [smaller(view.camera, factor) for view in capture.views]
    views = torch.from_numpy(_views(capture)).cuda()
    rows, out = held_out(len(cameras), config.hold_out)
    rng, begin, count = np.random.default_rng(config.seed), time.perf_counter(), 0
    while (progress := _progress(config, begin, count)) < 1.0:
        row = int(rng.choice(rows))
        seen = activated(raw)
        drawn, _ = rasterized(modules, seen, cameras[row], views[row : row + 1], space.near * 0.1)
        truth = torch.from_numpy(photos.colors[row]).cuda().reshape(*photos.shape, 3)
        loss = difference(torch, drawn[0, ..., :3], truth)
        loss = loss + THIN * seen['opacities'].mean() + SMALL * seen['scales'].mean() / reach
        loss.backward()
        step = RATES['means'] * reach * 0.01**progress
        adam['means'].param_groups[0]['lr'] = step
        for one in adam.values():
            one.step()
            one.zero_grad(set_to_none=True)
        if progress > SETTLE:
            strategy.refine_stop_iter = 0
        strategy.step_post_backward(raw, adam, state, count, {}, lr=step)
        count += 1
        if count % TELL_EVERY == 0:
            tell(f'{count} iterations, {len(raw["means"])} Gaussians, loss {float(loss):.4f}')
    final = {name: value.detach() for name, value in activated(raw).items()}
    score = _score(modules, final, cameras, views, photos, out)
    score = score._replace(seconds=time.perf_counter() - begin, iterations=count)
    check(capture, photos, out, score)
    return {name: value.cpu().numpy() for name, value in final.items()}, score


def _begun(
    torch: Any, values: dict[str, Any], reach: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is learned and the optimizer of each, as gsplat's strategies take them."""
    raw = {name: torch.nn.Parameter(value) for name, value in values.items()}
    steps = {name: rate * (reach if name == 'means' else 1.0) for name, rate in RATES.items()}
    adam = {
        name: torch.optim.Adam([value], lr=steps[name], eps=1e-15) for name, value in raw.items()
    }
    return raw, adam


def _progress(config: NerfConfig, begin: float, count: int) -> float:
    if config.iterations:
        return count / config.iterations
    return (time.perf_counter() - begin) / config.seconds


def _views(capture: Capture) -> np.ndarray:
    return view_matrices(
        np.array([view.position for view in capture.views]),
        np.array([view.rotation for view in capture.views]),
    )


def _score(
    modules: tuple[Any, Any],
    splats: dict[str, Any],
    cameras: list[Camera],
    views: Any,
    photos: Photos,
    rows: np.ndarray,
) -> Score:
    """Look at photographs `rows`."""
    signals, similar = list[float](), list[float]()
    for row in rows.tolist():
        drawn, _ = rasterized(modules, splats, cameras[row], views[row : row + 1], 1e-3)
        image = drawn[0, ..., :3].clamp(0.0, 1.0).cpu().numpy()
        truth = photos.colors[row].reshape(*photos.shape, 3)
        signals.append(psnr(image, truth))
        similar.append(ssim(image, truth))
    signal, likeness = (float(np.mean(x)) if x else math.nan for x in (signals, similar))
    return Score(0.0, 0, math.nan, signal, likeness, math.nan)

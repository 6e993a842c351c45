"""What one camera of many is like: how it sits, how late its images are, and how bright.

Drawn once an episode from what the robot's declaration says of its cameras (spec/camera.py), for
tasks whose images a renderer draws. `sensors/camera.py` simulates one camera in more detail, with
its own clock; here an image is of each control period.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
import torch

from robot_rl.spec.camera import Camera
from robot_rl.spec.rotation import product, rotate
from robot_rl.spec.task import Signals
from robot_rl.vision.eyes import mounted

Array = NDArray[np.float32]


def drawn(
    camera: Camera, num: int, generator: torch.Generator, device: torch.device
) -> dict[str, torch.Tensor]:
    """How the cameras of `num` episodes differ from what is declared.

    Returns 'mount' (num, 6) [m, rad], 'latency' (num, 1) [s] and 'light' (num, 3), a factor of
    each colour.
    """
    normal = torch.randn(num, 10, generator=generator, device=device)
    late = torch.rand(num, 1, generator=generator, device=device)
    least, greatest = camera.latency_s
    spread = [camera.position_std] * 3 + [camera.rotation_std] * 3
    return {
        'mount': torch.tensor(spread, device=device) * normal[:, :6],
        'latency': least + (greatest - least) * late,
        'light': (camera.gain_std * normal[:, 6:7] + camera.tint_std * normal[:, 7:10]).exp(),
    }


def exposed(signals: Signals, drawn: Signals, camera: Camera) -> tuple[Array, Array]:
    """Poses of cameras when what is seen now was exposed: (n, 3) [m], (n, 4) wxyz, optical frame.

    A latency ago the robot was where its present velocities lead back to: an acceleration of
    5 m/s^2 makes that 9 mm wrong after 60 ms.
    """
    late = drawn['latency'].numpy()
    quat = signals['base_quat_w'].numpy()
    back_b = -late * signals['base_lin_vel_b'].numpy()
    position = signals['base_pos_w'].numpy() + rotate(quat, back_b)
    half = -0.5 * late * signals['base_ang_vel_b'].numpy()
    turn = np.concatenate((np.ones_like(late), half), 1)
    turn /= np.linalg.norm(turn, axis=1, keepdims=True)
    return mounted(position, product(quat, turn), camera, drawn['mount'].numpy())


def lit(rgb: NDArray[np.uint8], drawn: Signals) -> torch.Tensor:
    """Images (n, h, w, 3), uint8, as bright and as tinted as those of each camera."""
    light = drawn['light'][:, None, None] * torch.from_numpy(rgb)
    return light.round_().clamp_(max=255.0).to(torch.uint8)

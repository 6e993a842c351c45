"""What a camera makes of a true image: mounting error, exposure, blur, noise, rate and latency."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from robot_rl.spec.camera import Camera
from robot_rl.spec.rotation import product, rotate

Array = NDArray[np.float64]
Ids = NDArray[np.int64]
Images = NDArray[np.uint8]
Draw = Callable[[Array, Array, Ids], Images]
"""Images (m, height, width, 3) of cameras at positions (m, 3) [m] with attitudes (m, 4) wxyz from
the optical frame to the world, in the scenes of environments (m,)."""


class CameraSensor:
    """One camera of a robot, in a batch of environments.

    Call `reset` when episodes begin and `step` once a control period. A frame is taken when the
    clock of the camera says so and is seen `latency_s` later, at the next control period; until
    then the one before is seen. Only frames that are taken are drawn.
    """

    def __init__(
        self,
        camera: Camera,
        num_envs: int,
        control_dt: float,
        seed: int,
        *,
        noise: bool = True,
        blur: int = 4,
    ) -> None:
        """`blur` moments of an exposure are drawn and averaged, one where nothing is exposed.

        Without `noise` the camera is where it should be, images come at once and are clean.
        """
        self.camera, self._dt, self._noise = camera, control_dt, noise
        self._blur = blur if noise and camera.exposure_s > 0.0 else 1
        self._rng = np.random.default_rng(seed)
        shape = (num_envs, camera.height, camera.width, 3)
        self.image: Images = np.zeros(shape, np.uint8)
        """(num_envs, height, width, 3) what is seen now."""
        self.age = np.zeros(num_envs)
        """(num_envs,) [s] since the middle of its exposure."""
        longest = camera.latency_s[1] if noise else 0.0
        depth = 1 + int(np.ceil(longest * min(camera.rate_hz, 1.0 / control_dt) + 1e-9))
        self._waiting: Images = np.zeros((depth, *shape), np.uint8)
        self._due = np.full((depth, num_envs), np.inf)  # [s] until each of those is seen
        self._taken = np.zeros((depth, num_envs))  # [s] since each was
        self._phase = np.zeros(num_envs)  # of the time between two frames, that is over
        self._latency = np.zeros(num_envs)
        self._gain: NDArray[np.float32] = np.ones((num_envs, 3), np.float32)
        self._mount = np.tile(np.array([*camera.position, *camera.quat]), (num_envs, 1))

    def poses(self, position: Array, quat: Array, ids: Ids) -> tuple[Array, Array]:
        """Where cameras of environments `ids` are when their frames are at `position`, `quat`.

        Returns positions (m, 3) [m] and attitudes (m, 4) wxyz, optical frame to world, with the
        errors of their mounting.
        """
        mount = self._mount[ids]
        return position + rotate(quat, mount[:, :3]), product(quat, mount[:, 3:])

    def reset(self, position: Array, quat: Array, ids: Ids, draw: Draw) -> None:
        """Begin episodes in `ids`: draw what stays the same for one, and take the first image.

        Args:
            position: (len(ids), 3) [m] of the link that carries the camera, world frame.
            quat: (len(ids), 4) wxyz, that link to the world.
            ids: (m,) environments.
            draw: The renderer.
        """
        camera, num, rng = self.camera, len(ids), self._rng
        if self._noise:
            self._latency[ids] = rng.uniform(*camera.latency_s, num)
            common = camera.gain_std * rng.standard_normal((num, 1))
            self._gain[ids] = np.exp(common + camera.tint_std * rng.standard_normal((num, 3)))
            self._mount[ids, :3] = camera.position + camera.position_std * rng.standard_normal(
                (num, 3)
            )
            turn = 0.5 * camera.rotation_std * rng.standard_normal((num, 3))
            small = np.concatenate((np.ones((num, 1)), turn), 1)
            small /= np.linalg.norm(small, axis=1, keepdims=True)
            self._mount[ids, 3:] = product(np.tile(np.array(camera.quat), (num, 1)), small)
        self._due[:, ids] = np.inf
        self._phase[ids] = rng.random(num)
        self.image[ids] = self.expose(draw(*self.poses(position, quat, ids), ids), ids)
        self.age[ids] = 0.0

    def step(
        self, position: Array, quat: Array, before: Array, attitude_before: Array, draw: Draw
    ) -> NDArray[np.bool_]:
        """One control period later: take the frames that are due, show those that have arrived.

        Args:
            position: (num_envs, 3) [m] of the link that carries the camera, now.
            quat: (num_envs, 4) wxyz, that link to the world.
            before: The same as `position`, a control period ago.
            attitude_before: The same as `quat`, a control period ago.
            draw: The renderer.

        Returns:
            (num_envs,) whether `image` is a new one.
        """
        self.age += self._dt
        self._taken += self._dt
        self._due -= self._dt
        self._phase += self._dt * self.camera.rate_hz
        ids = (self._phase >= 1.0).nonzero()[0]
        self._phase %= 1.0
        if len(ids):
            self._take(position[ids], quat[ids], before[ids], attitude_before[ids], ids, draw)
        return self._show()

    def _take(
        self, position: Array, quat: Array, before: Array, quat_before: Array, ids: Ids, draw: Draw
    ) -> None:
        """Put frames of environments `ids` among those that wait, in the place of the oldest."""
        num, moments = len(ids), self._blur
        back = (np.arange(moments) - 0.5 * (moments - 1)) / moments  # of the exposure
        # Its middle is now, but nothing is known of what comes: it ends now.
        share = (self.camera.exposure_s * (0.5 + back) / self._dt)[:, None, None]
        share = share if moments > 1 else np.zeros((1, 1, 1))
        places = position + share * (before - position)
        near = np.where(
            (quat * quat_before).sum(1, keepdims=True) < 0.0, -quat_before, quat_before
        )
        turns = quat + share * (near - quat)
        turns /= np.linalg.norm(turns, axis=-1, keepdims=True)
        every = np.tile(ids, moments)
        poses = self.poses(places.reshape(-1, 3), turns.reshape(-1, 4), every)
        drawn = draw(*poses, every).reshape(moments, num, *self.image.shape[1:])
        image = drawn[0] if moments == 1 else drawn.mean(0, dtype=np.float32)
        slot = np.where(np.isinf(self._due[:, ids]), np.inf, self._taken[:, ids]).argmax(0)
        half = 0.5 * self.camera.exposure_s if moments > 1 else 0.0
        self._waiting[slot, ids] = self.expose(image, ids)
        self._due[slot, ids] = np.maximum(self._latency[ids] - half, 0.0)
        self._taken[slot, ids] = half

    def _show(self) -> NDArray[np.bool_]:
        """Let `image` be the newest frame that has arrived."""
        arrived = self._due <= 1e-9
        fresh = np.asarray(arrived.any(0))
        ids = fresh.nonzero()[0]
        slot = np.where(arrived[:, ids], self._taken[:, ids], np.inf).argmin(0)
        self.image[ids] = self._waiting[slot, ids]
        self.age[ids] = self._taken[slot, ids]
        self._due[arrived] = np.inf
        return fresh

    def expose(self, image: NDArray, ids: Ids) -> Images:
        """Images (m, height, width, 3) with the brightness, tint and noise of cameras `ids` (m,).

        Shot noise has a variance that grows with the light, and what reads a pixel out adds its
        own (Healey and Kondepudy 1994); both are Gaussian here, and levels are whole and end at
        255.
        """
        camera = self.camera
        if not self._noise:
            return np.rint(image).astype(np.uint8)
        light = image * self._gain[ids][:, None, None]
        return grainy(light, camera, self._rng)


def grainy(light: NDArray, camera: Camera, rng: np.random.Generator) -> Images:
    """Images of `light` (n, height, width, 3) from 0 to 255, with the noise of `camera`."""
    if camera.shot > 0.0 or camera.read_std > 0.0:
        spread = np.sqrt(camera.shot * light + np.float32(camera.read_std**2))
        light = light + spread * rng.standard_normal(light.shape, dtype=np.float32)
    return np.rint(light.clip(0.0, 255.0)).astype(np.uint8)

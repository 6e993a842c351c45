"""Images by MuJoCo's own renderer: OpenGL, on a CPU through EGL or OSMesa; draws meshes too."""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import MissingPackageError, SpecError
from robot_rl.spec.camera import Camera
from robot_rl.spec.rotation import matrix_of
from robot_rl.vision.mujoco_model import FLOOR, compile_scene
from robot_rl.vision.renderer import Frames
from robot_rl.vision.scenes import Scenes

_NEAR, _FAR = 0.01, 200.0  # [m]
_KEPT = 8
_BACKENDS = ('egl', 'osmesa')


class Mujoco:
    """Draws all shapes, one image after another.

    A scene becomes a model with textures of its own, which takes half a second if it has patterns;
    the last eight are kept. What has moved since is only placed anew. Patterns are images of
    256 x 256 texels on each side of a shape, capsules and meshes have their mean colour, and a
    plane is a box that ends 100 m from its middle. There is no sky: where nothing is, it is black.
    """

    def __init__(
        self,
        camera: Camera,
        supersample: int = 1,
        shadows: bool = False,
        *,
        ids: bool = True,
        faces: tuple[int, int] = (28, 16),
    ) -> None:
        """Take supersample^2 samples for each pixel.

        Without `ids` they are all -1, and an image takes half as long. `faces` are those of what
        is round: about its axis and along it.

        Raises:
            MissingPackageError: No mujoco, or no OpenGL library that it could use.
            SpecError: The camera distorts or its pixels are not square, which OpenGL cannot do.
        """
        if any(camera.distortion) or abs(camera.fx - camera.fy) > 1e-6 * camera.fx:
            raise SpecError(
                f'The renderer mujoco needs square pixels and no distortion, got fx {camera.fx}, '
                f'fy {camera.fy} and distortion {camera.distortion} of camera {camera.name!r}. '
                'Use raycast.'
            )
        self.camera, self._samples = camera, supersample**2
        self._shadows, self._ids, self._faces = shadows, ids, faces
        self._mj, self._gl = _open(camera.width, camera.height)
        self._made: dict[tuple[int, int, int], _Stage] = {}

    def render(
        self, position: Any, quat: Any, scenes: Scenes, rows: NDArray[np.int64] | None = None
    ) -> Frames:
        """See `Renderer.render`."""
        position, turns = np.asarray(position, float), matrix_of(np.asarray(quat, float))
        rows = np.arange(len(position)) if rows is None else rows
        shape = (len(position), self.camera.height, self.camera.width)
        frames = Frames(
            np.empty((*shape, 3), np.uint8),
            np.empty(shape, np.float32),
            np.full(shape, -1, np.int32),
        )
        self._gl.make_current()
        for i, row in enumerate(rows):
            stage = self._stage(scenes, int(row))
            stage.place(scenes, int(row))
            stage.draw(position[i], turns[i], *(part[i] for part in frames))
        return frames

    def _stage(self, scenes: Scenes, row: int) -> _Stage:
        key = (id(scenes), row, int(scenes.version[row]))
        if key not in self._made:
            while len(self._made) >= _KEPT:
                self._made.pop(next(iter(self._made))).close()
            self._made[key] = _Stage(self, scenes, row)
        return self._made[key]

    def close(self) -> None:
        """Give back what the graphics library holds."""
        for stage in self._made.values():
            stage.close()
        self._made.clear()
        self._gl.free()


def _open(width: int, height: int) -> tuple[Any, Any]:
    """The module mujoco and a context of OpenGL."""
    try:
        import mujoco
    except ImportError:
        raise MissingPackageError('mujoco') from None
    asked = os.environ.get('MUJOCO_GL', '').lower()
    backends = (asked,) if asked in _BACKENDS else _BACKENDS
    reasons: list[str] = []
    for name in backends:
        found = _context(name, width, height)
        if not isinstance(found, str):
            return mujoco, found
        reasons.append(f'{name}: {found}')
    raise MissingPackageError(
        'PyOpenGL',
        f'The renderer mujoco, which found no OpenGL ({"; ".join(reasons)}),',
        "Install it with: pip install 'robot_rl[render]', and a library that it can use with: "
        'apt install libosmesa6. Then set MUJOCO_GL=osmesa.',
    )


def _context(backend: str, width: int, height: int) -> Any:
    """A context of OpenGL, or why there is none."""
    try:
        return importlib.import_module(f'mujoco.{backend}').GLContext(width, height)
    except (ImportError, AttributeError, RuntimeError) as error:
        return str(error).strip().rstrip('.')


class _Stage:
    """One scene in OpenGL."""

    def __init__(self, owner: Mujoco, scenes: Scenes, row: int) -> None:
        mujoco = owner._mj
        self._mj, self._owner = mujoco, owner
        self._of = scenes  # kept, or another might come to lie at its address
        self.model = compile_scene(
            mujoco, scenes.specs[row], owner._samples, owner._shadows, owner._faces
        )
        self._data = mujoco.MjData(self.model)
        mujoco.mj_forward(self.model, self._data)
        self._scene = mujoco.MjvScene(self.model, maxgeom=self.model.ngeom + 8)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = owner._shadows
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SKYBOX] = False
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self._context = mujoco.MjrContext(self.model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        self._option, self._view = mujoco.MjvOption(), mujoco.MjvCamera()
        camera = owner.camera
        self._rect = mujoco.MjrRect(0, 0, camera.width, camera.height)
        self._placed: NDArray | None = None
        self._colour = np.empty((camera.height, camera.width, 3), np.uint8)
        self._depth = np.empty((camera.height, camera.width), np.float32)

    def place(self, scenes: Scenes, row: int) -> None:
        """Put shapes to where they are now."""
        mujoco, count = self._mj, len(scenes.specs[row].shapes)
        now = np.concatenate((scenes.position[row, :count], scenes.quat[row, :count]), 1)
        if self._placed is not None and np.array_equal(now, self._placed):
            return
        self._placed = now
        turns = matrix_of(now[:, 3:].astype(float))
        down = np.where(scenes.kind[row, :count, None] == 1, turns[:, :, 2] * FLOOR, 0.0)
        self._data.geom_xpos[:count] = now[:, :3] - down
        self._data.geom_xmat[:count] = turns.reshape(-1, 9)
        every = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(
            self.model, self._data, self._option, None, self._view, every, self._scene
        )

    def draw(
        self, position: NDArray, turn: NDArray, rgb: NDArray, depth: NDArray, ids: NDArray
    ) -> None:
        """Write one image."""
        mujoco, camera = self._mj, self._owner.camera
        scale = _NEAR / camera.fx
        middle = (0.5 * (camera.width - 1) - camera.cx) * scale
        for eye in self._scene.camera:
            eye.pos, eye.forward, eye.up = position, turn[:, 2], -turn[:, 1]
            eye.frustum_center, eye.frustum_width = middle, 0.5 * camera.width * scale
            eye.frustum_top = (camera.cy + 0.5) * scale
            eye.frustum_bottom = (camera.cy + 0.5 - camera.height) * scale
            eye.frustum_near, eye.frustum_far, eye.orthographic = _NEAR, _FAR, 0
        # Of several contexts the one that was made last would be drawn into.
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        mujoco.mjr_render(self._rect, self._scene, self._context)
        mujoco.mjr_readPixels(self._colour, self._depth, self._rect, self._context)
        rgb[:] = self._colour[::-1]
        # Reversed z: 1 at the near and 0 at the far end.
        share = self._depth[::-1]
        depth[:] = _FAR * _NEAR / (_NEAR + share * (_FAR - _NEAR))
        depth[share <= 0.0] = np.inf
        if self._owner._ids:
            self._number(ids)

    def _number(self, ids: NDArray) -> None:
        mujoco, flags = self._mj, self._scene.flags
        parts = (mujoco.mjtRndFlag.mjRND_SEGMENT, mujoco.mjtRndFlag.mjRND_IDCOLOR)
        for flag in parts:
            flags[flag] = True
        mujoco.mjr_render(self._rect, self._scene, self._context)
        mujoco.mjr_readPixels(self._colour, None, self._rect, self._context)
        for flag in parts:
            flags[flag] = False
        seen = self._colour[::-1].astype(np.int32) @ np.array([1, 256, 65536], np.int32)
        table = np.full(self._scene.maxgeom + 2, -1, np.int32)
        for geom in self._scene.geoms[: self._scene.ngeom]:
            table[geom.segid + 1] = geom.objid
        ids[:] = table[seen]

    def close(self) -> None:
        self._context.free()

"""A scene as a model of MuJoCo, with patterns baked into textures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError
from robot_rl.kernels.raycast_run import painter
from robot_rl.spec.scene import PATTERNS, Look, Scene, Shape

Array = NDArray[np.float64]

FLOOR = 0.05
"""[m] half the thickness of the box that stands for a plane."""
WIDE = 100.0
"""[m] half its edges. Drawing a true plane takes MuJoCo thirty times longer."""
_SIDE = 256
"""Texels along the edge of a texture."""
# Of the six images of a cube in OpenGL: what the directions right, down and outward are.
_SIDES = (
    ((0, 0, -1), (0, -1, 0), (1, 0, 0)),
    ((0, 0, 1), (0, -1, 0), (-1, 0, 0)),
    ((1, 0, 0), (0, 0, 1), (0, 1, 0)),
    ((1, 0, 0), (0, 0, -1), (0, -1, 0)),
    ((1, 0, 0), (0, -1, 0), (0, 0, 1)),
    ((-1, 0, 0), (0, -1, 0), (0, 0, -1)),
)


def compile_scene(
    mujoco: Any, scene: Scene, samples: int, shadows: bool, faces: tuple[int, int]
) -> Any:
    """MjModel of `scene`, whose geom i is its shape i. Raises SpecError for an unreadable mesh."""
    spec = mujoco.MjSpec()
    spec.visual.quality.offsamples = samples if samples > 1 else 0
    spec.visual.quality.numslices, spec.visual.quality.numstacks = faces
    spec.visual.headlight.active = 0
    spec.visual.map.znear, spec.visual.map.zfar = 0.01, 200.0
    spec.stat.extent, spec.stat.center = 1.0, [0.0, 0.0, 0.0]
    _light(mujoco, spec, scene, shadows)
    for number, shape in enumerate(scene.shapes):
        _add(mujoco, spec, number, shape)
    try:
        return spec.compile()
    except ValueError as error:
        reason = str(error).strip().rstrip('.')
        raise SpecError(f'MuJoCo refuses a scene: {reason}. Correct its shapes.') from None


def _light(mujoco: Any, spec: Any, scene: Scene, shadows: bool) -> None:
    kinds = mujoco.mjtLightType
    black = [0.0, 0.0, 0.0]
    spec.worldbody.add_light(
        type=kinds.mjLIGHT_DIRECTIONAL,
        dir=[-x for x in scene.to_sun],
        pos=[10.0 * x for x in scene.to_sun],
        diffuse=scene.sun,
        ambient=scene.ambient,
        specular=black,
        castshadow=shadows,
    )
    for lamp in scene.lamps:
        spec.worldbody.add_light(
            type=kinds.mjLIGHT_SPOT,
            cutoff=180.0,
            exponent=0.0,
            pos=lamp.position,
            diffuse=lamp.colour,
            ambient=black,
            specular=black,
            attenuation=[1.0, 0.0, lamp.reach**-2],
            castshadow=False,
        )


def _add(mujoco: Any, spec: Any, number: int, shape: Shape) -> None:
    kinds = mujoco.mjtGeom
    kind = {
        'plane': kinds.mjGEOM_BOX,
        'box': kinds.mjGEOM_BOX,
        'sphere': kinds.mjGEOM_SPHERE,
        'cylinder': kinds.mjGEOM_CYLINDER,
        'capsule': kinds.mjGEOM_CAPSULE,
        'mesh': kinds.mjGEOM_MESH,
    }[shape.kind]
    geom = spec.worldbody.add_geom(
        type=kind, pos=shape.position, quat=shape.quat, contype=0, conaffinity=0
    )
    half = shape.half
    if shape.kind == 'mesh':
        spec.add_mesh(name=f'mesh{number}', file=shape.file, scale=shape.size)
        geom.meshname = f'mesh{number}'
    elif shape.kind == 'plane':
        geom.size = [WIDE, WIDE, FLOOR]
    elif shape.kind in ('cylinder', 'capsule'):
        geom.size = [half[0], half[2], 0.0]
    else:
        geom.size = list(half)
    material = spec.add_material(
        name=f'look{number}', specular=0.0, shininess=0.0, reflectance=0.0, emission=0.0
    )
    geom.material = material.name
    if shape.look.pattern == 'plain' or shape.kind in ('capsule', 'mesh'):
        material.rgba = [*mean(shape.look), 1.0]
    else:
        _texture(mujoco, spec, material, shape, f'texture{number}')


def mean(look: Look) -> Array:
    """Mean colour (3,) from 0 to 1 of a look."""
    if look.image is not None and look.pattern == 'image':
        return look.image.reshape(-1, 3).mean(0) / 255.0
    share = 0.0 if look.pattern == 'plain' else 0.5
    return (1.0 - share) * np.asarray(look.colour) + share * np.asarray(look.second)


def _texture(mujoco: Any, spec: Any, material: Any, shape: Shape, name: str) -> None:
    if shape.kind == 'plane':
        edge = 8.0 * shape.look.scale  # of what is repeated
        along = edge * (np.arange(2 * _SIDE) + 0.5) / (2 * _SIDE)
        u, v = np.meshgrid(along - WIDE, WIDE - along)  # it begins at a corner
        texels = paint(shape.look, u, v)
        kind, material.texuniform = mujoco.mjtTexture.mjTEXTURE_2D, True
        material.texrepeat = [2.0 / edge, 2.0 / edge]  # it counts half edges
    else:
        texels = np.concatenate([_side(shape, number) for number in range(6)])
        kind = mujoco.mjtTexture.mjTEXTURE_CUBE
    height, width = texels.shape[:2]
    texture = spec.add_texture(name=name, type=kind, width=width, height=height, nchannel=3)
    texture.data = texels.tobytes()
    names = list(material.textures)
    names[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    material.textures = names


def _side(shape: Shape, number: int) -> NDArray[np.uint8]:
    """Texels of one side of the cube around a shape: what lies in their directions from within."""
    right, down, out = (np.array(axis, float) for axis in _SIDES[number])
    across = (2.0 * np.arange(_SIDE) + 1.0) / _SIDE - 1.0
    way = out + across[None, :, None] * right + across[:, None, None] * down
    half = np.array(shape.half)
    if shape.kind == 'box':
        point = way * half
        flat = [axis for axis in range(3) if not out[axis]]
        u, v = point[..., flat[0]], point[..., flat[1]]
    elif shape.kind == 'sphere':
        x, y, z = np.moveaxis(way / np.linalg.norm(way, axis=-1, keepdims=True), -1, 0)
        u, v = half[0] * np.arctan2(y, x), half[0] * np.arcsin(z)
    else:
        away = np.hypot(way[..., 0], way[..., 1])
        end = np.abs(way[..., 2]) > away
        point = way / np.maximum(away, np.abs(way[..., 2]))[..., None] * half
        x, y, z = np.moveaxis(point, -1, 0)
        u = np.where(end, x, half[0] * np.arctan2(y, x))
        v = np.where(end, y, z)
    return paint(shape.look, u, v)


def paint(look: Look, u: Array, v: Array) -> NDArray[np.uint8]:
    """Colours (..., 3) of a look at coordinates u and v (...) [m] on a surface."""
    if look.image is not None and look.pattern == 'image':
        high, wide = look.image.shape[:2]
        x = np.floor((u - look.phase[0]) / look.scale * wide).astype(int) % wide
        y = np.floor(-(v - look.phase[1]) / look.scale * wide).astype(int) % high
        return look.image[y, x]
    work = np.zeros((8, u.size), np.float32)
    work[3], work[4] = u.ravel(), v.ravel()
    row = np.array([*look.colour, *look.second, look.scale, *look.phase], np.float32)
    painter()(PATTERNS.index(look.pattern), row, work, np.uint64(u.size))
    texels = (255.0 * work[5:8].clip(0.0, 1.0) + 0.5).astype(np.uint8)
    return texels.T.reshape(*u.shape, 3)

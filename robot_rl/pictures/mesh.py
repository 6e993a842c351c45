"""Triangle meshes of the shapes that a URDF and a world are made of."""

from __future__ import annotations

from dataclasses import dataclass
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError
from robot_rl.pictures.compile import compiled

Array = NDArray[np.float32]
ROUND = 48
"""Sides of what is round."""
CREASE = math.cos(math.radians(40.0))
"""Faces of a mesh file that meet at a blunter angle than this look like one smooth surface."""


@dataclass(frozen=True)
class Mesh:
    """Triangles, counter-clockwise seen from outside."""

    vertices: Array
    """(n, 3) [m]"""
    normals: Array
    """(n, 3) unit vectors."""
    faces: NDArray[np.int32]
    """(m, 3) rows of `vertices`."""

    def placed(self, matrix: np.ndarray) -> Mesh:
        """Return the mesh moved by a (4, 4) rigid transformation."""
        rotation = np.asarray(matrix[:3, :3], np.float32)
        return Mesh(
            self.vertices @ rotation.T + np.asarray(matrix[:3, 3], np.float32),
            self.normals @ rotation.T,
            self.faces,
        )


def joined(meshes: list[Mesh]) -> Mesh:
    """Several meshes as one."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]),
    )


def _mesh(vertices: object, normals: object, faces: object) -> Mesh:
    return Mesh(
        np.asarray(vertices, np.float32).reshape(-1, 3),
        np.asarray(normals, np.float32).reshape(-1, 3),
        np.asarray(faces, np.int32).reshape(-1, 3),
    )


def flat(triangles: np.ndarray) -> Mesh:
    """Mesh of (m, 3, 3) corners [m], each triangle with a normal of its own."""
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
    return _mesh(triangles, np.repeat(normals, 3, axis=0), np.arange(3 * len(triangles)))


def box(size: tuple[float, float, float]) -> Mesh:
    """Box of full edge lengths [m] about the origin."""
    vertices, normals, faces = [], [], []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            normal = sign * np.eye(3)[axis]
            u = np.eye(3)[(axis + 1) % 3]
            v = np.cross(normal, u)
            corner = len(vertices)
            vertices += [normal - u - v, normal + u - v, normal + u + v, normal - u + v]
            normals += [normal] * 4
            faces += [[corner, corner + 1, corner + 2], [corner, corner + 2, corner + 3]]
    return _mesh(np.array(vertices) * 0.5 * np.array(size), normals, faces)


def revolved(profile: list[tuple[float, float, float, float]], sides: int = ROUND) -> Mesh:
    """Surface of revolution about z of a (radius, z, normal radius, normal z) outline, upward.

    Two rows at the same place make an edge that shades sharply.
    """
    angle = np.linspace(0.0, 2.0 * math.pi, sides, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    rows = np.array(profile)
    vertices = np.concatenate(
        [np.column_stack([r * circle, np.full(sides, z)]) for r, z, _, _ in rows]
    )
    normals = np.concatenate(
        [np.column_stack([r * circle, np.full(sides, z)]) for _, _, r, z in rows]
    )
    first = np.arange(sides)
    second = np.roll(first, -1)
    faces = []
    for row in range(len(rows) - 1):
        low, high = row * sides, (row + 1) * sides
        if np.allclose(rows[row, :2], rows[row + 1, :2]):
            continue  # an edge between two surfaces, no surface
        faces += [np.column_stack([low + first, low + second, high + second])]
        faces += [np.column_stack([low + first, high + second, high + first])]
    return _mesh(vertices, normals, np.concatenate(faces))


def cylinder(radius: float, length: float) -> Mesh:
    """Cylinder about z, centred on the origin."""
    half = 0.5 * length
    return revolved(
        [
            (0.0, -half, 0.0, -1.0),
            (radius, -half, 0.0, -1.0),
            (radius, -half, 1.0, 0.0),
            (radius, half, 1.0, 0.0),
            (radius, half, 0.0, 1.0),
            (0.0, half, 0.0, 1.0),
        ]
    )


def capsule(radius: float, length: float) -> Mesh:
    """Cylinder about z with half a sphere on either end; `length` is without them."""
    angles = np.linspace(-0.5 * math.pi, 0.5 * math.pi, ROUND // 2)
    ends = np.where(angles < 0.0, -0.5, 0.5) * length
    circle = zip(np.cos(angles).tolist(), np.sin(angles).tolist(), ends.tolist(), strict=True)
    return revolved([(radius * c, radius * s + end, c, s) for c, s, end in circle])


def sphere(radius: float) -> Mesh:
    """Sphere about the origin."""
    return capsule(radius, 0.0)


def arrow(length: float = 1.0) -> Mesh:
    """Arrow from the origin along x."""
    shaft, head = 0.025 * length, 0.07 * length
    slope = (0.25 / math.hypot(0.25, 0.07), 0.07 / math.hypot(0.25, 0.07))
    upright = revolved(
        [
            (0.0, 0.0, 0.0, -1.0),
            (shaft, 0.0, 0.0, -1.0),
            (shaft, 0.0, 1.0, 0.0),
            (shaft, 0.75 * length, 1.0, 0.0),
            (shaft, 0.75 * length, 0.0, -1.0),
            (head, 0.75 * length, 0.0, -1.0),
            (head, 0.75 * length, *slope),
            (0.0, length, *slope),
        ],
        sides=16,
    )
    along_x = np.eye(4)
    along_x[:3, :3] = [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    return upright.placed(along_x)


def ribbon(points: np.ndarray, width: float) -> Mesh:
    """Stripe of `width` [m] that lies along a (n, 3) path."""
    tangent = np.gradient(points[:, :2], axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    side = 0.5 * width * np.column_stack([-tangent[:, 1], tangent[:, 0], np.zeros(len(points))])
    return _strip(points - side, points + side)


def wall(points: np.ndarray, height: float) -> Mesh:
    """Upright wall along a (n, 3) path, seen from both sides."""
    top = points + np.array([0.0, 0.0, height])
    return joined([_strip(points, top), _strip(top, points)])


def _strip(left: np.ndarray, right: np.ndarray) -> Mesh:
    """Surface between two (n, 3) paths, facing up where `right` is on the left of travel."""
    quads = np.stack([left[:-1], left[1:], right[1:], right[:-1]], axis=1)
    return flat(quads[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3, 3))


def surface(heights: np.ndarray, cell: float, origin: tuple[float, float]) -> Mesh:
    """Ground over (rows along x, columns along y) of `heights` [m], `cell` [m] apart."""
    rows, columns = heights.shape
    x, y = np.meshgrid(np.arange(rows), np.arange(columns), indexing='ij')
    vertices = np.stack([origin[0] + cell * x, origin[1] + cell * y, heights], axis=-1)
    slope_x, slope_y = np.gradient(heights, cell)
    normals = np.stack([-slope_x, -slope_y, np.ones_like(slope_x)], axis=-1)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    corner = (x * columns + y)[:-1, :-1].ravel()
    near, far = corner + columns, corner + columns + 1
    faces = np.concatenate(
        [np.column_stack([corner, near, far]), np.column_stack([corner, far, corner + 1])]
    )
    return _mesh(vertices, normals, faces)


def load_stl(path: Path, scale: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Mesh:
    """Mesh of an STL file, binary or text. Raises SpecError for anything else."""
    if path.suffix.lower() != '.stl':
        raise SpecError(f'{path}: only STL meshes can be drawn. Convert the file to STL.')
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SpecError(
            f'Cannot read the mesh {path}: {error.strerror}. Correct its name in the URDF.'
        ) from None
    count = int.from_bytes(data[80:84], 'little')
    if len(data) == 84 + 50 * count:
        record = np.dtype([('normal', '<f4', 3), ('corners', '<f4', (3, 3)), ('attribute', '<u2')])
        corners = np.frombuffer(data, record, count, 84)['corners'].astype(float)
    else:
        words = data.split()
        try:
            numbers = [words[i + 1 : i + 4] for i, word in enumerate(words) if word == b'vertex']
            corners = np.array(numbers, float).reshape(-1, 3, 3)
        except ValueError:
            raise SpecError(
                f'{path} is no STL file, neither binary nor text. Export the mesh again.'
            ) from None
    if not len(corners):
        raise SpecError(f'{path} holds no triangles. Export the mesh again.')
    return _smoothed(corners * np.array(scale))


def _smoothed(corners: np.ndarray) -> Mesh:
    """Normals averaged over the faces about a corner, but for those beyond a crease."""
    mesh = flat(corners)
    _, place = np.unique(mesh.vertices.round(6), axis=0, return_inverse=True)
    sums = np.zeros((place.max() + 1, 3), np.float32)
    np.add.at(sums, place.ravel(), mesh.normals)
    mean = sums[place.ravel()]
    mean /= np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-20)
    smooth = (mean * mesh.normals).sum(axis=1, keepdims=True) > CREASE
    return Mesh(mesh.vertices, np.where(smooth, mean, mesh.normals), mesh.faces)


@compiled
def place(
    local: Array,
    local_normal: Array,
    owner: NDArray[np.int32],
    frames: Array,
    vertices: Array,
    normals: Array,
) -> None:
    """Move vertices (n, 3) and normals with the frames (k, 8) that own them."""
    for i in range(len(local)):
        f = frames[owner[i]]
        w, x, y, z, s = f[3], f[4], f[5], f[6], f[7]
        for source, out, size in ((local, vertices, s), (local_normal, normals, np.float32(1.0))):
            a, b, c = source[i, 0] * size, source[i, 1] * size, source[i, 2] * size
            u = 2.0 * (y * c - z * b)
            v = 2.0 * (z * a - x * c)
            t = 2.0 * (x * b - y * a)
            out[i, 0] = a + w * u + y * t - z * v
            out[i, 1] = b + w * v + z * u - x * t
            out[i, 2] = c + w * t + x * v - y * u
        vertices[i, 0] += f[0]
        vertices[i, 1] += f[1]
        vertices[i, 2] += f[2]

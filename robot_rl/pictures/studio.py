"""Draws a scene at any moment."""

from __future__ import annotations

import math

import numpy as np

from robot_rl.pictures import raster
from robot_rl.pictures.camera import FIELD, follow, survey, view_of
from robot_rl.pictures.mesh import joined, place
from robot_rl.pictures.raster import Faces, Light, Look, View
from robot_rl.pictures.scene import PLUMB, WORLD, Item, Scene
from robot_rl.spec.world import Colour

SUN = (0.30, -0.36, math.sqrt(1.0 - 0.30**2 - 0.36**2))
SHADOW_CELLS = 384
HORIZON, ZENITH = (0.89, 0.915, 0.94), (0.62, 0.72, 0.83)
FLOOR, LINE = (0.795, 0.81, 0.825), (0.935, 0.945, 0.955)
SHADE = 0.42
"""How much darker a shadow on the floor is."""
LINE_PIXELS = 2.2
TRAIL_S = 3.0
"""[s] after which a trail has faded."""
NOTHING = Faces(
    np.empty((0, 3), np.float32),
    np.empty((0, 3), np.float32),
    np.empty((0, 3), np.int32),
    np.empty((0, 4), np.float32),
)


class Studio:
    """One scene, drawn at one size."""

    def __init__(self, scene: Scene, width: int, height: int, *, overview: bool = False) -> None:
        """Lay out all triangles; sizes are in pixels. The `overview` shows the whole way."""
        self.scene, self.width, self.height = scene, width, height
        self.focus, self.extent = survey(scene) if overview else follow(scene)
        self.travels = float(survey(scene)[1][0]) > 1.5 * float(np.median(self.extent))
        solid = [item for item in scene.items if item.colour[3] >= 1.0]
        self._solid = _Group(sorted(solid, key=lambda item: item.frame == WORLD))
        self._moving = sum(len(item.mesh.faces) for item in solid if item.frame != WORLD)
        self._sheer = _Group([item for item in scene.items if item.colour[3] < 1.0])
        self._look = floor_look(scene, self.focus, self.extent)
        self._depth = np.empty((height, width, raster.SAMPLES), np.float32)
        self._ids = np.empty((height, width, raster.SAMPLES), np.int32)
        self._image = np.empty((height, width, 3), np.float32)
        self._picture = np.empty((height, width, 3), np.uint8)
        self._shadow = np.empty((SHADOW_CELLS, SHADOW_CELLS), np.float32)

    def draw(self, time: float) -> np.ndarray:
        """Picture (height, width, 3) uint8 at `time` [s]; the next one takes its memory."""
        moment = self.moment(time)
        at = lambda values: _between(values, moment)  # noqa: E731
        frames = at(self.scene.frames)
        frames[:, 3:7] /= np.linalg.norm(frames[:, 3:7], axis=1, keepdims=True)
        view = view_of(at(self.focus), float(at(self.extent)), self.width, self.height)
        solid, sheer = self._solid.placed(frames), self._sheer.placed(frames)
        light = self._light(solid, at(self.scene.robot))
        self._depth.fill(0.0)
        self._ids.fill(-1)
        raster.draw_opaque(solid, view, self._depth, self._ids)
        raster.backdrop(view, self._look, self._image)
        raster.draw_floor_shadow(view, light, self._look, self._image)
        raster.resolve(solid, view, light, self._look, self._ids, self._image)
        for part in [*self._lines(moment, view), *self._sheer.parts(sheer, view)]:
            raster.draw_over(part, view, light, self._look, self._depth, self._ids, self._image)
        np.copyto(self._picture, 255.0 * self._image + 0.5, casting='unsafe')
        return self._picture

    def moment(self, time: float) -> float:
        """Where among the samples `time` [s] is; an episode that has ended stands still."""
        times = self.scene.episode.time
        return float(np.interp(time, times, np.arange(len(times))))

    def _light(self, solid: Faces, middle: np.ndarray) -> Light:
        """The sun, with the shadow of all that moves near the robot."""
        reach = 1.5 * self.scene.radius
        landing = middle[:2] - middle[2] / SUN[2] * np.array(SUN[:2])
        x, y = (landing - reach / SUN[2]).tolist()
        size = 2.0 * reach / SUN[2]
        self._shadow.fill(-np.inf)
        softness = 0.05 * self.scene.radius + 0.02 * max(0.0, float(middle[2]))
        light = Light(SUN, (x, y), size / SHADOW_CELLS, self._shadow, softness)
        raster.draw_shadow(solid._replace(corners=solid.corners[: self._moving]), light)
        return light

    def _lines(self, moment: float, view: View) -> list[Faces]:
        """Trails and the plumb line as stripes that face the camera."""
        scene, stripes = self.scene, []
        now, dt = int(moment), scene.episode.task.control_dt
        for trail in scene.trails:
            points = trail.points if trail.whole else trail.points[: now + 1]
            points = np.asarray(points, float)
            faded = np.ones(len(points))
            if not trail.whole:
                points = np.vstack([points, _between(trail.points, moment)])
                age = dt * (moment - np.append(np.arange(now + 1), moment))
                faded = np.clip(1.0 - age / TRAIL_S, 0.0, 1.0)
                points, faded = points[faded > 0.0], faded[faded > 0.0]
            stripes.append(_stripe(points, trail.colour, faded, view, LINE_PIXELS))
        if scene.flies:
            top = _between(scene.robot, moment)
            heights = np.linspace(top[2], 0.0, 30)
            points = np.column_stack([np.tile(top[:2], (30, 1)), heights])
            stripes.append(_stripe(points, PLUMB, np.ones(30), view, 0.6 * LINE_PIXELS))
        return stripes


def floor_look(scene: Scene, focus: np.ndarray, extent: np.ndarray) -> Look:
    """A floor with lines that suit the camera's usual distance; a change would distract."""
    reach = float(np.median(extent)) / math.tan(0.5 * FIELD)
    far = max(reach, float(np.median(focus[:, 2])) + 0.5 * reach)
    grid = 10.0 ** round(math.log10(far / 3.0))
    return Look(
        HORIZON,
        ZENITH,
        FLOOR,
        LINE,
        has_floor=scene.floor,
        grid=grid,
        line_width=0.01 * grid,
        haze=7.0 * far,
        shade=SHADE,
    )


class _Group:
    """Items as one set of triangles, to be placed at every moment."""

    def __init__(self, items: list[Item]) -> None:
        self._spans: list[tuple[int, int]] = []
        if not items:
            self._local = None
            return
        self._local = joined([item.mesh for item in items])
        counts = [len(item.mesh.vertices) for item in items]
        self._owner = np.repeat([item.frame for item in items], counts).astype(np.int32)
        faces = [len(item.mesh.faces) for item in items]
        colours = np.array([item.colour for item in items], np.float32)
        self._colours = np.repeat(colours, faces, axis=0)
        ends = np.cumsum(faces).tolist()
        self._spans = list(zip([0, *ends[:-1]], ends, strict=True))

    def placed(self, frames: np.ndarray) -> Faces:
        """All triangles in the world."""
        if self._local is None:
            return NOTHING
        vertices = np.empty_like(self._local.vertices)
        normals = np.empty_like(vertices)
        place(
            self._local.vertices,
            self._local.normals,
            self._owner,
            np.ascontiguousarray(frames, np.float32),
            vertices,
            normals,
        )
        return Faces(vertices, normals, self._local.faces, self._colours)

    def parts(self, faces: Faces, view: View) -> list[Faces]:
        """The items one by one, the furthest first."""
        parts: list[tuple[float, Faces]] = []
        for start, end in self._spans:
            corners = faces.corners[start:end]
            middle = faces.vertices[corners[:, 0]].mean(axis=0)
            distance = float(np.linalg.norm(middle - np.array(view.eye)))
            parts.append(
                (-distance, faces._replace(corners=corners, colours=faces.colours[start:end]))
            )
        return [part for _, part in sorted(parts, key=lambda pair: pair[0])]


def _between(values: np.ndarray, moment: float) -> np.ndarray:
    """Row of `values` at a moment between two."""
    low = min(int(moment), len(values) - 1)
    high = min(low + 1, len(values) - 1)
    return values[low] + (moment - low) * (values[high] - values[low])


def _stripe(
    points: np.ndarray, colour: Colour, faded: np.ndarray, view: View, pixels: float
) -> Faces:
    """A line of some `pixels` along (n, 3) points; `faded` (n,) scales its opacity."""
    if len(points) < 2:
        return NOTHING
    ray = points - np.array(view.eye)
    side = np.cross(np.gradient(points, axis=0), ray)
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12)
    depth = np.maximum(ray @ np.array(view.forward), raster.NEAR)
    side *= 0.5 * pixels / view.focal * depth[:, None]
    vertices = np.concatenate([points + side, points - side]).astype(np.float32)
    a = np.arange(len(points) - 1)
    b, c, d = a + 1, a + 1 + len(points), a + len(points)
    corners = np.stack([a, c, b, a, d, c], axis=1).reshape(-1, 3).astype(np.int32)
    colours = np.tile(np.array(colour, np.float32), (len(corners), 1))
    colours[:, 3] *= np.repeat(faded[1:], 2)
    return Faces(vertices, np.zeros_like(vertices), corners, colours)

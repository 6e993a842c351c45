"""Episodes as one HTML file to walk around in: no network, no server, only a browser."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.errors import SpecError
from robot_rl.files import write_file
from robot_rl.pictures import raster, studio
from robot_rl.pictures.camera import AZIMUTH, ELEVATION, FIELD, follow
from robot_rl.pictures.episode import Episode
from robot_rl.pictures.mesh import Mesh
from robot_rl.pictures.scene import PLUMB, Item, Scene, stage
from robot_rl.pictures.theme import THEME

RATE = 60.0
"""[Hz] at most, of what a page holds: a screen shows no more."""
HERE = Path(__file__).parent


def page(episodes: Sequence[Episode], path: Path) -> None:
    """Write the episodes as a page. Raises SpecError without any, RunFolderError for the disk."""
    if not episodes:
        raise SpecError('A page needs at least one episode, got none.')
    meshes: dict[bytes, int] = {}
    told = [_episode(episode, meshes) for episode in episodes]
    data = {
        'look': look(),
        'episodes': told,
        'meshes': [json.loads(mesh) for mesh in meshes],
    }
    first = episodes[0]
    parts = {
        'title': escape(f'{first.task.id} on the {first.engine} engine'),
        'subtitle': escape(f'{first.task.id}, {first.engine} engine'),
        'theme': THEME,
        # In a script element the only thing to hide is what would close it.
        'data': json.dumps(data, allow_nan=False).replace('</', '<\\/'),
        'drawing': (HERE / 'drawing.js').read_text(encoding='utf-8'),
        'script': (HERE / 'viewer.js').read_text(encoding='utf-8'),
    }
    text = (HERE / 'viewer.html').read_text(encoding='utf-8')
    for name, part in parts.items():
        before, _, after = text.partition('{{' + name + '}}')
        text = before + part + after.replace('{{' + name + '}}', part)
    write_file(path, text.encode())


def look() -> dict[str, Any]:
    """What the film and the page have in common."""
    surface = (
        raster.AMBIENT,
        raster.AMBIENT_UP,
        raster.DIFFUSE,
        raster.GLOSS,
        raster.SHARPNESS,
    )
    return {
        'azimuth': AZIMUTH,
        'elevation': ELEVATION,
        'field': FIELD,
        'sun': studio.SUN,
        'surface': surface,
        'horizon': studio.HORIZON,
        'zenith': studio.ZENITH,
        'floor': studio.FLOOR,
        'line': studio.LINE,
        'shade': studio.SHADE,
        'linePixels': studio.LINE_PIXELS,
        'trailS': studio.TRAIL_S,
        'plumb': PLUMB,
    }


def _episode(episode: Episode, meshes: dict[bytes, int]) -> dict[str, Any]:
    """One episode as JSON; its meshes are added to `meshes`, unless they are there already."""
    scene = stage(episode)
    focus, extent = follow(scene)
    num, step = len(episode.time), max(1, math.ceil(1.0 / (RATE * episode.task.control_dt)))
    kept = np.unique(np.append(np.arange(0, num, step), num - 1))
    return {
        'name': episode.name[:1].upper() + episode.name[1:],
        'ended': episode.ended,
        'failed': episode.failed,
        'step': step * episode.task.control_dt,
        'time': _floats(episode.time[kept]),
        **described(scene, focus, extent, meshes),
        'frames': _floats(scene.frames[kept]),
        'robot': _floats(scene.robot[kept]),
        'focus': _floats(focus[kept]),
        'extent': _floats(extent[kept]),
        'trails': [
            {'points': _floats(t.points[kept]), 'colour': t.colour, 'whole': t.whole}
            for t in scene.trails
        ],
        'panels': [_panel(*panel, kept) for panel in _panels(episode)],
    }


def described(
    scene: Scene, focus: np.ndarray, extent: np.ndarray, meshes: dict[bytes, int]
) -> dict[str, Any]:
    """What stays of a scene as JSON; its meshes are added to `meshes`, unless they are there.

    `focus` and `extent` say where the camera will look.
    """
    floor = studio.floor_look(scene, focus, extent)
    return {
        'count': scene.frames.shape[1],
        'radius': scene.radius,
        'flies': scene.flies,
        'floor': scene.floor,
        'grid': floor.grid,
        'lineWidth': floor.line_width,
        'haze': floor.haze,
        'items': described_items(scene.items, meshes),
    }


def described_items(items: Iterable[Item], meshes: dict[bytes, int]) -> list[dict[str, Any]]:
    """Things to draw as JSON; their meshes are added to `meshes`, unless they are there."""
    return [
        {
            'mesh': meshes.setdefault(_mesh(item.mesh), len(meshes)),
            'colour': item.colour,
            'frame': item.frame,
        }
        for item in items
    ]


Panel = tuple[str, str, dict[str, np.ndarray], 'float | None']
"""Title, unit, series, limit."""


def _panels(episode: Episode) -> list[Panel]:
    """What is plotted: the error, and the setpoint by unit."""
    task = episode.task
    panels: list[Panel] = [
        ('error', task.error_unit, {'error': episode.error}, task.success_error)
    ]
    units = dict.fromkeys(task.setpoint.units)
    for unit in units:
        series = {
            field: episode.setpoint[:, i]
            for i, field in enumerate(task.setpoint.fields)
            if task.setpoint.units[i] == unit
        }
        panels.append((f'setpoint {task.level}', unit, series, None))
    return panels


def _panel(
    title: str,
    unit: str,
    series: dict[str, np.ndarray],
    limit: float | None,
    kept: np.ndarray,
) -> dict[str, Any]:
    values = np.nan_to_num(np.stack(list(series.values())), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if limit is not None:
        low, high = min(low, 0.0), max(high, 1.5 * limit)
    pad = 0.04 * (high - low) or 0.5
    return {
        'title': title,
        'unit': unit,
        'limit': limit,
        'range': [low if low == 0.0 else low - pad, high + pad],
        'series': [
            {'name': name, 'values': _floats(row[kept])}
            for name, row in zip(series, values, strict=True)
        ],
    }


def _mesh(mesh: Mesh) -> bytes:
    return json.dumps(
        {
            'vertices': _floats(mesh.vertices),
            'normals': _floats(mesh.normals),
            'faces': _base64(np.asarray(mesh.faces, '<i4')),
        }
    ).encode()


def _floats(values: np.ndarray) -> str:
    return _base64(np.asarray(values, '<f4'))


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()

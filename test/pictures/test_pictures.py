"""Scenes, pictures, films and pages show what happened, where it happened."""

from __future__ import annotations

import base64
from collections.abc import Callable
import dataclasses
import json
from pathlib import Path
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip('torch')
pytest.importorskip('numba')
pytest.importorskip('PIL')

from robot_rl.errors import MissingPackageError, SpecError
from robot_rl.pictures.film import film
from robot_rl.pictures.mesh import box, sphere
from robot_rl.pictures.page import page
from robot_rl.pictures.scene import WORLD, Item, Scene, stage
from robot_rl.pictures.studio import Studio
from robot_rl.spec.terrain import Terrain
from robot_rl.spec.world import Block, Column, Line, World

RED, GREEN = (0.9, 0.05, 0.05, 1.0), (0.05, 0.8, 0.05, 1.0)


def _reddish(picture: np.ndarray) -> np.ndarray:
    """Pixels that are much more red than anything else."""
    values = picture.astype(int)
    return (values[..., 0] - values[..., 1] > 60) & (values[..., 0] - values[..., 2] > 60)


def _bare(episode, *items: Item, **changes: object) -> Scene:
    """The scene of an episode with these items and nothing else."""
    return dataclasses.replace(
        stage(episode), items=items, trails=(), flies=False, goal=None, **changes
    )


def _at(position: tuple[float, float, float]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = position
    return matrix


def test_joints_move_and_stand_at_zero_without_their_signal(make_episode: Callable) -> None:
    turned = np.tile([0.5, 0.2, 0.0], (50, 1))
    moved, still = stage(make_episode(joint_pos=turned)), stage(make_episode())
    silent = make_episode()
    del silent.signals['joint_pos']
    np.testing.assert_array_equal(stage(silent).frames, still.frames)
    assert not np.allclose(moved.frames, still.frames)
    assert moved.frames.dtype == np.float32
    assert still.radius > 0.25


def test_a_goal_that_moves_has_an_arrow_and_a_trail(make_episode: Callable) -> None:
    velocity = np.tile([0.0, -2.0, 0.0], (50, 1))
    goal = np.linspace([1.0, 0.0, 0.3], [1.0, -1.0, 0.3], 50)
    scene = stage(make_episode(goal_pos_w=goal, goal_lin_vel_w=velocity))
    assert len(scene.trails) == 2
    arrow = scene.items[-1]  # its tip, turned and scaled with its frame
    position, quat, size = np.split(scene.frames[0, arrow.frame], [3, 7])
    w, xyz = quat[0], quat[1:]
    tip = size * np.array([1.0, 0.0, 0.0])
    tip = tip + 2.0 * np.cross(xyz, np.cross(xyz, tip) + w * tip)
    np.testing.assert_allclose(position, goal[0], atol=1e-6)
    np.testing.assert_allclose(tip, [0.0, -1.0, 0.0], atol=1e-6)


def test_a_world_is_drawn(make_episode: Callable) -> None:
    path = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    world = World(
        lines=(Line(path), Line(path, height=0.2)),
        blocks=(Block((2.0, 0.0, 0.5), (1.0, 1.0, 1.0)),),
        columns=(Column((3.0, 0.0, 0.5), 0.2, 1.0),),
        people=(Column((4.0, 0.0, 0.5), 0.2, 1.0),),
    )
    plain, episode = stage(make_episode()), make_episode(world=world)
    heights = np.zeros((3, 5), np.float32)
    heights[0, 4] = 1.0  # y lowest, x highest
    task = dataclasses.replace(episode.task, terrain=Terrain(heights, 0.5))
    scene = stage(dataclasses.replace(episode, task=task))
    assert len(scene.items) == len(plain.items) + 6
    assert plain.floor and not scene.floor
    assert {item.frame for item in scene.items[-6:]} == {WORLD}
    ground = scene.items[-1].mesh.vertices
    np.testing.assert_array_equal(ground[ground[:, 2].argmax()], [1.0, -0.5, 1.0])


def test_things_are_drawn_where_the_camera_sees_them(make_episode: Callable) -> None:
    episode = make_episode()
    ball = Item(sphere(0.1).placed(_at((0.0, 0.0, 0.3))), RED, WORLD)
    scene = _bare(episode, ball, robot=np.tile([0.0, 0.0, 0.3], (50, 1)))
    studio = Studio(scene, 160, 120)
    rows, columns = np.nonzero(_reddish(studio.draw(0.2)))
    assert rows.mean() == pytest.approx(59.5, abs=1.0)  # in the middle, and round
    assert columns.mean() == pytest.approx(79.5, abs=1.0)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=2)
    # A ball of 0.1 m in a picture that has `extent` above and below the middle.
    extent = float(studio.extent[0])
    assert len(rows) == pytest.approx(np.pi * (60.0 * 0.1 / extent) ** 2, rel=0.1)


def test_near_hides_far_the_floor_hides_what_lies_below_and_glass_tints(
    make_episode: Callable,
) -> None:
    episode = make_episode()
    wall = Item(box((0.1, 4.0, 4.0)).placed(_at((-0.5, 0.0, 0.3))), GREEN, WORLD)
    ball = Item(sphere(0.1).placed(_at((0.0, 0.0, 0.3))), RED, WORLD)
    sunk = Item(sphere(0.1).placed(_at((0.0, 0.0, -0.2))), RED, WORLD)
    middle = np.tile([0.0, 0.0, 0.3], (50, 1))

    def seen(*items: Item) -> int:
        scene = _bare(episode, *items, robot=middle)
        return int(_reddish(Studio(scene, 160, 120).draw(0.2)).sum())

    whole = seen(ball)
    assert whole > 20
    assert seen(ball, wall) == 0
    assert seen(wall, ball) == 0
    assert seen(sunk) == 0
    glass = dataclasses.replace(ball, colour=(*RED[:3], 0.8))
    assert seen(glass) == pytest.approx(whole, rel=0.1)
    assert seen(wall, glass) == 0


def test_a_shadow_falls_on_the_floor(make_episode: Callable) -> None:
    episode = make_episode()
    middle = np.tile([0.0, 0.0, 0.3], (50, 1))
    plate = Item(box((0.5, 0.5, 0.02)), RED, 1)  # what moves casts a shadow
    empty = Studio(_bare(episode, robot=middle), 160, 120).draw(0.2).copy()
    picture = Studio(_bare(episode, plate, robot=middle), 160, 120).draw(0.2)
    darker = picture.astype(int).sum(axis=2) < empty.astype(int).sum(axis=2) - 60
    assert (darker & ~_reddish(picture))[60:].sum() > 50


def test_a_trail_grows(make_episode: Callable) -> None:
    way = np.linspace([0.0, 0.0, 1.0], [0.0, 1.0, 1.0], 50)
    scene = dataclasses.replace(stage(make_episode(base_pos_w=way)), items=())
    studio = Studio(scene, 160, 120)
    blue = [
        int((picture[..., 2].astype(int) - picture[..., 0] > 60).sum())
        for picture in (studio.draw(time).copy() for time in (0.05, 0.25, 0.5))
    ]
    assert blue[0] < blue[1] < blue[2]


@pytest.mark.parametrize('count', [1, 3])
def test_a_film_is_as_long_as_the_episode_and_plays_everywhere(
    count: int, make_episode: Callable, tmp_path: Path
) -> None:
    av = pytest.importorskip('av')
    episodes = [make_episode(steps=30 + 10 * number) for number in range(count)]
    path = tmp_path / 'film.mp4'
    frames = film(episodes, path, width=320, height=180, rate=10)
    assert [file.name for file in tmp_path.iterdir()] == ['film.mp4']
    longest = 0.3 + 0.1 * (count - 1)
    with av.open(path) as file:
        stream = file.streams.video[0]
        pictures = [frame.to_ndarray(format='rgb24') for frame in file.decode(stream)]
        assert (stream.codec_context.name, stream.pix_fmt) == ('h264', 'yuv420p')
        assert float(stream.duration * stream.time_base) == pytest.approx(frames / 10.0)
    assert frames == len(pictures) == round(10.0 * (longest + 1.0))
    assert pictures[0].shape == (180, 320, 3)
    assert all(picture.std() > 5.0 for picture in pictures)
    data = path.read_bytes()
    assert data.index(b'moov') < data.index(b'mdat')  # a browser can start at once


def test_a_film_needs_episodes_an_even_size_and_its_package(
    make_episode: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SpecError, match='even size'):
        film([], tmp_path / 'film.mp4')
    with pytest.raises(SpecError, match='321x180'):
        film([make_episode()], tmp_path / 'film.mp4', width=321, height=180)
    monkeypatch.setitem(sys.modules, 'av', None)
    with pytest.raises(MissingPackageError, match=r'robot_rl\[video\]'):
        film([make_episode()], tmp_path / 'film.mp4')
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def written(make_episode: Callable, tmp_path: Path) -> Path:
    """A page of two episodes."""
    world = World(lines=(Line(np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), height=0.1),))
    path = tmp_path / 'play.html'
    page([make_episode(world=world), make_episode(steps=20)], path)
    return path


def test_a_page_holds_the_episodes(written: Path, make_episode: Callable) -> None:
    text = written.read_text()
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    assert found is not None
    data = json.loads(found[1].replace('<\\/', '</'))
    first, second = data['episodes']
    scene = stage(make_episode(steps=20))
    frames = np.frombuffer(base64.b64decode(second['frames']), '<f4')
    kept = [*range(0, 20, 2), 19]  # 100 Hz is more than a screen shows
    np.testing.assert_array_equal(
        frames.reshape(len(kept), second['count'], 8), scene.frames[kept]
    )
    assert first['name'] == 'Episode <1>'
    assert [panel['unit'] for panel in first['panels']] == ['m', 'rad/s']
    assert len(data['meshes']) < len(first['items']) + len(second['items'])
    assert not re.search(r'{{|(src|href)=|https?://|@import', text)


@pytest.mark.skipif(shutil.which('chromium') is None, reason='needs chromium')
def test_a_browser_draws_the_page(written: Path, tmp_path: Path) -> None:
    options = [
        '--headless',
        '--no-sandbox',
        '--use-angle=swiftshader',
        '--enable-unsafe-swiftshader',
        '--virtual-time-budget=1000',
        '--enable-logging=stderr',
        f'--user-data-dir={tmp_path / "profile"}',
        '--dump-dom',
    ]
    done = subprocess.run(
        ['chromium', *options, f'{written.as_uri()}#t=0.1'],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert 'CONSOLE' not in done.stderr
    if 'data-ready="no webgl"' in done.stdout:
        pytest.skip('this chromium has no WebGL')
    assert 'data-ready="drawn"' in done.stdout
    assert '0.10 s' in done.stdout
    assert done.stdout.count('class="trace"') == 2


def test_the_camera_follows_unless_the_robot_is_bolted_down(make_episode: Callable) -> None:
    way = np.linspace([0.0, 0.0, 0.3], [3.0, 0.0, 0.3], 50)
    episode = make_episode(base_pos_w=way, goal_pos_w=way)
    focus = Studio(stage(episode), 64, 48).focus
    assert np.ptp(focus[:, 0]) > 0.3
    robot = dataclasses.replace(episode.task.robot, fixed_base=True)
    bolted = dataclasses.replace(episode, task=dataclasses.replace(episode.task, robot=robot))
    studio = Studio(stage(bolted), 64, 48)
    assert np.ptp(studio.focus, axis=0).max() == 0.0
    assert studio.extent.min() > 1.3 * stage(bolted).radius

"""`robot_rl nerf ...`: places learned from photographs, drawn, baked and measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from robot_rl.commands.options import Positional

if TYPE_CHECKING:
    from robot_rl.vision.nerf.align import Distance
    from robot_rl.vision.nerf.capture import Capture
    from robot_rl.vision.nerf.photos import Photos
    from robot_rl.vision.nerf.squares import Squares

Level = Literal['capture', 'cameras', 'floor', 'marker', 'marker-wall']


@dataclass(frozen=True)
class NerfCapture:
    """Photograph a furnished room that is drawn, to try the other commands with."""

    out: Positional[Path]
    """The new folder."""
    views: int = 200
    """Photographs."""
    width: int = 128
    """[px]"""
    height: int = 96
    """[px]"""
    seed: int = 0
    """Of the places of the cameras."""
    room: int = 0
    """Which of the rooms; each number is another."""

    def run(self) -> int:
        """Draw and write."""
        from robot_rl.bench.room import write_capture

        write_capture(self.out, self.views, self.width, self.height, self.seed, self.room)
        print(f'{self.out}: {self.views} photographs and their depths')
        return 0


@dataclass(frozen=True)
class NerfTrain:
    """Learn a place from photographs with known poses, on one core of a CPU."""

    capture: Positional[Path]
    """Folder with transforms.json, as instant-ngp and nerfstudio write it."""
    out: Path = Path('scene.nerf')
    """File for the scene."""
    seconds: float = 60.0
    """[s] time to learn; compiling, once a machine, and looking at held-out photographs come on
    top."""
    iterations: int = 0
    """Instead of a time: the same scene for the same seed."""
    scale: int = 1
    """Pixels along an edge that are averaged into one: 8 for photographs of a telephone."""
    voxel: float = 0.0
    """Edge of the smallest voxels, units of the capture; 0 chooses by the time."""
    hold_out: int = 8
    """Every how manieth photograph is held out to measure with; 0 for none."""
    seed: int = 0
    """Of the rays that are learned from."""
    known_distance: str = ''
    """What makes meters of the capture's units: 'FIRST SECOND METERS', where the first two are
    photographs, for where they were taken, or PHOTOGRAPH@x,y, for what a pixel shows."""
    marker: str = ''
    """The same by ArUco markers of one size: 'DICTIONARY:METERS', such as 'DICT_4X4_50:0.15' with
    the edge of the black square, or 'DICTIONARY:METERS:NUMBER' for one of several sizes."""
    level: Level = 'capture'
    """Which way is up: the capture's z axis, the mean of the cameras, from a floor that is seen,
    whose height becomes 0, from a marker that lies on it, or from one that hangs on a wall."""
    method: Literal['voxels', 'gsplat'] = 'voxels'
    """What is learned: voxels, or Gaussians with gsplat, which needs a GPU with CUDA."""

    def run(self) -> int:
        """Learn, telling how good it is, align, and write."""
        from robot_rl.vision.nerf import align, splat_train, train
        from robot_rl.vision.nerf.capture import read_capture
        from robot_rl.vision.nerf.evaluate import number
        from robot_rl.vision.nerf.photos import load
        from robot_rl.vision.nerf.scene import NerfScene, save_scene
        from robot_rl.vision.nerf.space import space_of

        config = train.NerfConfig(
            self.seconds, self.iterations, self.voxel, hold_out=self.hold_out, seed=self.seed
        )
        if self.method == 'gsplat':
            splat_train.check_options(config, self.level, self.known_distance)
        capture = read_capture(self.capture)
        known = _known(capture, self)
        photos = load(capture, self.scale)
        print(f'{len(capture.views)} photographs of {photos.shape[1]} x {photos.shape[0]} pixels')
        about: dict[str, Any] = {
            'capture': str(self.capture), 'scale': self.scale, 'seed': self.seed,
            'hold_out': self.hold_out,
        }  # fmt: skip
        if self.method == 'gsplat':
            print(splat_train.learn_file(
                capture, photos, config, known, self.level, about, self.out, print
            ))  # fmt: skip
            return 0
        space = space_of(capture)
        learned, score = train.learn(capture, photos, space, config, lambda one: print(one))
        frame = align.aligned(capture, photos, learned, known, self.level)
        about |= {
            'seconds': score.seconds, 'iterations': score.iterations,
            'psnr': number(score.psnr), 'ssim': number(score.ssim),
        }  # fmt: skip
        save_scene(self.out, NerfScene(learned, frame, about))
        print(f'{self.out}: {frame}')
        return 0


@dataclass(frozen=True)
class NerfAlign:
    """Give a scene other meters or another way up, without learning it anew."""

    scene: Positional[Path]
    """File of `robot_rl nerf train`; it is written anew."""
    capture: Positional[Path]
    """What it was learned from."""
    known_distance: str = ''
    """See `robot_rl nerf train --help`."""
    marker: str = ''
    """See `robot_rl nerf train --help`."""
    level: Level = 'capture'
    """See `robot_rl nerf train --help`."""

    def run(self) -> int:
        """Measure and write."""
        from dataclasses import replace

        from robot_rl.vision.nerf import align
        from robot_rl.vision.nerf.scene import load_scene, save_scene

        scene = load_scene(self.scene)
        capture, photos = _photos(self.capture, int(scene.about['scale']))
        known = _known(capture, self)
        frame = align.aligned(capture, photos, scene.field, known, self.level)
        save_scene(self.scene, replace(scene, frame=frame))
        print(f'{self.scene}: {frame}')
        return 0


@dataclass(frozen=True)
class NerfRender:
    """Draw a scene from given poses: images and depths."""

    scene: Positional[Path]
    """File of `robot_rl nerf train`, or of `robot_rl nerf bake`."""
    out: Path = Path('rendered')
    """Folder for NUMBER.png, and NUMBER_depth.png with 16 bits, in millimeters."""
    poses: Path | None = None
    """Text with a pose a line: x y z [m], quaternion w x y z from the optical frame (x right, y
    down, z forward) to the world; by default the one of the next options."""
    position: tuple[float, float, float] = (0.0, 0.0, 1.0)
    """[m]"""
    quat: tuple[float, float, float, float] = (0.5, -0.5, 0.5, -0.5)
    """wxyz; by default it looks along x with z up."""
    width: int = 320
    """[px]"""
    height: int = 240
    """[px]"""
    field_deg: float = 80.0
    """[deg] from the left edge to the right one."""

    def run(self) -> int:
        """Draw and write."""
        from robot_rl.vision.nerf.pictures import draw

        one = (*self.position, *self.quat)
        size = self.width, self.height
        count, rate = draw(self.scene, self.poses, one, size, self.field_deg, self.out)
        print(f'{self.out}: {count} images, {rate:.0f} a second')
        return 0


@dataclass(frozen=True)
class NerfBake:
    """Bake a scene into panoramas on a lattice, which are drawn ten times as fast."""

    scene: Positional[Path]
    """File of `robot_rl nerf train`."""
    low: tuple[float, float, float]
    """[m] lowest corner of where cameras will be."""
    high: tuple[float, float, float]
    """[m] highest corner."""
    out: Path = Path('scene.probes')
    """File for the panoramas."""
    spacing: float = 0.4
    """[m] between two of them."""
    rows: int = 144
    """[px] height of each; they are twice as wide."""

    def run(self) -> int:
        """Look around everywhere, and write."""
        from robot_rl.vision.nerf.probe_file import save_probes
        from robot_rl.vision.nerf.probes import bake
        from robot_rl.vision.nerf.scene import load_scene

        scene = load_scene(self.scene)
        probes = bake(scene, self.low, self.high, self.spacing, self.rows)
        save_probes(self.out, probes)
        print(f'{self.out}: {len(probes.places)} panoramas')
        return 0


@dataclass(frozen=True)
class NerfView:
    """Fly through a scene in a browser."""

    scene: Positional[Path]
    """File of `robot_rl nerf train`, or of `robot_rl nerf bake`."""
    host: str = '127.0.0.1'
    """Address to listen on; whoever reaches it sees the place."""
    port: int = 8090
    """Its port; 0 for a free one."""
    width: int = 320
    """[px]"""
    height: int = 240
    """[px]"""
    field_deg: float = 80.0
    """[deg] from the left edge to the right one."""

    def run(self) -> int:
        """Serve until interrupted."""
        import math

        from robot_rl.spec.camera import Camera
        from robot_rl.vision.nerf.page import serve
        from robot_rl.vision.nerf.pictures import renderer_of

        field = math.radians(self.field_deg)
        camera = Camera.pinhole('view', self.width, self.height, field)
        serve(renderer_of(self.scene, camera), self.host, self.port, print)
        return 0


@dataclass(frozen=True)
class NerfGap:
    """How far a scene is from photographs that it was not learned from."""

    capture: Positional[Path]
    """What it was learned from, or another capture in the same frame."""
    scene: Positional[Path]
    """File of `robot_rl nerf train`."""
    every: int | None = field(default=None)
    """Every how manieth photograph is compared; by default those that training held out."""

    def run(self) -> int:
        """Compare and print."""
        from robot_rl.vision.nerf import gap
        from robot_rl.vision.nerf.evaluate import held_out
        from robot_rl.vision.nerf.scene import load_scene

        scene = load_scene(self.scene)
        capture, photos = _photos(self.capture, int(scene.about['scale']))
        every = int(scene.about['hold_out']) if self.every is None else self.every
        rows = held_out(len(capture.views), every)[1]
        print(gap.text(gap.gap(scene, photos, [view.name for view in capture.views], rows),
                       gap.feature_scale(photos, rows)))  # fmt: skip
        return 0


@dataclass(frozen=True)
class BenchNerf:
    """What drawing a learned room costs and how near it is, directly and baked."""

    scene: Positional[Path]
    """File of `robot_rl nerf train`, of what `robot_rl nerf capture` photographed."""
    spacing: float = 0.4
    """[m] between panoramas."""
    rows: int = 144
    """[px] height of each."""
    turns: int = 9
    """Turns of each way of drawing."""
    picture: Path | None = None
    """PNG to draw instead: the room, learned, its depth, and with balls that stand in it."""

    def run(self) -> int:
        """Bake, measure and print; or draw."""
        from robot_rl.bench import nerf, nerf_picture
        from robot_rl.vision.nerf.scene import load_scene

        if self.picture is not None:
            nerf_picture.draw(load_scene(self.scene), self.picture)
            return 0
        print(nerf.text(nerf.run(self.scene, self.spacing, self.rows, self.turns)))
        return 0


def _known(capture: Capture, one: NerfTrain | NerfAlign) -> Distance | Squares | None:
    """What makes meters; of markers, how well they agree is printed."""
    from robot_rl.vision.nerf import align
    from robot_rl.vision.nerf.squares import Squares

    known = align.known(capture, one.known_distance, one.marker, one.level)
    if isinstance(known, Squares):
        print(known)
    return known


def _photos(path: Path, scale: int) -> tuple[Capture, Photos]:
    from robot_rl.vision.nerf.capture import read_capture
    from robot_rl.vision.nerf.photos import load

    capture = read_capture(path)
    return capture, load(capture, scale)

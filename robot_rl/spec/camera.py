"""Camera: what a robot's camera sees, where it sits, how late and how badly."""

from __future__ import annotations

from dataclasses import dataclass
import math

from robot_rl.errors import SpecError

SPARE = 0.01
"""Part of an image's width or height by which a policy may look beyond it."""
_SPREADS = ('position_std', 'rotation_std', 'gain_std', 'tint_std', 'shot', 'read_std')


@dataclass(frozen=True)
class Camera:
    """A camera with a rectangular image.

    Its own frame is the optical one of REP-103: z forward, x to the right of the image, y down.
    Pixels count as in OpenCV: the middle of the first has the coordinates (0, 0), so an image that
    is symmetric about its axis has cx = (width - 1) / 2.
    """

    name: str
    width: int
    """[px]"""
    height: int
    """[px]"""
    fx: float
    """[px] focal length along x."""
    fy: float
    """[px] focal length along y."""
    cx: float
    """[px] where the axis meets the image."""
    cy: float
    """[px]"""
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    """k1, k2, p1, p2, k3 of OpenCV, which ROS calls plumb_bob."""
    frame: str = 'base_link'
    """Link of the URDF that it is mounted on."""
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """[m] where it sits, in `frame`."""
    quat: tuple[float, float, float, float] = (0.5, -0.5, 0.5, -0.5)
    """wxyz, from the optical frame to `frame`; by default it looks along x with z up."""
    position_std: float = 0.0
    """[m] error of the mounting along each axis, drawn once an episode."""
    rotation_std: float = 0.0
    """[rad] error of the mounting about each axis, drawn once an episode."""
    rate_hz: float = 30.0
    """Images a second."""
    exposure_s: float = 0.0
    """[s] time that light is gathered; what moves meanwhile is blurred."""
    latency_s: tuple[float, float] = (0.0, 0.0)
    """[s] least and greatest delay from the middle of the exposure until an image is seen; drawn
    once an episode."""
    gain_std: float = 0.0
    """Spread of the logarithm of the brightness, drawn once an episode."""
    tint_std: float = 0.0
    """The same for each colour by itself."""
    shot: float = 0.0
    """Variance of the noise of a pixel divided by its value, both in levels of 0 to 255."""
    read_std: float = 0.0
    """Noise of a dark pixel, in levels of 0 to 255."""
    source: str = ''
    """Datasheet or calibration that the numbers come from."""

    def __post_init__(self) -> None:
        """Refuse an image without pixels and numbers that mean nothing."""
        what = f'Camera {self.name!r}'
        if min(self.width, self.height) < 1 or not min(self.fx, self.fy) > 0.0:
            raise SpecError(
                f'{what} needs at least one pixel and positive focal lengths, got {self.width} x '
                f'{self.height} px, fx {self.fx} and fy {self.fy}.'
            )
        if not all(map(math.isfinite, (self.fx, self.fy, self.cx, self.cy, *self.distortion))):
            raise SpecError(
                f'{what}: intrinsics must be finite, got cx {self.cx}, cy {self.cy} and '
                f'distortion {self.distortion}.'
            )
        if len(self.distortion) != 5:
            raise SpecError(
                f'{what}: distortion needs the five numbers k1, k2, p1, p2, k3, got '
                f'{len(self.distortion)}.'
            )
        if abs(math.hypot(*self.quat) - 1.0) > 1e-3:
            raise SpecError(
                f'{what} needs a unit quaternion wxyz, got {self.quat} of length '
                f'{math.hypot(*self.quat):.4g}.'
            )
        self._check_spreads(what)
        self._check_times(what)

    def _check_spreads(self, what: str) -> None:
        for name in _SPREADS:
            if not 0.0 <= (value := getattr(self, name)) < math.inf:
                raise SpecError(f'{what}: {name} must be 0 or greater, got {value}.')

    def _check_times(self, what: str) -> None:
        low, high = self.latency_s
        if not 0.0 <= low <= high < math.inf:
            raise SpecError(
                f'{what}: latency_s must be the least and the greatest delay, got {low} and '
                f'{high} s.'
            )
        if not self.rate_hz > 0.0 or not 0.0 <= self.exposure_s * self.rate_hz <= 1.0:
            raise SpecError(
                f'{what} needs a positive rate and an exposure of at most one period, got '
                f'{self.rate_hz} Hz and {self.exposure_s} s.'
            )

    def lacks(self, other: Camera) -> str:
        """Why `other` does not show all that this one looks at; '' where it does.

        Both without regard to their lenses, which are for whoever takes images to undo.
        """
        for axis, most in (('x', 'width'), ('y', 'height')):
            for name, edge in (('left' if axis == 'x' else 'upper', -0.5), ('far', None)):
                pixel = getattr(self, most) - 0.5 if edge is None else edge
                slope = (pixel - getattr(self, f'c{axis}')) / getattr(self, f'f{axis}')
                seen = slope * getattr(other, f'f{axis}') + getattr(other, f'c{axis}')
                room = SPARE * getattr(other, most)
                if not -0.5 - room <= seen <= getattr(other, most) - 0.5 + room:
                    return (
                        f'the policy looks {math.degrees(math.atan(abs(slope))):.1f} deg to its '
                        f'{name} edge along {axis}, which is pixel {seen:.1f} of '
                        f'{getattr(other, most)}'
                    )
        return ''

    @classmethod
    def pinhole(cls, name: str, width: int, height: int, field: float) -> Camera:
        """Square pixels, no distortion, and `field` [rad] from the left edge to the right one."""
        if not 0.0 < field < math.pi:
            raise SpecError(
                f'Camera {name!r} needs a field of view between 0 and pi rad, got {field}.'
            )
        focal = 0.5 * width / math.tan(0.5 * field)
        return cls(name, width, height, focal, focal, 0.5 * (width - 1), 0.5 * (height - 1))


def check_cameras(robot: str, cameras: tuple[Camera, ...]) -> None:
    """Refuse cameras of `robot` that share a name."""
    names = [camera.name for camera in cameras]
    if len(set(names)) < len(names):
        raise SpecError(
            f'Robot {robot!r}: every camera must have a name of its own, got {names}. Rename '
            'those that share one.'
        )

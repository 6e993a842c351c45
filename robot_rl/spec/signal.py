"""Signals: the named quantities that cross between a robot, a simulator and a policy.

A `Signal` fixes what a number means (shape, unit, frame, plausible range) once. Frames follow
REP-103 and REP-105; a suffix `_w` means the world (odom) frame, `_b` the body (base_link) frame.
Quaternions are wxyz and rotate from the body to the world.

Those in the frame 'joint', 'beam' or 'link' have one component for each joint, lidar beam or link
that may touch things: how many is for the robot to say (`Robot.signal`). Those in the frame
'point' have as many as a task looks at. One in the frame 'pixel' is an image (height, width, 3) of
uint8, rows from the top.
"""

from __future__ import annotations

from dataclasses import dataclass
import math

from robot_rl.errors import SpecError, UnknownNameError


@dataclass(frozen=True)
class Signal:
    """One named quantity in SI units."""

    name: str
    shape: tuple[int, ...]
    unit: str
    """SI unit, '1' for dimensionless."""
    frame: str
    """Frame of the components: 'world', 'body', 'joint', 'beam', 'link', 'point', 'pixel' or
    'none'"""
    low: float
    """Smallest plausible value of any component."""
    high: float
    """Largest plausible value of any component."""
    description: str = ''
    privileged: bool = False
    """True for what a simulator knows and a robot cannot measure; never in a contract."""

    def __post_init__(self) -> None:
        """Reject a range that no value satisfies."""
        if not self.low < self.high:
            raise SpecError(
                f'Signal {self.name!r}: low must be below high, got [{self.low}, {self.high}].'
            )

    @property
    def is_quaternion(self) -> bool:
        """Whether it is a rotation: q and -q are the same, and its length is one."""
        return '_quat_' in self.name

    @property
    def is_image(self) -> bool:
        """Whether it is (height, width, 3) of uint8 and not a row of numbers."""
        return self.frame == 'pixel'

    @property
    def size(self) -> int:
        """Number of scalars."""
        return math.prod(self.shape)

    @property
    def row(self) -> tuple[int, ...]:
        """Shape of what one environment has: a row of numbers, or an image."""
        return self.shape if self.is_image else (self.size,)

    @property
    def watched(self) -> int:
        """Numbers that are held against what training saw: of an image the mean of each colour."""
        return self.shape[-1] if self.is_image else self.size


def _signal(
    name: str, size: int, unit: str, frame: str, limit: float, text: str, privileged: bool = False
) -> tuple[str, Signal]:
    return name, Signal(name, (size,), unit, frame, -limit, limit, text, privileged)


VOCABULARY: dict[str, Signal] = dict(
    [
        _signal('base_pos_w', 3, 'm', 'world', 1e3, 'position of base_link in odom'),
        _signal('base_quat_w', 4, '1', 'world', 1.01, 'attitude wxyz, base_link to odom'),
        _signal('base_lin_vel_b', 3, 'm/s', 'body', 50.0, 'linear velocity, in base_link'),
        _signal('base_ang_vel_b', 3, 'rad/s', 'body', 100.0, 'angular velocity, in base_link'),
        _signal('goal_pos_w', 3, 'm', 'world', 1e3, 'position asked for'),
        _signal('goal_lin_vel_w', 3, 'm/s', 'world', 20.0, 'velocity asked for'),
        _signal('goal_lin_acc_w', 3, 'm/s^2', 'world', 50.0, 'acceleration asked for'),
        _signal('goal_quat_w', 4, '1', 'world', 1.01, 'attitude wxyz asked for'),
        _signal('goal_lin_vel_b', 3, 'm/s', 'body', 20.0, 'velocity asked for'),
        _signal('goal_ang_vel_b', 3, 'rad/s', 'body', 20.0, 'angular velocity asked for'),
        _signal('joint_pos', 1, 'rad', 'joint', 1e3, 'joint positions; metres where they slide'),
        _signal('joint_vel', 1, 'rad/s', 'joint', 1e3, 'joint velocities; m/s where they slide'),
        _signal('joint_effort', 1, 'N m', 'joint', 1e4, 'efforts of the drives'),
        _signal('scan', 1, 'm', 'beam', 1e3, 'lidar ranges, counter-clockwise'),
        _signal('scan_angles', 2, 'rad', 'body', 7.0, 'of the first beam; from each to the next'),
        (
            'rgb',
            Signal('rgb', (1, 1, 3), '1', 'pixel', -1.0, 256.0, 'red, green, blue, 0 to 255'),
        ),
        _signal('rgb_info', 4, 'px', 'none', 1e5, 'fx, fy, cx, cy of the image'),
        _signal('contact', 1, '1', 'none', 2.0, 'touches what it must not: 1, else 0', True),
        _signal('collision', 1, '1', 'none', 2.0, 'touches what stands about: 1, else 0', True),
        _signal('touch', 1, '1', 'link', 2.0, 'feet or wheels on something: 1, else 0', True),
        _signal('foot_height', 1, 'm', 'link', 10.0, 'soles of the feet over the ground', True),
        _signal('base_height', 1, 'm', 'none', 10.0, 'base_link over the ground', True),
        _signal('ground', 1, 'm', 'point', 10.0, 'ground about the robot below base_link', True),
        _signal('rotor_speed', 1, 'rad/s', 'joint', 1e4, 'rotor speeds in joint order', True),
        _signal('steering_angle', 1, 'rad', 'none', 2.0, 'of the front wheels, to the left', True),
        _signal('track_start', 4, '1', 'none', 1e3, 'x, y [m], heading [rad], speed [m/s]', True),
        _signal('track_position', 1, 'm', 'none', 1e4, 'arc length along the centre line', True),
        _signal('track_offset', 1, 'm', 'none', 1e3, 'to the left of the centre line', True),
        _signal('track_heading', 1, 'rad', 'none', 4.0, "from the centre line's direction", True),
        _signal('track_speed', 1, 'm/s', 'none', 500.0, 'rate of the arc length', True),
        _signal('track_side', 1, 'm', 'none', 1e3, 'how much nearer the left wall is', True),
        _signal('track_clearance', 1, 'm', 'none', 1e3, 'from the outline to a wall', True),
        _signal('track_curvature', 8, '1/m', 'none', 10.0, 'of the centre line ahead', True),
        _signal('track_reference', 1, 'm/s', 'none', 50.0, 'speed to be compared with', True),
        _signal('hallway_start', 4, '1', 'none', 1e3, 'left, up [m], yaw [rad], [m/s]', True),
        _signal('way_ahead', 4, 'm', 'none', 100.0, 'points ahead and to the left', True),
        _signal('course_start', 5, '1', 'none', 1e3, 'x, y, z [m], yaw [rad], speed [m/s]', True),
        _signal('course_ahead', 6, 'm', 'none', 100.0, 'points ahead, left and above', True),
        _signal('course_offset', 1, 'm', 'none', 1e3, 'from the way through gates', True),
        _signal('gates_left', 1, '1', 'none', 1e3, 'gates that are not passed', True),
        _signal('gate_missed', 1, '1', 'none', 2.0, 'passed one beside its opening: 1', True),
        _signal('arena_start', 3, '1', 'none', 1e3, 'x, y [m], yaw [rad] of the start', True),
        _signal('arena_clearance', 1, 'm', 'none', 1e3, 'from the outline to an obstacle', True),
        _signal('arena_distance', 1, 'm', 'none', 1e10, 'length of the way to the goal', True),
        _signal('arena_approach', 1, 'm/s', 'none', 50.0, 'how fast that way shortens', True),
        _signal('external_force_w', 3, 'N', 'world', 1e3, 'disturbing force', True),
        _signal('external_torque_b', 3, 'N m', 'body', 1e3, 'disturbing torque', True),
    ]
)
"""Every signal the project knows, by name; one component stands for all joints, beams, links or
points."""


def signal(name: str) -> Signal:
    """Look a signal up.

    Raises UnknownNameError, with a suggestion, for a name that is not there.
    """
    try:
        return VOCABULARY[name]
    except KeyError:
        raise UnknownNameError('signal', name, VOCABULARY) from None

"""Base on two driven sides: speed and yaw rate follow their setpoints, the way is an arc.

A wheel, or a row of wheels, on each side keeps such a base from moving sideways (the unicycle of
B. Siciliano, L. Sciavicco, L. Villani, G. Oriolo, "Robotics: Modelling, Planning and Control",
2009, chapter 11). Its drives let speed and yaw rate follow what is asked for with a first-order
lag, and change by no more than an acceleration each. Before that a side that would have to roll
faster than its motor can is held at its fastest, as firmware does it: who asks for full speed and
full turn at once gets less of both. Wheels that are larger than the firmware believes, or slip,
make speed and yaw rate a multiple of what was asked for: two scales. Those of a skid-steered base
depend on the floor (A. Mandow et al., "Experimental kinematics for wheeled skid-steer mobile
robots", IROS 2007).

For any step speed, yaw rate, heading and the length of the way are exact, to 1e-6 of their
changes. The place is on the arc of the mean curvature, and so exact while speed and yaw rate keep
their ratio.

base_link is on the ground, in the middle between the sides. A record is one environment: FIELDS
numbers, LANES records interleaved (see launch.py).
"""

from __future__ import annotations

from robot_rl.kernels.vector import *

# State, in the order in which an engine reports it.
POS = 0  # [m] world
QUAT = 3  # wxyz, body to world
VEL = 7  # [m/s] body
RATE = 10  # [rad/s] body
# Parameters.
TRACK = 13  # [m] from side to side, by which the firmware computes the speeds of the sides
WHEEL_SPEED = 14  # [m/s] fastest that a side can roll
SPEED_LAG = 15  # [s]
YAW_LAG = 16  # [s]
ACCELERATION = 17  # [m/s^2] speeding up and braking
YAW_ACCELERATION = 18  # [rad/s^2]
SPEED_SCALE = 19  # speed that is reached over the speed that was asked for
YAW_RATE_SCALE = 20
SETPOINT = 21  # speed [m/s], then yaw rate [rad/s]
SETPOINT_YAW = 22
FIELDS = 23

SIGNALS = {
    'base_pos_w': (POS, 3),
    'base_quat_w': (QUAT, 4),
    'base_lin_vel_b': (VEL, 3),
    'base_ang_vel_b': (RATE, 3),
}
PARAMETERS = {
    'track': (TRACK, 1),
    'wheel_speed_limit': (WHEEL_SPEED, 1),
    'speed_time_constant': (SPEED_LAG, 1),
    'yaw_time_constant': (YAW_LAG, 1),
    'acceleration_limit': (ACCELERATION, 1),
    'yaw_acceleration_limit': (YAW_ACCELERATION, 1),
    'speed_scale': (SPEED_SCALE, 1),
    'yaw_rate_scale': (YAW_RATE_SCALE, 1),
}
MEMORY: dict[str, tuple[int, int]] = {}  # all of the state is reported
LEVELS = {'velocity': 'step'}

ZERO = 0.0
QUARTER = 0.25
SIXTEENTH = 0.0625
FIFTY = 50.0  # an exponent of which nothing is left
SIX = 6.0
FIFTEEN = 15.0
SIXTH = 1.0 / 6.0
HUNDRED_TWENTIETH = 1.0 / 120.0


def clip(a, low, high):
    """`a`, kept within `low` and `high`."""
    return fmin(fmax(a, low), high)


def exponential(x):
    """Value of exp(-x) for x >= 0, within 1e-6, by the 16th power of decay_factor(x / 16)."""
    e = decay_factor(SIXTEENTH * fmin(x, FIFTY))
    e = e * e
    e = e * e
    e = e * e
    return e * e


def follow(now, wanted, lag, most, dt):
    """What `now` is `dt` [s] later if it follows `wanted` with a `lag` [s], and its integral.

    It changes by at most `most` per second: in a straight line until the lag itself asks for
    less, as an exponential from then on.
    """
    error = wanted - now
    slope = where(error < ZERO, -most, most)
    line = clip(error / slope - lag, ZERO, dt)  # [s] in a straight line
    rest = dt - line
    bend = error - slope * line
    decay = exponential(rest / lag)
    way = line * (now + HALF * slope * line) + rest * wanted - lag * bend * (ONE - decay)
    return vec3(wanted - bend * decay, way, ZERO)


def asked(x, i):
    """Speed [m/s] and yaw rate [rad/s] that the sides can be asked for, scales applied."""
    arm = HALF * x[i + LANES * TRACK]
    fastest = x[i + LANES * WHEEL_SPEED]
    turn = arm * x[i + LANES * SETPOINT_YAW]
    left = clip(x[i + LANES * SETPOINT] - turn, -fastest, fastest)
    right = clip(x[i + LANES * SETPOINT] + turn, -fastest, fastest)
    speed = HALF * (left + right) * x[i + LANES * SPEED_SCALE]
    return vec3(speed, HALF * (right - left) / arm * x[i + LANES * YAW_RATE_SCALE], ZERO)


def quarter_tangent(angle):
    """Tangent of a fourth of an angle [rad], within 1e-5 up to 2 rad, by the [3/2] Pade."""
    h = QUARTER * angle
    s = h * h
    return h * (FIFTEEN - s) / (FIFTEEN - SIX * s)


def turned(q, t):
    """Attitude `q` turned about body z by an angle of which `t` is the tangent of the half."""
    return normalize4(vec4(q[0] - t * q[3], q[1] + t * q[2], q[2] - t * q[1], q[3] + t * q[0]))


def step(x, i, dt):
    """Advance one record by `dt` [s] towards its setpoint of speed and yaw rate."""
    v, w = load3(x, i, VEL), load3(x, i, RATE)
    wanted = asked(x, i)
    most, yaw_most = x[i + LANES * ACCELERATION], x[i + LANES * YAW_ACCELERATION]
    along = follow(v[0], wanted[0], x[i + LANES * SPEED_LAG], most, dt)
    about = follow(w[2], wanted[1], x[i + LANES * YAW_LAG], yaw_most, dt)

    # The chord of the arc points half of the turn further.
    t = quarter_tangent(about[1])
    h = HALF * about[1]
    s = h * h
    chord = along[1] * (ONE - SIXTH * s + HUNDRED_TWENTIETH * s * s)
    middle = turned(load4(x, i, QUAT), t)
    moved = rotate(middle, vec3(chord, ZERO, ZERO))
    store3(x, i, POS, add3(moved, load3(x, i, POS)))
    store4(x, i, QUAT, turned(middle, t))
    store3(x, i, VEL, vec3(along[0], ZERO, ZERO))
    store3(x, i, RATE, vec3(ZERO, ZERO, about[0]))

"""Car on two tyres: the dynamic single-track model, with slip, load transfer and a speed loop.

Body and tyre stiffness as in M. Althoff, M. Koschi, S. Manzinger, "CommonRoad: Composable
Benchmarks for Motion Planning on Roads", IV 2017 (single-track model): a tyre's side force is
friction * load * stiffness * slip. It grows no further than friction * load here, and what drives
or brakes takes its part of that off (friction ellipse). Both axles drive and brake, each in
proportion to its load.

There is no switch to a kinematic model at low speed. Slip is sideways velocity over rolling
velocity, of which the latter counts no less than CREEP: a tyre that hardly rolls is a stiff damper
across its direction, and a car held by two such dampers moves as the kinematic model does. What
makes that stable for any step is the integration, a linearly implicit Runge-Kutta method of second
order that treats exactly these dampers implicitly (J. Verwer, E. Spee, J. Blom, W. Hundsdorfer,
"A Second-Order Rosenbrock Method Applied to Photochemical Dispersion Problems", SIAM J. Sci.
Comput. 1999).

base_link is the middle of the rear axle, on the ground. A record is one environment: FIELDS
numbers, LANES records interleaved (see launch.py).
"""

from __future__ import annotations

from robot_rl.kernels.vector import *

# State, in the order in which an engine reports it.
POS = 0  # [m] world
QUAT = 3  # wxyz, body to world
VEL = 7  # [m/s] body
RATE = 10  # [rad/s] body
STEERING = 13  # [rad] of the front wheels, positive to the left
# Parameters.
MASS = 14
INERTIA = 15  # about the centre of mass; of a car that stays flat only that about z counts
YAW_INERTIA = 17
WHEELBASE = 18
CG_TO_REAR = 19  # [m] from the rear axle forward to the centre of mass
CG_HEIGHT = 20
FRICTION = 21
STIFFNESS_FRONT = 22  # [1/rad]
STIFFNESS_REAR = 23
STEERING_LAG = 24  # [s]
STEERING_RATE = 25  # [rad/s]
STEERING_OFFSET = 26  # [rad] of the wheels when zero is asked for
ACCELERATION = 27  # [m/s^2]
BRAKING = 28  # [m/s^2]
SPEED_LAG = 29  # [s]
SETPOINT = 30  # speed [m/s], then steering angle [rad]
SETPOINT_ANGLE = 31
FIELDS = 32

SIGNALS = {
    'base_pos_w': (POS, 3),
    'base_quat_w': (QUAT, 4),
    'base_lin_vel_b': (VEL, 3),
    'base_ang_vel_b': (RATE, 3),
    'steering_angle': (STEERING, 1),
}
PARAMETERS = {
    'mass': (MASS, 1),
    'inertia': (INERTIA, 3),
    'wheelbase': (WHEELBASE, 1),
    'cg_to_rear': (CG_TO_REAR, 1),
    'cg_height': (CG_HEIGHT, 1),
    'friction': (FRICTION, 1),
    'cornering_stiffness_front': (STIFFNESS_FRONT, 1),
    'cornering_stiffness_rear': (STIFFNESS_REAR, 1),
    'steering_time_constant': (STEERING_LAG, 1),
    'steering_rate_limit': (STEERING_RATE, 1),
    'steering_offset': (STEERING_OFFSET, 1),
    'acceleration_limit': (ACCELERATION, 1),
    'braking_limit': (BRAKING, 1),
    'speed_time_constant': (SPEED_LAG, 1),
}
MEMORY = {'steering_angle': (STEERING, 1)}  # wheels are straight after a reset that says nothing
LEVELS = {'drive': 'step'}

GRAVITY = 9.81  # [m/s^2] as in spec/robot.py: this text imports only what two compilers take
CREEP = 0.1  # [m/s] rolling velocity below which a tyre's slip grows no faster
GRIP = 0.95  # part of the friction that driving or braking may take
GAMMA = 0.2928932188134524  # 1 - 1 / sqrt(2), which makes the method L-stable
ZERO = 0.0
THIRD = 1.0 / 3.0
SIX = 6.0
FIFTEEN = 15.0


def clip(a, low, high):
    """`a`, kept within `low` and `high`."""
    return fmin(fmax(a, low), high)


def direction(angle):
    """(cos, sin, 0) of an angle [rad], within 1e-5 up to 0.5, by the [3/2] Pade tangent."""
    s = angle * angle
    t = angle * (FIFTEEN - s) / (FIFTEEN - SIX * s)
    c = ONE / sqrt(ONE + t * t)
    return vec3(c, t * c, ZERO)


def turned(q, angle):
    """Attitude `q` turned by a small `angle` [rad] about body z."""
    h = HALF * angle
    t = h + THIRD * h * h * h
    return normalize4(vec4(q[0] - t * q[3], q[1] + t * q[2], q[2] - t * q[1], q[3] + t * q[0]))


def steer(x, i, dt):
    """Advance the steering by `dt` [s]; return its angle in the middle of the step."""
    angle = x[i + LANES * STEERING]
    wanted = x[i + LANES * SETPOINT_ANGLE] + x[i + LANES * STEERING_OFFSET]
    most = dt * x[i + LANES * STEERING_RATE]
    change = (ONE - decay_factor(dt / x[i + LANES * STEERING_LAG])) * (wanted - angle)
    change = clip(change, -most, most)
    x[i + LANES * STEERING] = angle + change
    return angle + HALF * change


def thrust(x, i, speed):
    """Acceleration [m/s^2] along the wheels by which the speed loop follows its setpoint."""
    error = (x[i + LANES * SETPOINT] - speed) / x[i + LANES * SPEED_LAG]
    faster, slower = x[i + LANES * ACCELERATION], x[i + LANES * BRAKING]
    upper = where(speed < ZERO, slower, faster)
    lower = where(speed < ZERO, faster, slower)
    grip = GRIP * GRAVITY * x[i + LANES * FRICTION]
    return clip(error, -fmin(lower, grip), fmin(upper, grip))


def axles(x, i, a):
    """What the axles carry when the car accelerates at `a` along itself.

    Returns the front axle's part of the weight and the side force [N/kg] that the tyres could
    bring up together.
    """
    limit = GRAVITY * x[i + LANES * FRICTION]
    shift = x[i + LANES * CG_HEIGHT] * a / GRAVITY
    front = (x[i + LANES * CG_TO_REAR] - shift) / x[i + LANES * WHEELBASE]
    return vec3(clip(front, ZERO, ONE), sqrt(limit * limit - a * a), ZERO)


def tyre(along, across, stiffness):
    """Side force of a tyre as a part of the largest, and its derivative by `across` [s/m].

    `along` and `across` [m/s] are the velocity of its centre in its own directions.
    """
    steep = stiffness / sqrt(along * along + CREEP * CREEP)
    slip = steep * across
    soft = ONE / sqrt(ONE + slip * slip)
    return vec3(-slip * soft, -steep * soft * soft * soft, ZERO)


def front_tyre(x, i, d, s):
    """`tyre` of the front axle steered to `d`, with the car moving at `s`."""
    arm = x[i + LANES * WHEELBASE] - x[i + LANES * CG_TO_REAR]
    side = s[1] + arm * s[2]
    stiffness = x[i + LANES * STIFFNESS_FRONT]
    return tyre(d[0] * s[0] + d[1] * side, d[0] * side - d[1] * s[0], stiffness)


def rear_tyre(x, i, s):
    """`tyre` of the rear axle."""
    side = s[1] - x[i + LANES * CG_TO_REAR] * s[2]
    return tyre(s[0], side, x[i + LANES * STIFFNESS_REAR])


def lever(x, i):
    """Turning acceleration about z [rad/s^2] of a moment of 1 N m per kg of car."""
    return x[i + LANES * MASS] / x[i + LANES * YAW_INERTIA]


def derivative(x, i, d, s):
    """Change of `s` per second.

    `s` is forward velocity, velocity to the left (both of the centre of mass, body frame) and yaw
    rate; `d` the direction of the front wheels.
    """
    a = thrust(x, i, s[0])
    share = axles(x, i, a)
    rear_arm = x[i + LANES * CG_TO_REAR]
    front_arm = x[i + LANES * WHEELBASE] - rear_arm
    push = share[0] * a
    hold = share[0] * share[1] * front_tyre(x, i, d, s)[0]
    front = push * d[1] + hold * d[0]
    rear = (ONE - share[0]) * share[1] * rear_tyre(x, i, s)[0]
    return vec3(
        push * d[0] - hold * d[1] + (a - push) + s[1] * s[2],
        front + rear - s[0] * s[2],
        lever(x, i) * (front_arm * front - rear_arm * rear),
    )


def damped(x, i, d, k, b):
    """Solve (1 + k[0] n_f m_f' + k[1] n_r m_r') y = b for y.

    Across the front wheels the car moves at m_f's, and a force there changes s by n_f; m_r and n_r
    are the same for the rear. `k` is how much of that velocity each tyre takes in this step.
    """
    front_arm = x[i + LANES * WHEELBASE] - x[i + LANES * CG_TO_REAR]
    m_f = vec3(-d[1], d[0], d[0] * front_arm)
    m_r = vec3(ZERO, ONE, -x[i + LANES * CG_TO_REAR])
    turn = lever(x, i)
    n_f = vec3(m_f[0], m_f[1], turn * m_f[2])
    n_r = vec3(m_r[0], m_r[1], turn * m_r[2])
    ff = ONE + k[0] * dot3(m_f, n_f)
    rr = ONE + k[1] * dot3(m_r, n_r)
    cross = dot3(m_f, n_r)
    bf, br = dot3(m_f, b), dot3(m_r, b)
    scale = ONE / (ff * rr - k[0] * k[1] * cross * cross)
    p = scale * (rr * bf - k[1] * cross * br)
    q = scale * (ff * br - k[0] * cross * bf)
    return axpy3(-k[0] * p, n_f, axpy3(-k[1] * q, n_r, b))


def step(x, i, dt):
    """Advance one record by `dt` [s] towards its setpoint of speed and steering angle."""
    arm = x[i + LANES * CG_TO_REAR]
    v, w = load3(x, i, VEL), load3(x, i, RATE)
    s0 = vec3(v[0], v[1] + arm * w[2], w[2])
    d = direction(steer(x, i, dt))

    share = axles(x, i, thrust(x, i, s0[0]))
    scale = -GAMMA * dt * share[1]
    k = vec3(
        scale * share[0] * front_tyre(x, i, d, s0)[1],
        scale * (ONE - share[0]) * rear_tyre(x, i, s0)[1],
        ZERO,
    )
    k1 = damped(x, i, d, k, derivative(x, i, d, s0))
    k2 = damped(x, i, d, k, axpy3(-TWO, k1, derivative(x, i, d, axpy3(dt, k1, s0))))
    s1 = axpy3(HALF * dt, add3(k2, axpy3(TWO, k1, k1)), s0)

    q0 = load4(x, i, QUAT)
    rate = HALF * (s0[2] + s1[2])
    mean = vec3(HALF * (s0[0] + s1[0]), HALF * (s0[1] + s1[1]) - arm * rate, ZERO)
    moved = rotate(turned(q0, HALF * dt * rate), mean)
    store3(x, i, POS, axpy3(dt, moved, load3(x, i, POS)))
    store4(x, i, QUAT, turned(q0, dt * rate))
    store3(x, i, VEL, vec3(s1[0], s1[1] - arm * s1[2], ZERO))
    store3(x, i, RATE, vec3(ZERO, ZERO, s1[2]))

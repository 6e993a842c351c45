"""Rigid-body quadrotor with rotor lag, rotor drag and an external wrench.

`step` and `step_rates` integrate the whole machine by RK4. `drive` and `drive_rates` are its
actuators alone, for an engine that integrates the body itself: they turn a setpoint into a wrench.

Newton-Euler: rotor thrust k w^2 along body z, reaction torque c k w^2. Rotors follow their
setpoint as a first-order lag, solved in closed form inside the step. The drag of the rotors is
linear in the body velocity and in the summed rotor speed (J. Foerster, "System Identification of
the Crazyflie 2.0 Nano Quadrocopter", ETH Zurich 2015).

A record is one environment: FIELDS numbers, LANES records interleaved (see launch.py).
"""

from __future__ import annotations

from robot_rl.kernels.vector import *

# State, in the order in which an engine reports it.
POS = 0  # [m] world
QUAT = 3  # wxyz, body to world
VEL = 7  # [m/s] body
RATE = 10  # [rad/s] body
ROTOR = 13  # [rad/s] four rotors
FORCE = 17  # [N] world, external
MOMENT = 20  # [N m] body, external
# Parameters.
MASS = 23
INERTIA = 24
THRUST = 27  # [N s^2/rad^2] of each rotor
TORQUE = 31  # [m] reaction torque per thrust
LAG = 32  # [s] time constant of the rotors
DRAG = 33  # [N s^2/(m rad)] body axes
ROTOR_X = 36  # [m] of each rotor
ROTOR_Y = 40
SPIN = 44  # sign of the reaction torque of each rotor
SETPOINT = 48
# The firmware's rate loop, level 'rates'. Gains are in thrust of one rotor per unit of error.
RATE_SUM = 52  # [rad] integral of the rate error
RATE_P = 55  # [N s/rad]
RATE_I = 58  # [N/rad]
RATE_D = 61  # [N s^2/rad]
RATE_SUM_LIMIT = 64  # [rad]
MIXER_THRUST = 67  # [N s^2/rad^2] thrust coefficient that the firmware believes in
MAX_SPEED = 68  # [rad/s] of a rotor
WRENCH = 69  # [N] world force at the centre, then [N m] world torque: written by `drive`
WRENCH_TORQUE = 72
FIELDS = 75

SIGNALS = {
    'base_pos_w': (POS, 3),
    'base_quat_w': (QUAT, 4),
    'base_lin_vel_b': (VEL, 3),
    'base_ang_vel_b': (RATE, 3),
    'rotor_speed': (ROTOR, 4),
    'external_force_w': (FORCE, 3),
    'external_torque_b': (MOMENT, 3),
}
PARAMETERS = {
    'mass': (MASS, 1),
    'inertia': (INERTIA, 3),
    'thrust_coefficient': (THRUST, 4),
    'torque_coefficient': (TORQUE, 1),
    'rotor_time_constant': (LAG, 1),
    'drag': (DRAG, 3),
    'rotor_x': (ROTOR_X, 4),
    'rotor_y': (ROTOR_Y, 4),
    'rotor_spin': (SPIN, 4),
    'external_force_w': (FORCE, 3),
    'external_torque_b': (MOMENT, 3),
    'rate_p': (RATE_P, 3),
    'rate_i': (RATE_I, 3),
    'rate_d': (RATE_D, 3),
    'rate_sum_limit': (RATE_SUM_LIMIT, 3),
    'mixer_thrust': (MIXER_THRUST, 1),
    'max_rotor_speed': (MAX_SPEED, 1),
}
MEMORY = {'rate_sum': (RATE_SUM, 3)}  # state that no signal reports; a reset clears it
LEVELS = {'motors': 'step', 'rates': 'step_rates'}
DRIVES = {'motors': 'drive', 'rates': 'drive_rates'}

GRAVITY = 9.81  # [m/s^2] as in spec/robot.py: this text imports only what two compilers take
ZERO = 0.0
QUARTER = 0.25
SIXTH = 1.0 / 6.0


def rotor_thrust(x, i, rotor):
    """Thrust of each rotor [N]."""
    k = load4(x, i, THRUST)
    return vec4(
        k[0] * rotor[0] * rotor[0],
        k[1] * rotor[1] * rotor[1],
        k[2] * rotor[2] * rotor[2],
        k[3] * rotor[3] * rotor[3],
    )


def body_force(x, i, rotor, v_b):
    """Thrust and drag [N] in the body frame, moving at `v_b` (body)."""
    f = rotor_thrust(x, i, rotor)
    spin = rotor[0] + rotor[1] + rotor[2] + rotor[3]
    d = load3(x, i, DRAG)
    lift = f[0] + f[1] + f[2] + f[3]
    return vec3(-d[0] * spin * v_b[0], -d[1] * spin * v_b[1], lift - d[2] * spin * v_b[2])


def body_torque(x, i, rotor):
    """Torque of the rotors and from outside [N m] about the centre of mass, in the body frame."""
    f = rotor_thrust(x, i, rotor)
    e = load3(x, i, MOMENT)
    roll = dot4(load4(x, i, ROTOR_Y), f) + e[0]
    pitch = e[1] - dot4(load4(x, i, ROTOR_X), f)
    yaw = x[i + LANES * TORQUE] * dot4(load4(x, i, SPIN), f) + e[2]
    return vec3(roll, pitch, yaw)


def acceleration(x, i, rotor, q, v):
    """Linear acceleration [m/s^2] in the world of a body at attitude `q` moving at `v` (world)."""
    f_b = body_force(x, i, rotor, rotate_inverse(q, v))
    f = add3(rotate(q, f_b), load3(x, i, FORCE))
    inverse = ONE / x[i + LANES * MASS]
    return vec3(f[0] * inverse, f[1] * inverse, f[2] * inverse - GRAVITY)


def angular_acceleration(x, i, rotor, w):
    """Angular acceleration [rad/s^2] in the body frame at body rate `w`."""
    j = load3(x, i, INERTIA)
    return div3(sub3(body_torque(x, i, rotor), cross3(w, mul3(j, w))), j)


def lagged(rotor, target, decay):
    """Rotor speeds [rad/s] after the distance to `target` has shrunk by the factor `decay`."""
    return axpy4(decay, sub4(rotor, target), target)


def sign(a):
    """1 above zero, -1 elsewhere."""
    return where(a > ZERO, ONE, -ONE)


def rate_pid(x, i, dt, error, change, gate):
    """Rotor thrust [N] that a PID loop asks for about each axis.

    `error` [rad/s], `change` of the measured rate [rad/s^2]; `gate` 0 clears the integral.
    """
    limit = load3(x, i, RATE_SUM_LIMIT)
    n = axpy3(dt, error, load3(x, i, RATE_SUM))
    n = vec3(
        gate * fmin(fmax(n[0], -limit[0]), limit[0]),
        gate * fmin(fmax(n[1], -limit[1]), limit[1]),
        gate * fmin(fmax(n[2], -limit[2]), limit[2]),
    )
    store3(x, i, RATE_SUM, n)
    u = add3(mul3(load3(x, i, RATE_P), error), mul3(load3(x, i, RATE_I), n))
    return sub3(u, mul3(load3(x, i, RATE_D), change))


def mix(x, i, base, u):
    """Thrust [N] of each rotor for `base` [N] a rotor and `u` [N] about each axis.

    Where a rotor would pass its limit all four give way, so that attitude goes before height, as
    in the firmware's power distribution.
    """
    px = load4(x, i, ROTOR_X)
    py = load4(x, i, ROTOR_Y)
    s = load4(x, i, SPIN)
    f0 = base + sign(py[0]) * u[0] - sign(px[0]) * u[1] + s[0] * u[2]
    f1 = base + sign(py[1]) * u[0] - sign(px[1]) * u[1] + s[1] * u[2]
    f2 = base + sign(py[2]) * u[0] - sign(px[2]) * u[1] + s[2] * u[2]
    f3 = base + sign(py[3]) * u[0] - sign(px[3]) * u[1] + s[3] * u[2]
    top = x[i + LANES * MAX_SPEED]
    limit = x[i + LANES * MIXER_THRUST] * top * top
    excess = fmax(fmax(fmax(f0, f1), fmax(f2, f3)) - limit, ZERO)
    return vec4(
        fmax(f0 - excess, ZERO),
        fmax(f1 - excess, ZERO),
        fmax(f2 - excess, ZERO),
        fmax(f3 - excess, ZERO),
    )


def rate_target(x, i, dt):
    """Rotor speeds [rad/s] by which the firmware follows collective thrust and body rates.

    A PID loop on each rate, with the derivative of the measured rate, and the thrust curve
    inverted with the coefficient that the firmware believes in, not the true one. No thrust asked
    for means rotors off, as in the firmware.
    """
    wanted = load4(x, i, SETPOINT)
    w = load3(x, i, RATE)
    change = angular_acceleration(x, i, load4(x, i, ROTOR), w)
    gate = where(wanted[0] > ZERO, ONE, ZERO)
    error = vec3(wanted[1] - w[0], wanted[2] - w[1], wanted[3] - w[2])
    f = mix(x, i, QUARTER * wanted[0], rate_pid(x, i, dt, error, change, gate))
    inverse = gate / x[i + LANES * MIXER_THRUST]
    return vec4(
        sqrt(f[0] * inverse), sqrt(f[1] * inverse), sqrt(f[2] * inverse), sqrt(f[3] * inverse)
    )


def step(x, i, dt):
    """Advance one record by `dt` [s] towards its setpoint of four rotor speeds."""
    integrate(x, i, dt, load4(x, i, SETPOINT))


def step_rates(x, i, dt):
    """Advance one record by `dt` [s], its setpoint being collective thrust and body rates."""
    integrate(x, i, dt, rate_target(x, i, dt))


def drive(x, i, dt):
    """Advance the rotors alone and write the wrench of this step, setpoint as in `step`."""
    actuate(x, i, dt, load4(x, i, SETPOINT))


def drive_rates(x, i, dt):
    """Advance the rotors alone and write the wrench of this step, setpoint as in `step_rates`."""
    actuate(x, i, dt, rate_target(x, i, dt))


def actuate(x, i, dt, target):
    """Advance the rotors by `dt` [s] and write the wrench of the middle of the step.

    An engine holds a wrench over its step. Taken at the middle, with attitude, velocity and rotors
    extrapolated to there, its error is of second order.
    """
    r0 = load4(x, i, ROTOR)
    q0 = load4(x, i, QUAT)
    w0 = load3(x, i, RATE)
    v0 = rotate(q0, load3(x, i, VEL))
    h = HALF * dt
    decay = decay_factor(h / x[i + LANES * LAG])
    r1 = lagged(r0, target, decay)
    w1 = axpy3(HALF * h, angular_acceleration(x, i, r0, w0), w0)
    q1 = normalize4(axpy4(h, quat_rate(q0, w1), q0))
    v1 = axpy3(h, acceleration(x, i, r0, q0, v0), v0)
    force = rotate(q1, body_force(x, i, r1, rotate_inverse(q1, v1)))
    store3(x, i, WRENCH, add3(force, load3(x, i, FORCE)))
    store3(x, i, WRENCH_TORQUE, rotate(q1, body_torque(x, i, r1)))
    store4(x, i, ROTOR, lagged(r1, target, decay))


def integrate(x, i, dt, target):
    """Advance one record by `dt` [s] by RK4, the rotors following `target` [rad/s]."""
    r0 = load4(x, i, ROTOR)
    q0 = load4(x, i, QUAT)
    v0 = rotate(q0, load3(x, i, VEL))
    w0 = load3(x, i, RATE)
    h = HALF * dt
    decay = decay_factor(h / x[i + LANES * LAG])
    r1 = lagged(r0, target, decay)
    r2 = lagged(r1, target, decay)

    a1 = acceleration(x, i, r0, q0, v0)
    b1 = angular_acceleration(x, i, r0, w0)
    d1 = quat_rate(q0, w0)

    v1 = axpy3(h, a1, v0)
    w1 = axpy3(h, b1, w0)
    q1 = axpy4(h, d1, q0)
    a2 = acceleration(x, i, r1, q1, v1)
    b2 = angular_acceleration(x, i, r1, w1)
    d2 = quat_rate(q1, w1)

    v2 = axpy3(h, a2, v0)
    w2 = axpy3(h, b2, w0)
    q2 = axpy4(h, d2, q0)
    a3 = acceleration(x, i, r1, q2, v2)
    b3 = angular_acceleration(x, i, r1, w2)
    d3 = quat_rate(q2, w2)

    v3 = axpy3(dt, a3, v0)
    w3 = axpy3(dt, b3, w0)
    q3 = axpy4(dt, d3, q0)
    a4 = acceleration(x, i, r2, q3, v3)
    b4 = angular_acceleration(x, i, r2, w3)
    d4 = quat_rate(q3, w3)

    s = SIXTH * dt
    q = normalize4(axpy4(s, rk4_sum4(d1, d2, d3, d4), q0))
    v = axpy3(s, rk4_sum3(a1, a2, a3, a4), v0)
    store3(x, i, POS, axpy3(s, rk4_sum3(v0, v1, v2, v3), load3(x, i, POS)))
    store4(x, i, QUAT, q)
    store3(x, i, VEL, rotate_inverse(q, v))
    store3(x, i, RATE, axpy3(s, rk4_sum3(b1, b2, b3, b4), w0))
    store4(x, i, ROTOR, r2)


def rk4_sum3(k1, k2, k3, k4):
    """k1 + 2 k2 + 2 k3 + k4."""
    return vec3(
        k1[0] + TWO * (k2[0] + k3[0]) + k4[0],
        k1[1] + TWO * (k2[1] + k3[1]) + k4[1],
        k1[2] + TWO * (k2[2] + k3[2]) + k4[2],
    )


def rk4_sum4(k1, k2, k3, k4):
    """k1 + 2 k2 + 2 k3 + k4."""
    return vec4(
        k1[0] + TWO * (k2[0] + k3[0]) + k4[0],
        k1[1] + TWO * (k2[1] + k3[1]) + k4[1],
        k1[2] + TWO * (k2[2] + k3[2]) + k4[2],
        k1[3] + TWO * (k2[3] + k3[3]) + k4[3],
    )

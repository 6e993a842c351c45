"""Rigid-body quadrotor with rotor lag, rotor drag and an external wrench, integrated by RK4.

Newton-Euler: rotor thrust k w^2 along body z, reaction torque c k w^2. Rotors follow their setpoint as
a first-order lag, solved in closed form inside the step. The drag of the rotors is linear in the body
velocity and in the summed rotor speed (Foerster, "System Identification of the Crazyflie 2.0 Nano
Quadrocopter", ETH Zurich 2015, section 3.1.3).

A record is one environment: FIELDS numbers, LANES records interleaved (see launch.py).
"""

from __future__ import annotations

# ruff: noqa: F403, F405, F821  names of vector.py and the backend's vec3, vec4, LANES
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
FIELDS = 52

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
}
LEVELS = {'motors': 'step'}

GRAVITY = 9.81
SIXTH = 1.0 / 6.0
TWELFTH = 1.0 / 12.0


def rotor_thrust(x, i, rotor):
    """Thrust of each rotor [N]."""
    k = load4(x, i, THRUST)
    return vec4(
        k[0] * rotor[0] * rotor[0],
        k[1] * rotor[1] * rotor[1],
        k[2] * rotor[2] * rotor[2],
        k[3] * rotor[3] * rotor[3],
    )


def acceleration(x, i, rotor, q, v):
    """Linear acceleration [m/s^2] in the world of a body at attitude `q` moving at `v` (world)."""
    f = rotor_thrust(x, i, rotor)
    spin = rotor[0] + rotor[1] + rotor[2] + rotor[3]
    v_b = rotate_inverse(q, v)
    d = load3(x, i, DRAG)
    lift = f[0] + f[1] + f[2] + f[3]
    f_b = vec3(-d[0] * spin * v_b[0], -d[1] * spin * v_b[1], lift - d[2] * spin * v_b[2])
    total = add3(rotate(q, f_b), load3(x, i, FORCE))
    inverse = ONE / x[i + LANES * MASS]
    return vec3(total[0] * inverse, total[1] * inverse, total[2] * inverse - GRAVITY)


def angular_acceleration(x, i, rotor, w):
    """Angular acceleration [rad/s^2] in the body frame at body rate `w`."""
    f = rotor_thrust(x, i, rotor)
    px = load4(x, i, ROTOR_X)
    py = load4(x, i, ROTOR_Y)
    s = load4(x, i, SPIN)
    e = load3(x, i, MOMENT)
    j = load3(x, i, INERTIA)
    gyro = cross3(w, mul3(j, w))
    m = vec3(
        dot4(py, f) + e[0] - gyro[0],
        e[1] - dot4(px, f) - gyro[1],
        x[i + LANES * TORQUE] * dot4(s, f) + e[2] - gyro[2],
    )
    return div3(m, j)


def lagged(rotor, target, decay):
    """Rotor speeds [rad/s] after the distance to `target` has shrunk by the factor `decay`."""
    return axpy4(decay, sub4(rotor, target), target)


def decay_factor(x):
    """exp(-x) for 0 <= x < 0.5 by the [2/2] Pade approximant: within 4e-5 there, 1e-7 below 0.15."""
    a = ONE + TWELFTH * x * x
    return (a - HALF * x) / (a + HALF * x)


def step(x, i, dt):
    """Advance one record by `dt` [s] towards its setpoint."""
    target = load4(x, i, SETPOINT)
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

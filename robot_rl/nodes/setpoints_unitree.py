"""Setpoints of a Unitree Go2: unitree_go/msg/LowCmd, on the topic `lowcmd`.

Not run here: neither the robot nor its messages, which are not on PyPI. The tests hold it to the
published field lists and checksum. Sources: unitree_ros2 (motor_crc.h, motor_crc.cpp,
low_level_ctrl.cpp) and unitree_sdk2, go2 low level, as of 2024.

- Motors 0 to 11 go by leg (front right, front left, rear right, rear left) and in each leg hip,
  thigh, calf. Our joints are in the order of the URDF, so each goes to its motor by name. The
  message has room for 20 motors; those after 11 keep mode 0, stopped.
- `mode` 0x01 is the servo: the drive computes kp (q - position) + kd (dq - velocity) + tau, with
  `q` the setpoint, `dq` and `tau` zero, `kp` the robot's `joint_stiffness` times the stage's part
  of it, and `kd` its `joint_damping`. To damp is kp 0 with that kd.
- `head` 0xFE 0xEF and `level_flag` 0xFF mark a low-level command; `crc` covers all before it, and
  the robot ignores a command in which it is wrong.

Release the robot's own sport mode first, or two controllers fight. Unitree's examples send at
500 Hz; this is sent at the policy's rate, the drives hold the last command in between. State comes
back on `lowstate`, in the same order of motors; a bridge has to make joint_states and imu of it.
"""

from __future__ import annotations

import struct
from typing import Any
import zlib

import numpy as np

from robot_rl.errors import SpecError
from robot_rl.nodes.messages import Values
from robot_rl.nodes.setpoints_joint import gains
from robot_rl.spec.robot import Robot, Setpoint

MOTORS = tuple(
    f'{leg}_{part}_joint' for leg in ('FR', 'FL', 'RR', 'RL') for part in ('hip', 'thigh', 'calf')
)
HEAD, LEVEL_FLAG, SERVO = (0xFE, 0xEF), 0xFF, 0x01
_NUM_MOTORS = 20  # of the message; the robot has 12
_LAYOUT = struct.Struct('<4B2I2IH2x' + 'B3x5f3I' * _NUM_MOTORS + '4B40B12B2BBxI')
_REFLECTED = bytes(int(f'{byte:08b}'[::-1], 2) for byte in range(256))


def _motors(setpoint: Setpoint) -> list[int]:
    strange = [name for name in setpoint.fields if name not in MOTORS]
    if strange:
        raise SpecError(f'A LowCmd has no motor {strange[0]!r}; it has {", ".join(MOTORS)}.')
    return [MOTORS.index(name) for name in setpoint.fields]


def prepare(message: Any, _robot: Robot, setpoint: Setpoint) -> None:
    """Set flags and servo mode. Raises SpecError for a setpoint without gains."""
    if not setpoint.gains:
        raise SpecError(
            f'A LowCmd carries stiffness and damping, the setpoint {setpoint.name!r} has none. '
            'Set setpoint_gains to true, or choose another setpoint_message.'
        )
    message.head[0], message.head[1] = HEAD
    message.level_flag = LEVEL_FLAG
    for motor in _motors(setpoint):
        message.motor_cmd[motor].mode = SERVO


def write(
    message: Any, robot: Robot, setpoint: Setpoint, values: Values, stiffness: float
) -> None:
    """Position, stiffness and damping of every motor, then the checksum."""
    kp, kd = (row.tolist() for row in gains(robot, setpoint))
    for index, motor in enumerate(_motors(setpoint)):
        command = message.motor_cmd[motor]
        command.q, command.dq, command.tau = float(values[index]), 0.0, 0.0
        command.kp, command.kd = stiffness * kp[index], kd[index]
    message.crc = checksum(message)


def read(message: Any, robot: Robot, setpoint: Setpoint, out: Values) -> float:
    """Inverse of `write`."""
    motors = _motors(setpoint)
    for index, motor in enumerate(motors):
        out[index] = message.motor_cmd[motor].q
    return float(message.motor_cmd[motors[0]].kp / gains(robot, setpoint)[0][0])


def checksum(message: Any) -> int:
    """CRC-32 (polynomial 0x04C11DB7, start 0xFFFFFFFF, not reflected) of the words before it.

    The robot's own routine takes each word of 32 bits from its highest bit down.
    """
    rows: list[float | int] = []
    for command in message.motor_cmd:
        rows += [command.mode, command.q, command.dq, command.tau, command.kp, command.kd]
        rows += list(command.reserve)
    bms = message.bms_cmd
    data = _LAYOUT.pack(
        *message.head,
        message.level_flag,
        message.frame_reserve,
        *message.sn,
        *message.version,
        message.bandwidth,
        *rows,
        bms.off,
        *bms.reserve,
        *message.wireless_remote,
        *message.led,
        *message.fan,
        message.gpio,
        message.reserve,
    )
    words = np.frombuffer(data, '<u4').astype('>u4').tobytes()
    reflected = zlib.crc32(words.translate(_REFLECTED)) ^ 0xFFFFFFFF
    return int(f'{reflected:032b}'[::-1], 2)

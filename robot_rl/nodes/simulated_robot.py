"""One simulated robot behind its drivers: firmware, engine and sensors; no ROS, no clock.

Imports the engine (and with it torch) when it is built, not before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import SpecError
from robot_rl.spec.robot import Robot

Values = NDArray[np.float64]

FIRMWARE_TIMEOUT_S = 0.5
"""[s] without a setpoint after which the firmware stops following the last one. Source:
crazyflie-firmware, commander.h, COMMANDER_WDT_TIMEOUT_STABILIZE = 500 ms. The firmware levels
out then and cuts the motors at 2000 ms; a setpoint of rotor speeds cannot be levelled, so this
simulation goes to the last stage of the safe action."""


class SimulatedRobot:
    """Steps one robot; truth and measurements are (size,) float64 arrays by signal name."""

    def __init__(
        self,
        robot: Robot,
        level: str,
        engine: str,
        *,
        dt: float,
        sensor_dt: float,
        seed: int,
        noise: bool,
        randomize: bool,
    ) -> None:
        """Build the engine at step `dt` [s]; sensors sample every `sensor_dt` [s].

        Raises:
            UnknownNameError: no such engine or setpoint level.
            MissingPackageError: the engine's simulator is not installed.
            SpecError: `sensor_dt` is not a whole multiple of `dt`, or the randomization is
            malformed.
        """
        steps = round(sensor_dt / dt)
        if steps < 1 or abs(steps * dt - sensor_dt) > 1e-9:
            raise SpecError(
                f'The sensor period {sensor_dt} s must be a whole multiple of dt = {dt} s.'
            )
        self._torch: Any = importlib.import_module('torch')
        self._torch.set_num_threads(1)
        self.robot, self.dt = robot, dt
        self._setpoint = robot.setpoint(level)
        engines = importlib.import_module('robot_rl.envs.engines')
        self._engine = engines.engine_factory(engine)(robot, level, 1, dt)
        self._spreads = engines.load_randomization(robot) if randomize else ()
        self._generator = self._torch.Generator().manual_seed(seed)
        self._names = tuple(name for t in robot.topics if t.rate_hz > 0.0 for name in t.signals)
        self._measurement = None
        if noise:
            measure = importlib.import_module('robot_rl.sensors.measure')
            self._measurement = measure.Measurement(
                robot, self._names, sensor_dt, self._generator, self._torch.device('cpu')
            )
        self._command = self._torch.zeros(1, self._setpoint.size)
        self._start: dict[str, Values] = {}
        self._sensors: dict[str, Any] = {}
        self.held = True
        """On a stand at its initial state, until the first setpoint."""

    def reset(self, state: Mapping[str, Sequence[float]]) -> None:
        """Put the robot on a stand in the true signals `state`, with parameters drawn anew."""
        torch = self._torch
        row = torch.arange(1)
        self._start = {name: np.asarray(values, np.float64) for name, values in state.items()}
        if self._spreads:
            sampler = importlib.import_module('robot_rl.mdp.randomization').ParameterSampler
            draw = sampler(self.robot, self._spreads, torch.device('cpu'))
            self._engine.randomize(draw(1, self._generator), row)
        self._put(self._start)
        if self._measurement is not None:
            self._sensors = self._measurement.fresh(self._engine.signals())
        self.held = True

    def step(self, setpoint: Values | None, silence: float) -> None:
        """Advance by `dt` under the newest setpoint (None: none yet), `silence` [s] old."""
        if setpoint is None:
            return
        self.held = False
        off = silence > FIRMWARE_TIMEOUT_S
        # The drive has limits of its own, whatever it is sent.
        wanted = np.asarray(self._setpoint.safe[-1].setpoint) if off else setpoint
        np.clip(wanted, self._setpoint.low, self._setpoint.high, out=self._command[0].numpy())
        self._engine.step(self._command)
        self._stay_above_ground()

    def truth(self) -> dict[str, Values]:
        """True signals now."""
        return {name: value[0].double().numpy() for name, value in self._engine.signals().items()}

    def measured(self) -> dict[str, Values]:
        """Sample of the sensors; call it once every sensor period."""
        signals = self._engine.signals()
        if self._measurement is not None:
            signals, changed = self._measurement.sample(signals, self._sensors)
            self._sensors = {**self._sensors, **changed}
        return {name: signals[name][0].double().numpy() for name in self._names}

    def _put(self, state: Mapping[str, Values]) -> None:
        torch = self._torch
        rows = {name: torch.as_tensor(value)[None].float() for name, value in state.items()}
        self._engine.reset(torch.arange(1), rows)

    def _stay_above_ground(self) -> None:
        """A robot that fell through the ground (an engine without one) lies on it."""
        position = self._engine.signals()['base_pos_w'][0]
        if float(position[2]) < 0.0:
            lying = {name: np.zeros_like(value) for name, value in self._start.items()}
            lying['base_pos_w'][:2] = position[:2].numpy()
            lying['base_quat_w'][0] = 1.0
            self._put(lying)

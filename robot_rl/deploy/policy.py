"""A policy file, loaded, distrusted, and run without allocating.

    policy = Policy.load('hover-crazyflie.onnx')
    policy.inputs['base_pos_w'][:] = position
    setpoint = policy.step()

Inputs and outputs are bound to numpy buffers once; a step then costs what the graph costs, and the
same arrays are read and written in every period.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import MissingPackageError, PolicyFileError
from robot_rl.spec import policy_file
from robot_rl.spec.contract import Contract, directions_of, fitted
from robot_rl.spec.policy_file import BEAMS, GOLDEN_TOLERANCE, ROWS_AND_COLUMNS, PolicyFile
from robot_rl.spec.robot import Robot
from robot_rl.spec.signal import Signal

_REFUSALS = (
    'Fail',
    'InvalidArgument',
    'InvalidGraph',
    'InvalidProtobuf',
    'NotImplemented',
    'RuntimeException',
)
"""What onnxruntime raises for a file that it cannot open."""
Array = NDArray[Any]


class Policy:
    """One policy, ready to step. Build it with `Policy.load`."""

    def __init__(self, file: PolicyFile, contract: Contract, session: Any) -> None:
        """Bind buffers to a checked file's session; `load` does the checking."""
        self.path = file.path
        self._session = session
        self.golden = golden_rows(file, contract)
        """Inputs, memory and what they must lead to, a dictionary of (size,) arrays a row."""
        self._bind(contract)

    def _bind(self, contract: Contract) -> None:
        self.contract = contract
        self.inputs: dict[str, Array] = {
            s.name: np.zeros(s.row, _kind(s)) for s in contract.signals
        }
        """Signal name to its buffer (size,), float32 [SI], or an image (height, width, 3), uint8;
        written in place before each step."""
        self.memory: Array = np.zeros(contract.memory_size, np.float32)
        """What is carried to the next step, float32 (memory_size,)."""
        self.setpoint: Array = np.zeros(len(contract.setpoint_fields), np.float32)
        """Result of the last step, float32 (n,), rewritten by each step [SI]."""
        self._memory_out = np.zeros_like(self.memory)
        self._binding = self._session.io_binding()
        buffers = {**self.inputs, 'memory': self.memory}
        for name in contract.input_sizes:
            buffer = buffers[name]
            shape, address = (1, *buffer.shape), buffer.ctypes.data
            self._binding.bind_input(name, 'cpu', 0, buffer.dtype, shape, address)
        buffers = {'setpoint': self.setpoint, 'memory_out': self._memory_out}
        for name, size in contract.output_sizes.items():
            address = buffers[name].ctypes.data
            self._binding.bind_output(name, 'cpu', 0, np.float32, (1, size), address)

    @classmethod
    def load(cls, path: str | Path) -> Policy:
        """Load a policy file.

        Raises:
            PolicyFileError: The file is missing, cut short, not ONNX, not ours, edited, of another
                schema or opset, holds weights that are not finite, or contradicts its contract.
                Golden rows are computed by `self_test`, not here.
            MissingPackageError: onnxruntime is not installed.
        """
        file = policy_file.read(path)
        policy_file.check_origin(file)
        policy_file.check_weights(file)
        policy_file.check_digest(file)
        contract = contract_in(file)
        session = open_session(file)
        check_interface(file, contract, session)
        return cls(file, contract, session)

    def fit(self, robot: Robot) -> None:
        """Take as many beams as the lidar of `robot` has, where any lidar will do.

        Buffers are new ones if those are not as many as before.
        """
        contract = fitted(self.contract, robot)
        if contract is not self.contract:
            self._bind(contract)

    def reset(self) -> None:
        """Forget: set the memory to zero, as at the start of an episode."""
        self.memory.fill(0.0)

    def step(self) -> Array:
        """Run one control period on what `inputs` and `memory` hold now.

        Returns:
            `setpoint`, the same array each time. The memory has moved on by one period.
        """
        self._session.run_with_iobinding(self._binding)
        np.copyto(self.memory, self._memory_out)
        return self.setpoint

    def self_test(self) -> float:
        """Compute the golden rows again, beside the buffers.

        Returns:
            The largest error, as a part of what is allowed.

        Raises:
            PolicyFileError: A golden row does not reproduce.
        """
        errors = [self._golden_error(row) for row in self.golden]
        worst = max(errors)
        if not worst <= 1.0:  # also for NaN
            raise PolicyFileError(
                f'{str(self.path)!r} does not reproduce its golden row {int(np.argmax(errors))}: '
                f'off by {worst:.3g} times the allowed {GOLDEN_TOLERANCE:g}. Export it again; if '
                'it then still fails, the onnxruntime of this machine computes something else.'
            )
        return worst

    def _golden_error(self, row: dict[str, Array]) -> float:
        """Error of one golden row, as a part of what is allowed; infinite where not finite."""
        contract = self.contract
        given = {name: row[name][None] for name in contract.input_sizes}
        got = dict(
            zip(
                contract.output_sizes,
                self._session.run([*contract.output_sizes], given),
                strict=True,
            )
        )
        span = np.subtract(contract.setpoint_high, contract.setpoint_low)
        parts = [np.abs(got['setpoint'][0] - row['setpoint']) / span]
        if 'memory_out' in got:
            wanted = row['memory_out']
            parts.append(np.abs(got['memory_out'][0] - wanted) / np.maximum(1.0, np.abs(wanted)))
        error = float(np.concatenate(parts).max()) / GOLDEN_TOLERANCE
        return error if np.isfinite(error) else float('inf')


def contract_in(file: PolicyFile) -> Contract:
    """Contract of a policy file. Raises PolicyFileError naming the file and the fault."""
    try:
        return Contract.from_json(file.metadata[policy_file.CONTRACT_KEY])
    except PolicyFileError as error:
        raise PolicyFileError(f'{str(file.path)!r}: {error}') from None


def contract_of(path: str | Path) -> Contract:
    """Contract of a policy file of ours, nothing else in it checked. Raises PolicyFileError."""
    file = policy_file.read(path)
    policy_file.check_origin(file)
    return contract_in(file)


def open_session(file: PolicyFile) -> Any:
    """An onnxruntime session on one thread. Raises PolicyFileError, MissingPackageError."""
    try:  # by name: the package has no type stubs
        runtime: Any = importlib.import_module('onnxruntime')
        native: Any = importlib.import_module('onnxruntime.capi.onnxruntime_pybind11_state')
    except ImportError:
        raise MissingPackageError('onnxruntime') from None
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False  # a policy's tensors are small: no arena to reserve
    refusals = tuple(getattr(native, kind) for kind in _REFUSALS)
    try:
        return runtime.InferenceSession(file.data, options, providers=['CPUExecutionProvider'])
    except refusals as error:
        reason = str(error).splitlines()[0]
        raise PolicyFileError(
            f'{str(file.path)!r} cannot be opened by onnxruntime {runtime.__version__}: {reason}. '
            'Export it again, or install the onnxruntime that robot_rl asks for.'
        ) from None


def check_interface(file: PolicyFile, contract: Contract, session: Any) -> None:
    """Raise PolicyFileError unless the graph takes and returns what the contract says."""
    free = free_dimensions(contract)
    images = {s.name for s in contract.signals if s.is_image}
    for what, wanted, found in (
        ('inputs', contract.input_sizes, session.get_inputs()),
        ('outputs', contract.output_sizes, session.get_outputs()),
    ):
        expected: dict[str, tuple[str, list[Any]]] = {
            name: (
                'tensor(uint8)' if name in images else 'tensor(float)',
                [1, *free.get(name, (size,))],
            )
            for name, size in wanted.items()
        }
        got = {node.name: (node.type, node.shape) for node in found}
        if got != expected:
            raise PolicyFileError(
                f'{str(file.path)!r}: the {what} of the graph disagree with its contract: '
                f'expected {_listed(expected)}; got {_listed(got)}. Export it again.'
            )


def golden_rows(file: PolicyFile, contract: Contract) -> list[dict[str, Array]]:
    """Golden rows, each name to (size,): signals and outputs alike. Raises PolicyFileError."""
    sizes = {s.name: s.size for s in contract.signals}
    outputs = {'setpoint': len(contract.setpoint_fields), 'memory_out': contract.memory_size}
    sizes |= {'memory': contract.memory_size} | outputs
    try:
        raw = json.loads(file.metadata[policy_file.GOLDEN_KEY])
        rows = [
            {name: np.array({**row, **row['inputs']}[name], np.float32) for name in sizes}
            for row in raw
        ]
        shapes = {s.name: s.shape for s in contract.signals if s.is_image}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise PolicyFileError(
            f'{str(file.path)!r}: the golden rows are malformed ({error!r}), expected JSON with '
            f'{", ".join(sizes)} in each. Export it again.'
        ) from None
    if not rows or any(row[name].shape != (size,) for row in rows for name, size in sizes.items()):
        raise PolicyFileError(
            f'{str(file.path)!r}: the golden rows do not fit the contract: got {len(rows)}, '
            f'expected at least one, each of the sizes {sizes}. Export it again.'
        )
    return [
        {
            name: _pixels(value, shapes[name]) if name in shapes else value
            for name, value in row.items()
        }
        for row in rows
    ]


def free_dimensions(contract: Contract) -> dict[str, tuple[Any, ...]]:
    """Inputs of which a robot says how large they are, and the names of their dimensions."""
    free: dict[str, tuple[Any, ...]] = {}
    for signal in contract.signals:
        if signal.frame == 'beam' and directions_of(contract):
            free[signal.name] = (BEAMS,)
        elif signal.is_image:
            free[signal.name] = (*ROWS_AND_COLUMNS, 3)
    return free


def _pixels(values: Array, shape: tuple[int, ...]) -> Array:
    return np.reshape(values, shape).astype(np.uint8)


def _kind(signal: Signal) -> type:
    return np.uint8 if signal.is_image else np.float32


def _listed(interface: dict[str, tuple[str, list[Any]]]) -> str:
    return ', '.join(f'{name} {kind} {shape}' for name, (kind, shape) in interface.items())

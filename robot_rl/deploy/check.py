"""The self-test of a policy file: what the node runs at configure, with its findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
import time

import numpy as np

from robot_rl.deploy.policy import Policy, check_interface, contract_in, open_session
from robot_rl.deploy.timing import percentiles
from robot_rl.errors import ContractError, PolicyFileError, UnknownNameError
from robot_rl.spec import policy_file, registry
from robot_rl.spec.contract import Contract, require_fit
from robot_rl.spec.robot import Robot

_WARM_UP, _TIMED = 100, 1000


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class CheckReport:
    """What the self-test of one policy file found."""

    path: Path
    checks: tuple[Check, ...]
    contract: Contract | None
    """None where the file was refused before its contract could be read."""

    @property
    def ok(self) -> bool:
        """Whether the policy may run."""
        return all(check.ok for check in self.checks)

    def text(self) -> str:
        """One line a check and the verdict."""
        width = max(len(check.name) for check in self.checks)
        lines = [
            f'{"ok  " if check.ok else "FAIL"}  {check.name:{width}}  {check.detail}'
            for check in self.checks
        ]
        verdict = 'may run' if self.ok else 'must not run'
        return '\n'.join([*lines, f'{self.path} {verdict}.'])


def check(path: str | Path, robot: Robot | str | None = None) -> CheckReport:
    """Test a policy file as the node does before it lets the policy drive.

    Args:
        path: The policy file.
        robot: The robot it is to run on, or its name; by default the one its contract names.

    Returns:
        A report that ends at the first check that failed.

    Raises:
        UnknownNameError: There is no robot of the name given.
        MissingPackageError: onnxruntime is not installed.
    """
    test = _SelfTest(Path(path), registry.robot(robot) if isinstance(robot, str) else robot)
    done: list[Check] = []
    for name, function in test.steps():
        try:
            detail, ok = function(), True
        except (PolicyFileError, ContractError, UnknownNameError) as error:
            detail, ok = str(error), False
        done.append(Check(name, ok, detail))
        if not ok:
            break
    return CheckReport(test.path, tuple(done), test.contract)


class _SelfTest:
    """The steps of the self-test; each returns what it found and leaves it for the next."""

    def __init__(self, path: Path, robot: Robot | None) -> None:
        self.path, self.robot = path, robot
        self.contract: Contract | None = None

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """Names and functions, in order."""
        return [
            ('file', self.file),
            ('weights', self.weights),
            ('digest', self.digest),
            ('contract', self.read_contract),
            ('interface', self.interface),
            ('golden rows', self.golden),
            ('robot', self.fit),
            ('step time', self.step_time),
        ]

    def file(self) -> str:
        self._file = policy_file.read(self.path)
        policy_file.check_origin(self._file)
        return f'{len(self._file.data)} bytes, ONNX opset {self._file.opset}'

    def weights(self) -> str:
        policy_file.check_weights(self._file)
        return f'{len(self._file.weights)} tensors, all finite'

    def digest(self) -> str:
        policy_file.check_digest(self._file)
        return self._file.metadata[policy_file.DIGEST_KEY]

    def read_contract(self) -> str:
        contract = self.contract = contract_in(self._file)
        return f'{contract.task} at {1.0 / contract.control_dt:g} Hz, setpoint {contract.level!r}'

    def interface(self) -> str:
        assert self.contract is not None
        session = open_session(self._file)
        check_interface(self._file, self.contract, session)
        self._policy = Policy(self._file, self.contract, session)
        inputs = sum(self.contract.input_sizes.values())
        return f'{inputs} numbers in, {sum(self.contract.output_sizes.values())} out'

    def golden(self) -> str:
        worst = self._policy.self_test()
        return f'reproduced, largest error {100.0 * worst:.2g} % of what is allowed'

    def fit(self) -> str:
        contract = self._policy.contract
        robot = self.robot or registry.robot(contract.robot)
        require_fit(contract, robot)
        return f'fits {robot.name}: joints, units, frames, limits and rates agree'

    def step_time(self) -> str:
        """Time steps on whatever the buffers hold; the policy's state is put back."""
        median, high = percentiles(time_steps(self._policy, _TIMED))
        period = self._policy.contract.control_dt
        detail = f'median {1e6 * median:.1f} us, p99 {1e6 * high:.1f} us'
        if high > period:
            raise PolicyFileError(
                f'A step takes too long: {detail}, expected at most a control period, '
                f'{1e6 * period:g} us. Train a smaller network, or run it on a faster machine.'
            )
        return f'{detail}, of {1e6 * period:g} us a period'


def time_steps(policy: Policy, num: int) -> np.ndarray:
    """Seconds that each of `num` steps took, after a warm-up. The memory ends at zero."""
    seconds = np.empty(num)
    for _ in range(_WARM_UP):
        policy.step()
    for index in range(num):
        start = time.perf_counter()
        policy.step()
        seconds[index] = time.perf_counter() - start
    policy.reset()
    return seconds

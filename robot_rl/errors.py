"""The errors a user can cause. Each message says what, where, expected, got and what to do.

The command line prints a `RobotRLError` as one paragraph and exits with code 2; anything else is a
defect of ours and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
import difflib

NEEDED: dict[str, tuple[str, str, str]] = {
    'tyro': ('The command line', 'cli', ''),
    'onnxruntime': ('Running a policy', '', 'Install it with: pip install onnxruntime'),
    'rclpy': ('Running over ROS 2', 'ros', 'Source a ROS 2, or take its wheels.'),
    'mcap': ('Recording', 'ros', ''),
    'aiohttp': ('Driving from a browser', 'teleop', ''),
    'mujoco': ('The mujoco engine', 'train', 'It needs Python 3.11.'),
    'pybullet': ('The pybullet engine', 'judge', 'Its wheels are for Python 3.10 and 3.11.'),
    'warp': ('Running kernels on a GPU', 'gpu', ''),
    'av': ('Writing a film', 'video', ''),
    'PIL': ('Reading and writing pictures', 'video', ''),
    'cv2': ('Finding markers', 'markers', ''),
    'gsplat': (
        'Drawing Gaussian splats',
        'nerf-gpu',
        'It is compiled for the GPU when it is first used, which needs the CUDA toolkit.',
    ),
    'onnx': ('Exporting a policy', 'train', ''),
    'onnxscript': ('Exporting a policy', 'train', ''),
    'torch': ('Simulating and training', 'train', ''),
    'numba': ('Simulating on a CPU', 'train', ''),
    'llvmlite': ('Fusing a task', 'train', ''),
    'yaml': ('Randomization', 'train', ''),
    'rsl_rl': ('Training', 'train', ''),
    'tensordict': ('Training', 'train', ''),
    'tqdm': ('Training', 'train', ''),
    'gymnasium': ('The Gymnasium interface', 'train', ''),
    'matplotlib': ('Plotting', 'train', ''),
    'minari': ('A dataset of Minari', 'data', 'It needs Python 3.11.'),
    'pyarrow': ('A dataset of LeRobot or Minari', 'data', ''),
}
"""Optional package to what needs it, the extra of robot_rl that brings it, what else to do."""


class RobotRLError(Exception):
    """Base of every error that a user can cause and mend."""


class UnknownNameError(RobotRLError):
    """A robot, task, engine or option that does not exist."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        """Name the `kind` of thing, the `name` asked for and the names there are."""
        names = sorted(known)
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f' Did you mean {close[0]!r}?' if close else ''
        super().__init__(f'Unknown {kind} {name!r}.{hint} Known: {", ".join(names) or "none"}.')


class SpecError(RobotRLError):
    """A declaration (robot, task, URDF, randomization) that contradicts itself."""


class PolicyFileError(RobotRLError):
    """A policy file that is missing, damaged, foreign or fails its own self-test."""


class ContractError(RobotRLError):
    """A policy file that is sound but does not fit this robot, rate or interface."""


class MessageError(RobotRLError):
    """A ROS message that is not what its topic promises: frame, size, names, stamp or values."""


class FlightError(RobotRLError):
    """A run over ROS 2 that did not take place: a node that refused, died or never got ready."""


class RecordingError(RobotRLError):
    """A recording that cannot answer what is asked: no setpoints, another robot, too short."""


class TeleopError(RobotRLError):
    """A device for a person to drive with that cannot be had: its address, token or files."""


class CaptureError(RobotRLError):
    """Photographs of a place that nothing can be learned from, such as mirrored ones."""


class SceneFileError(RobotRLError):
    """A learned place whose file is missing, damaged, or of another version."""


class RunFolderError(RobotRLError):
    """A run folder that is occupied, incomplete or cannot be written."""


class MissingPackageError(RobotRLError):
    """An optional package that a command needs and that is not installed."""

    def __init__(self, package: str, purpose: str = '', remedy: str = '') -> None:
        """Say which `package` is missing, what for, and how to get it.

        Args:
            package: Name of the package.
            purpose: What needs it; by default, and with it the remedy, what NEEDED says.
            remedy: What is to be done, a sentence.
        """
        extra = ''
        if not purpose:
            purpose, extra, remedy = NEEDED.get(package, ('What was asked for', '', ''))
        install = f"Install it with: pip install 'robot_rl[{extra}]'" if extra else ''
        super().__init__(
            f'{purpose} needs the package {package!r}, which is not installed. '
            + ' '.join(filter(None, (remedy, install)))
        )

    @classmethod
    def of(cls, error: ModuleNotFoundError) -> MissingPackageError | None:
        """What a failed import means to a user; None for a module that is no option of theirs."""
        package = (error.name or '').partition('.')[0]
        return cls(package) if package in NEEDED else None


def told(error: RobotRLError | ModuleNotFoundError) -> str:
    """What an error says to a user; '' for a defect of ours, which they cannot mend."""
    mendable = error if isinstance(error, RobotRLError) else MissingPackageError.of(error)
    return str(mendable or '')

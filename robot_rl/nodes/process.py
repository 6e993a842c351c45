"""What every node does around its work: start ROS, end on a signal, say errors briefly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import os
from pathlib import Path
import signal
import sys
from types import FrameType
from typing import Protocol

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from robot_rl.errors import RobotRLError, told

EXIT_USAGE = 2
"""Exit code of an error that the user can mend."""
SPIN_S = 0.1
"""[s] longest wait for ROS, so that a signal is noticed: Python runs its handler only between
waits."""

TEARDOWN_S = 5
"""[s] after which a process that cannot take its middleware down is ended by the kernel: less than
GRACE_S of description.py, after which whoever started it would kill it."""


class Stop:
    """Set by SIGINT and SIGTERM.

    rclpy's own handlers would end the context before the safe action is out.
    """

    def __init__(self) -> None:
        """Not yet asked to stop."""
        self.count = 0
        """Signals received; the second asks for haste."""

    def __bool__(self) -> bool:
        return self.count > 0

    def install(self) -> None:
        """Take the two signals over."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1


class Runnable(Protocol):
    """A node with a loop of its own."""

    def run(self, stop: Stop) -> int:
        """Work until `stop` is set, end in good order, return the exit code."""
        ...

    def destroy_node(self) -> None:
        """Give its ROS entities back."""
        ...


def serve(make: Callable[[], Runnable], argv: Sequence[str] | None = None) -> int:
    """Start ROS, run the node that `make` builds, and return the exit code of the process.

    An error the user can mend (a missing parameter file, a wrong type, a foreign policy, a package
    that is not installed) ends in one paragraph on standard error and exit code 2.
    """
    stop = Stop()
    stop.install()
    arguments = list(sys.argv if argv is None else argv)
    try:
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    except (rclpy_implementation.RCLError, ValueError) as error:
        return _say(f'ROS cannot start with these arguments: {error}')
    node: Runnable | None = None
    try:
        node = make()
        return node.run(stop)
    except (RobotRLError, ModuleNotFoundError) as error:
        if not told(error):
            raise
        return _say(told(error))
    except ExternalShutdownException:
        return 0
    except ValueError as error:
        if node is not None or 'NOT_SET' not in str(error):
            raise
        return _say(
            'A parameter given to this node is an empty list or null, which ROS cannot type. '
            "Leave it out, or write [''] for no strings."
        )
    finally:
        # Seen once: the middleware spun for ever while it was taken down. The kernel then ends us.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(TEARDOWN_S)
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()


def raise_priority(nice: int) -> bool:
    """Set the niceness of all threads of this process; returns whether the system allows it.

    On a busy machine a control loop that waits its turn misses deadlines. Call it once the node
    stands, so that the middleware's threads are there.
    """
    try:
        for thread in Path('/proc/self/task').iterdir():
            os.setpriority(os.PRIO_PROCESS, int(thread.name), nice)
    except OSError:  # not allowed, or not Linux: the loop runs as it is
        return False
    return True


def executor_of(node: Node) -> SingleThreadedExecutor:
    """Executor for services of one node; more threads lose messages and add milliseconds."""
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    return executor


def _say(text: str) -> int:
    sys.stderr.write(' '.join(text.split()) + '\n')
    return EXIT_USAGE

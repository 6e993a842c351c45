"""`robot_rl teleop`: options as a dataclass, and what they call."""

from __future__ import annotations

from dataclasses import dataclass
import math
from pathlib import Path

from robot_rl.commands.options import PolicyFile, Positional


@dataclass(frozen=True)
class Teleop:
    """Do what `robot_rl run` does, and serve a page from which a person takes over."""

    policy: Positional[PolicyFile]
    """An .onnx file, or a policy that `robot_rl list` names."""
    host: str = '127.0.0.1'
    """Address to listen at; any but this machine's own needs a token."""
    port: int = 8080
    """Port to listen at; 0 for any that is free."""
    token: str = ''
    """What visitors must know, at least 16 characters; by default one is made where it is needed.
    The variable ROBOT_RL_TELEOP_TOKEN does the same, unseen in lists of processes."""
    pad: str = ''
    """gamepad or spacemouse, whose driver publishes on the topic joy: take over with it too."""
    engine: str | None = None
    """Engine of the simulated robot, by default the fastest that can; '' for a real one."""
    goal: str = 'default'
    """default (see launch/params), hover, figure_eight, lissajous, or task for what the simulated
    world is built around; '' if somebody else sends the goal."""
    robot: str = ''
    """Robot; by default the one that the policy names."""
    seconds: float = math.inf
    """Time to run [s]; by default until Ctrl-C."""
    record: Path | None = None
    """A new .mcap file for what is said."""
    domain: int | None = None
    """ROS_DOMAIN_ID; by default a random one, which keeps the run to itself."""

    def run(self) -> int:
        """Start all, print where the page is, stop all."""
        from robot_rl.nodes.run import run
        from robot_rl.teleop.web.gate import Gate

        Gate(self.host, self.token or None)  # refuses a short token before anything starts
        return run(
            self.policy,
            robot_name=self.robot,
            engine=self.engine,
            goal=self.goal,
            teleop=self.pad,
            page=(self.host, self.port, self.token),
            record=self.record,
            domain=self.domain,
            duration_s=self.seconds,
        )

"""Quality of service by purpose, so that no number stands in a node.

A subscription that asks for more than the publisher offers receives nothing at all, and says so
only in an event that nobody reads: sensors are therefore best effort (matches everything) and
what we publish is reliable.
"""

from __future__ import annotations

from dataclasses import dataclass

from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from robot_rl.errors import SpecError, UnknownNameError


@dataclass(frozen=True)
class Quality:
    """One profile as plain values, as a parameter file can override them."""

    reliability: str = 'reliable'
    """'reliable' or 'best_effort'."""
    durability: str = 'volatile'
    """'volatile' or 'transient_local' (late joiners get the last message)."""
    depth: int = 1
    """Messages kept."""
    deadline_s: float = 0.0
    """[s] promised (publisher) or demanded (subscription) period; 0 for none."""


PROFILES: dict[str, Quality] = {
    'sensor': Quality(reliability='best_effort'),
    'setpoint': Quality(),
    'goal': Quality(),
    'estop': Quality(depth=10),  # pressed and released within a period is pressed
    'dead_man': Quality(depth=10),  # so is the dead-man
    'pilot': Quality(depth=10),
    'label': Quality(depth=10),
    'joy': Quality(reliability='best_effort', depth=20),  # no press is missed
    'record': Quality(reliability='best_effort', depth=100),
    'transform': Quality(depth=100),
}
"""What each kind of topic uses unless its parameters say otherwise."""

_RELIABILITY = {
    'reliable': ReliabilityPolicy.RELIABLE,
    'best_effort': ReliabilityPolicy.BEST_EFFORT,
}
_DURABILITY = {
    'volatile': DurabilityPolicy.VOLATILE,
    'transient_local': DurabilityPolicy.TRANSIENT_LOCAL,
}


def quality(purpose: str) -> Quality:
    """Profile of a purpose. Raises UnknownNameError."""
    if purpose not in PROFILES:
        raise UnknownNameError('QoS profile', purpose, PROFILES)
    return PROFILES[purpose]


def profile(quality: Quality) -> QoSProfile:
    """Build the rclpy profile. Raises UnknownNameError or SpecError naming the fault."""
    if quality.reliability not in _RELIABILITY:
        raise UnknownNameError('QoS reliability', quality.reliability, _RELIABILITY)
    if quality.durability not in _DURABILITY:
        raise UnknownNameError('QoS durability', quality.durability, _DURABILITY)
    if quality.depth < 1 or quality.deadline_s < 0.0:
        raise SpecError(f'QoS needs depth >= 1 and deadline_s >= 0, got {quality}.')
    result = QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=quality.depth,
        reliability=_RELIABILITY[quality.reliability],
        durability=_DURABILITY[quality.durability],
    )
    if quality.deadline_s > 0.0:
        result.deadline = Duration(seconds=quality.deadline_s)
    return result

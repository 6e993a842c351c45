"""Parameters of the navigation node."""

from __future__ import annotations

from dataclasses import dataclass, replace
import math

from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.nodes.interface_build import version_of
from robot_rl.nodes.parameters import Parameters
from robot_rl.nodes.policy_settings import Settings

TOPIC = 'cmd_vel_nav'
"""What Nav2's bringup calls its controller's output: the velocity smoother listens there."""
TWISTS = {True: 'geometry_msgs/msg/TwistStamped', False: 'geometry_msgs/msg/Twist'}
ACTIONS = ('follow_path', 'navigate_to_pose')
FIRST_STAMPED = 9
"""Major version of rclpy in Kilted, from which on Nav2 sends stamped velocities by default."""


@dataclass(frozen=True)
class Navigation:
    """Parameters of the node, beside those of a policy node (`policy_settings.Settings`)."""

    actions: tuple[str, ...]
    """Which of ACTIONS it serves. Beside a bt_navigator: 'follow_path' alone."""
    controller_ids: tuple[str, ...]
    """Names under which a goal may ask for this controller; '' always may."""
    lookahead: float
    """[m] along a path from the point nearest to the robot to the goal of the policy."""
    xy_tolerance: float
    """[m]"""
    yaw_tolerance: float
    """[rad]; 0 for any heading."""
    stateful: bool
    progress_distance: float
    """[m] that the robot must get away from where it was..."""
    progress_s: float
    """[s] ...within this time."""
    failure_tolerance_s: float
    """[s] how long it stands and waits for a sensor or a transform before it gives a goal up."""
    transform_age_s: float
    """[s] an older transform is none."""
    speed_limit_topic: str
    """'' for none."""

    @staticmethod
    def read(parameters: Parameters) -> tuple[Navigation, Settings]:
        """Read and check both. Raises SpecError, UnknownNameError or PolicyFileError."""
        number, text = parameters.get, parameters.strings
        stamped = number('stamped', _stamped_here())
        settings = Navigation(
            actions=text('actions', ACTIONS),
            controller_ids=text('controller_ids', ('FollowPath',)),
            lookahead=number('lookahead', 1.0),
            xy_tolerance=number('xy_tolerance', 0.25),
            yaw_tolerance=number('yaw_tolerance', 0.0),
            stateful=number('stateful', True),
            progress_distance=number('progress_distance', 0.5),
            progress_s=number('progress_s', 10.0),
            failure_tolerance_s=number('failure_tolerance_s', 1.0),
            transform_age_s=number('transform_age_s', 1.0),
            speed_limit_topic=number('speed_limit_topic', 'speed_limit'),
        )
        base = Settings.read(parameters)
        settings._check()
        return settings, replace(
            base,
            setpoint_topic=base.setpoint_topic or TOPIC,
            setpoint_message=base.setpoint_message or TWISTS[stamped],
            routes=[route for route in base.routes if not route.topic.requested],
        )

    def _check(self) -> None:
        for name in self.actions:
            if name not in ACTIONS:
                raise UnknownNameError('navigation action', name, ACTIONS)
        positive = ('lookahead', 'xy_tolerance', 'progress_distance', 'progress_s')
        for name in (*positive, 'failure_tolerance_s', 'transform_age_s', 'yaw_tolerance'):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0.0 or (name in positive and value == 0.0):
                least = 'above 0' if name in positive else 'at least 0'
                raise SpecError(
                    f'Parameter {name!r} of the navigation node must be {least}, got {value}.'
                )


def _stamped_here() -> bool:
    """What the Nav2 of this ROS sends unless it is told otherwise."""
    major = version_of('rclpy').partition('.')[0]
    return not major.isdigit() or int(major) >= FIRST_STAMPED

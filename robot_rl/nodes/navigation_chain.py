"""Which processes make up navigation in the place of Nav2's controller server, as data.

    navigation_node -> cmd_vel_nav -> velocity_smoother -> cmd_vel_smoothed -> collision_monitor
    -> cmd_vel

Names and topics are those of nav2_bringup in Jazzy and Kilted. A lifecycle manager brings the
three up, without bonds: a node in Python has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from robot_rl.nodes.description import Process, Value

MANAGER = 'lifecycle_manager_policy'
"""Name of the lifecycle manager; nav2_bringup has its own for the other servers."""


def navigation(
    policy: Path,
    *,
    robot: str = '',
    actions: Sequence[str] = ('follow_path',),
    stamped: bool | None = None,
    chain: bool = True,
    use_sim_time: bool = False,
) -> tuple[Process, ...]:
    """Processes beside the servers of Nav2.

    Args:
        policy: the .onnx file.
        robot: '' for the one it was trained for.
        actions: which of navigation_settings.ACTIONS to serve; 'follow_path' alone where a
            bt_navigator serves the other.
        stamped: whether velocities are TwistStamped; None for what this ROS does by itself.
        chain: whether to start the smoother and the monitor; False where Nav2's bringup does.
        use_sim_time: whether time is that of /clock.
    """
    clock: dict[str, Value] = {'use_sim_time': True} if use_sim_time else {}
    driving: dict[str, Value] = {'policy': str(policy), 'actions': list(actions), **clock}
    stamping: dict[str, Value] = {}
    if robot:
        driving['robot'] = robot
    if stamped is not None:
        driving['stamped'] = stamping['enable_stamped_cmd_vel'] = stamped
    found = [Process('navigation_node', driving)]
    if chain:
        found += [
            Process(
                'velocity_smoother',
                {**stamping, **clock},
                package='nav2_velocity_smoother',
                remappings=(('cmd_vel', 'cmd_vel_nav'),),
            ),
            Process(
                'collision_monitor',
                {
                    'cmd_vel_in_topic': 'cmd_vel_smoothed',
                    'cmd_vel_out_topic': 'cmd_vel',
                    **stamping,
                    **clock,
                },
                package='nav2_collision_monitor',
            ),
        ]
    managed: dict[str, Value] = {
        'node_names': [process.executable for process in found],
        'autostart': True,
        'bond_timeout': 0.0,
        **clock,
    }
    manager = Process('lifecycle_manager', managed, package='nav2_lifecycle_manager', name=MANAGER)
    return (*found, manager)

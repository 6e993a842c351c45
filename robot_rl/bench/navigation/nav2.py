"""Nav2's own controllers as contenders: their parameters, made from the one table of limits.

Names are those of Nav2 1.4 (Kilted). Numbers are those of its bringup where not said otherwise;
what is for 0.5 m/s there grows here with the speed, as in the reference planners. Of Nav2 there
run `controller_server`, with its local costmap, and a lifecycle manager; the global plan, the
smoother and the judge are the bench's. **Not run here beside a real Nav2.**
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
import importlib
import math
from pathlib import Path
from typing import Any, cast

import numpy as np

from robot_rl.bench.navigation import mppi
from robot_rl.bench.navigation.costmap import CELL, INFLATION, REACH, SCALE
from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.spec.arena import NavLimits
from robot_rl.spec.robot import Robot

PREFIX = 'nav2:'
PLUGINS = {
    'mppi': 'nav2_mppi_controller::MPPIController',
    'dwb': 'dwb_core::DWBLocalPlanner',
    'rpp': 'nav2_regulated_pure_pursuit_controller::RegulatedPurePursuitController',
}
SERVER, MANAGER = 'controller_server', 'lifecycle_manager_bench'
CONTROLLER = 'FollowPath'
TIGHTER = 0.5
"""Part of the bench's goal tolerance that a contender is given, which sees the goal through its
odometry: it drives on until the judge says that it is there."""
HORIZON_S = mppi.STEPS * mppi.MODEL_DT

Parameters = dict[str, Any]


def parameters(controller: str, robot: Robot, table: NavLimits) -> Parameters:
    """Parameters of controller_server and its costmap, by node: the content of a parameter file.

    Raises UnknownNameError.
    """
    made = {'mppi': _mppi, 'dwb': _dwb, 'rpp': _rpp}
    if controller not in made:
        raise UnknownNameError('controller of Nav2', controller, made)
    server = {
        'use_sim_time': False,
        'controller_frequency': table.rate_hz,
        'enable_stamped_cmd_vel': True,
        'failure_tolerance': 0.3,
        'min_x_velocity_threshold': 0.001,
        'min_theta_velocity_threshold': 0.001,
        'progress_checker_plugins': ['progress_checker'],
        'progress_checker': {
            'plugin': 'nav2_controller::SimpleProgressChecker',
            'required_movement_radius': 0.5,
            'movement_time_allowance': 10.0,
        },
        'goal_checker_plugins': ['general_goal_checker'],
        'general_goal_checker': {
            'plugin': 'nav2_controller::SimpleGoalChecker',
            'stateful': True,
            'xy_goal_tolerance': TIGHTER * table.goal_tolerance,
            'yaw_goal_tolerance': table.yaw_tolerance,
        },
        'controller_plugins': [CONTROLLER],
        CONTROLLER: {'plugin': PLUGINS[controller], **made[controller](table)},
    }
    costmap = {'local_costmap': {'ros__parameters': _costmap(robot, table)}}
    return {SERVER: {'ros__parameters': server}, 'local_costmap': costmap}


def _mppi(table: NavLimits) -> Parameters:
    """Deviations are parts of the greatest speeds; the footprint is looked at, not its circle."""
    critic: Parameters = {'enabled': True, 'cost_power': 1}
    return {
        'motion_model': 'DiffDrive',
        'time_steps': mppi.STEPS,
        'model_dt': mppi.MODEL_DT,
        'batch_size': mppi.SAMPLES,
        'iteration_count': 1,
        'temperature': mppi.TEMPERATURE,
        'gamma': mppi.GAMMA,
        'vx_max': table.max_speed,
        'vx_min': table.min_speed,
        'wz_max': table.max_yaw_rate,
        'ax_max': table.acceleration,
        'ax_min': -table.acceleration,
        'az_max': table.yaw_acceleration,
        'vx_std': mppi.STD[0] * table.max_speed,
        'wz_std': mppi.STD[1] * table.max_yaw_rate,
        'prune_distance': 1.2 * HORIZON_S * table.max_speed,
        'transform_tolerance': 0.1,
        'visualize': False,
        'publish_optimal_trajectory': True,
        'critics': [
            'ConstraintCritic', 'CostCritic', 'GoalCritic', 'GoalAngleCritic', 'PathAlignCritic',
            'PathFollowCritic', 'PathAngleCritic', 'PreferForwardCritic',
        ],
        'ConstraintCritic': {**critic, 'cost_weight': 4.0},
        'CostCritic': {
            **critic, 'cost_weight': 3.81, 'near_collision_cost': 253, 'critical_cost': 300.0,
            'consider_footprint': True, 'collision_cost': 1e6, 'near_goal_distance': 1.0,
            'trajectory_point_step': 2,
        },
        'GoalCritic': {**critic, 'cost_weight': 5.0, 'threshold_to_consider': 1.4},
        'GoalAngleCritic': {**critic, 'cost_weight': 3.0, 'threshold_to_consider': 0.5},
        'PathAlignCritic': {
            **critic, 'cost_weight': 14.0, 'max_path_occupancy_ratio': 0.05,
            'trajectory_point_step': 4, 'threshold_to_consider': 0.5, 'offset_from_furthest': 20,
            'use_path_orientations': False,
        },
        'PathFollowCritic': {
            **critic, 'cost_weight': 5.0, 'offset_from_furthest': 5, 'threshold_to_consider': 1.4,
        },
        'PathAngleCritic': {
            **critic, 'cost_weight': 2.0, 'offset_from_furthest': 4, 'threshold_to_consider': 0.5,
            'max_angle_to_furthest': 1.0, 'mode': 0,
        },
        'PreferForwardCritic': {**critic, 'cost_weight': 5.0, 'threshold_to_consider': 0.5},
    }  # fmt: skip


def _dwb(table: NavLimits) -> Parameters:
    """Forward only, as its bringup has it; ObstacleFootprint, as the footprint is no circle."""
    ahead = 1.2 * 1.7 * table.max_speed
    return {
        'min_vel_x': 0.0, 'max_vel_x': table.max_speed,
        'min_vel_y': 0.0, 'max_vel_y': 0.0,
        'max_vel_theta': table.max_yaw_rate,
        'min_speed_xy': 0.0, 'max_speed_xy': table.max_speed, 'min_speed_theta': 0.0,
        'acc_lim_x': table.acceleration, 'decel_lim_x': -table.acceleration,
        'acc_lim_y': 0.0, 'decel_lim_y': 0.0,
        'acc_lim_theta': table.yaw_acceleration, 'decel_lim_theta': -table.yaw_acceleration,
        'vx_samples': 20, 'vy_samples': 1, 'vtheta_samples': 20,
        'sim_time': 1.7, 'linear_granularity': 0.05, 'angular_granularity': 0.025,
        'prune_distance': ahead, 'forward_prune_distance': ahead,
        'transform_tolerance': 0.2,
        'xy_goal_tolerance': TIGHTER * table.goal_tolerance,
        'trans_stopped_velocity': 0.25,
        'short_circuit_trajectory_evaluation': True,
        'critics': [
            'RotateToGoal', 'Oscillation', 'ObstacleFootprint', 'GoalAlign', 'PathAlign',
            'PathDist', 'GoalDist',
        ],
        'ObstacleFootprint': {'scale': 0.02},
        'PathAlign': {'scale': 32.0, 'forward_point_distance': 0.1},
        'GoalAlign': {'scale': 24.0, 'forward_point_distance': 0.1},
        'PathDist': {'scale': 32.0},
        'GoalDist': {'scale': 24.0},
        'RotateToGoal': {'scale': 32.0, 'slowing_factor': 5.0, 'lookahead_time': -1.0},
    }  # fmt: skip


def _rpp(table: NavLimits) -> Parameters:
    """It turns on the spot, so it does not reverse."""
    return {
        'desired_linear_vel': table.max_speed,
        'lookahead_dist': 0.6, 'min_lookahead_dist': 0.3, 'max_lookahead_dist': 0.9,
        'lookahead_time': 1.5, 'use_velocity_scaled_lookahead_dist': True,
        'rotate_to_heading_angular_vel': min(1.8, table.max_yaw_rate),
        'max_angular_accel': table.yaw_acceleration,
        'use_rotate_to_heading': True, 'rotate_to_heading_min_angle': 0.785,
        'allow_reversing': False,
        'min_approach_linear_velocity': 0.05, 'approach_velocity_scaling_dist': 0.6,
        'use_collision_detection': True, 'max_allowed_time_to_collision_up_to_carrot': 1.0,
        'use_regulated_linear_velocity_scaling': True,
        'use_cost_regulated_linear_velocity_scaling': True,
        'cost_scaling_dist': 0.6, 'cost_scaling_gain': 1.0,
        'inflation_cost_scaling_factor': SCALE,
        'regulated_linear_scaling_min_radius': 0.9, 'regulated_linear_scaling_min_speed': 0.25,
        'transform_tolerance': 0.1,
    }  # fmt: skip


def _costmap(robot: Robot, table: NavLimits) -> Parameters:
    """As wide as the horizon reaches at full speed, at the control rate: 2 m/s outrun 3 m."""
    half = min(REACH, max(1.5, 1.2 * HORIZON_S * table.max_speed))
    corners = ', '.join(f'[{x:.4f}, {y:.4f}]' for x, y in np.asarray(table.footprint).tolist())
    return {
        'use_sim_time': False,
        'update_frequency': table.rate_hz,
        'publish_frequency': 2.0,
        'global_frame': robot.world_frame,
        'robot_base_frame': robot.base_frame,
        'rolling_window': True,
        'width': math.ceil(2.0 * half),
        'height': math.ceil(2.0 * half),
        'resolution': CELL,
        'footprint': f'[{corners}]',
        'plugins': ['obstacle_layer', 'inflation_layer'],
        'obstacle_layer': {
            'plugin': 'nav2_costmap_2d::ObstacleLayer',
            'enabled': True,
            'observation_sources': 'scan',
            'scan': {
                'topic': '/scan', 'data_type': 'LaserScan', 'marking': True, 'clearing': True,
                'max_obstacle_height': 2.0, 'obstacle_max_range': half, 'obstacle_min_range': 0.0,
                'raytrace_max_range': half + 0.5, 'raytrace_min_range': 0.0,
            },
        },
        'inflation_layer': {
            'plugin': 'nav2_costmap_2d::InflationLayer',
            'cost_scaling_factor': SCALE,
            'inflation_radius': INFLATION,
        },
    }  # fmt: skip


def reach(made: Mapping[str, Any], controller: str, table: NavLimits) -> NavLimits:
    """What parameters let a controller command, for `drive.refuse_beyond`.

    What a controller has no parameter for (RPP: acceleration, yaw rate in a curve) the chain
    holds. Raises SpecError for a parameter that is no number.
    """
    own = made[SERVER]['ros__parameters'][CONTROLLER]

    def of(name: str, default: float) -> float:
        value = own.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SpecError(f'{CONTROLLER}.{name} of {SERVER} must be a number, got {value!r}.')
        return float(value)

    if controller == 'rpp':
        fastest = of('desired_linear_vel', 0.5)
        return replace(
            table,
            max_speed=fastest,
            min_speed=-fastest if own.get('allow_reversing', False) else 0.0,
            max_yaw_rate=of('rotate_to_heading_angular_vel', 1.8),
            yaw_acceleration=of('max_angular_accel', 3.2),
        )
    if controller == 'dwb':
        brake, turn = of('decel_lim_x', 0.0), of('decel_lim_theta', 0.0)
        return replace(
            table,
            max_speed=max(of('max_vel_x', 0.0), of('max_speed_xy', 0.0)),
            min_speed=min(of('min_vel_x', 0.0), 0.0),
            max_yaw_rate=of('max_vel_theta', 0.0),
            acceleration=max(of('acc_lim_x', 0.0), abs(brake)),
            yaw_acceleration=max(of('acc_lim_theta', 0.0), abs(turn)),
        )
    return replace(
        table,
        max_speed=of('vx_max', 0.5),
        min_speed=of('vx_min', -0.35),
        max_yaw_rate=of('wz_max', 1.9),
        acceleration=max(of('ax_max', 3.0), abs(of('ax_min', -3.0))),
        yaw_acceleration=of('az_max', 3.5),
    )


def merged(made: Parameters, file: Path) -> Parameters:
    """`made` with what a YAML file of parameters says otherwise.

    Raises SpecError for a file that is none, or names a node that is not there.
    """
    yaml = importlib.import_module('yaml')
    try:
        given = yaml.safe_load(file.read_text(encoding='utf-8'))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SpecError(
            f'Cannot read the parameters {file}: {" ".join(str(error).split())}. Give a YAML file '
            'as ROS takes it.'
        ) from None
    content = cast('Mapping[str, Any]', given if isinstance(given, Mapping) else {})
    if not content or not set(content) <= set(made):
        raise SpecError(
            f'{file} has parameters for {", ".join(map(str, content)) or "no node"}. Expected '
            f'some for {" or ".join(made)} alone: the rest is the same for all contenders.'
        )
    return _over(made, _nested(content))


def _nested(flat: Mapping[str, Any]) -> Parameters:
    """The same with 'a.b: 1' as 'a: {b: 1}': ROS takes both, and none must slip past `reach`."""
    result: Parameters = {}
    for name, value in flat.items():
        inner = _nested(cast('Any', value)) if isinstance(value, Mapping) else value
        for part in reversed(name.split('.')):
            inner = {part: inner}
        result = _over(result, cast('Parameters', inner))
    return result


def _over(base: Mapping[str, Any], change: Mapping[str, Any]) -> Parameters:
    result = dict(base)
    for name, value in change.items():
        below = result.get(name)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[name] = _over(cast('Any', below), cast('Any', value)) if both else value
    return result

"""Parameters of Nav2's controllers against the table, and what one trial is asked by file.

The names are those that Nav2 1.4.2 (Kilted) declares in the sources of its plugins.
"""

from __future__ import annotations

from dataclasses import replace
import json
import math

import numpy as np
import pytest

pytest.importorskip('torch')
pytest.importorskip('numba')

from robot_rl.bench.navigation import drive, nav2, over_ros, worlds
from robot_rl.bench.navigation.costmap import radii
from robot_rl.bench.navigation.global_plan import global_plan
from robot_rl.errors import RunFolderError, SpecError, UnknownNameError
from robot_rl.spec import arena_file, registry
from robot_rl.spec.arena import Arena
from robot_rl.spec.errand import Errand, Log

ROBOT = registry.robot('jackal')
TABLE = drive.table_of(ROBOT, 0.5)
FIELDS = ('max_speed', 'min_speed', 'max_yaw_rate', 'acceleration', 'yaw_acceleration')
DECLARED = {
    'mppi': 'time_steps model_dt batch_size iteration_count temperature gamma vx_max vx_min '
    'wz_max ax_max ax_min az_max vx_std wz_std prune_distance transform_tolerance motion_model '
    'visualize publish_optimal_trajectory critics',
    'dwb': 'min_vel_x max_vel_x min_vel_y max_vel_y max_vel_theta min_speed_xy max_speed_xy '
    'min_speed_theta acc_lim_x acc_lim_y acc_lim_theta decel_lim_x decel_lim_y decel_lim_theta '
    'vx_samples vy_samples vtheta_samples sim_time linear_granularity angular_granularity '
    'prune_distance forward_prune_distance transform_tolerance xy_goal_tolerance critics '
    'trans_stopped_velocity short_circuit_trajectory_evaluation',
    'rpp': 'desired_linear_vel lookahead_dist min_lookahead_dist max_lookahead_dist '
    'lookahead_time use_velocity_scaled_lookahead_dist rotate_to_heading_angular_vel '
    'max_angular_accel use_rotate_to_heading rotate_to_heading_min_angle allow_reversing '
    'min_approach_linear_velocity approach_velocity_scaling_dist use_collision_detection '
    'max_allowed_time_to_collision_up_to_carrot use_regulated_linear_velocity_scaling '
    'use_cost_regulated_linear_velocity_scaling cost_scaling_dist cost_scaling_gain '
    'inflation_cost_scaling_factor regulated_linear_scaling_min_radius '
    'regulated_linear_scaling_min_speed transform_tolerance',
}


@pytest.mark.parametrize('robot', ['jackal', 'turtlebot'])
@pytest.mark.parametrize('controller', nav2.PLUGINS)
def test_parameters_come_from_the_table_and_keep_it(controller, robot):
    robot = registry.robot(robot)
    table = drive.table_of(robot, 0.5)
    made = json.loads(json.dumps(nav2.parameters(controller, robot, table)))
    server = made['controller_server']['ros__parameters']
    assert server['controller_frequency'] == 20.0
    assert server['enable_stamped_cmd_vel']
    own = server['FollowPath']
    critics = own.get('critics', [])
    names = {name for name in own if name not in critics} - {'plugin'}
    assert names == set(DECLARED[controller].split())
    costmap = made['local_costmap']['local_costmap']['ros__parameters']
    assert json.loads(costmap['footprint']) == pytest.approx(np.array(robot.footprint), abs=1e-4)
    assert costmap['robot_base_frame'] == robot.base_frame
    assert isinstance(costmap['width'], int)
    reach = nav2.reach(made, controller, table)
    drive.refuse_beyond(controller, reach, table)
    assert reach.max_speed == table.max_speed


@pytest.mark.parametrize(
    ('controller', 'name', 'value', 'words'),
    [
        ('mppi', 'vx_max', 2.5, 'max_speed of 2.5'),
        ('mppi', 'vx_min', -2.0, 'min_speed of -2'),
        ('mppi', 'ax_min', -9.0, 'acceleration of 9'),
        ('mppi', '{FollowPath.vx_max: 2.5}', None, 'max_speed of 2.5'),
        ('dwb', 'max_speed_xy', 3.0, 'max_speed of 3'),
        ('dwb', 'acc_lim_theta', 20.0, 'yaw_acceleration of 20'),
        ('rpp', 'desired_linear_vel', 2.1, 'max_speed of 2.1'),
        ('rpp', 'allow_reversing', 'true', 'min_speed of -2'),
        ('rpp', 'rotate_to_heading_angular_vel', 3.0, 'max_yaw_rate of 3'),
        ('rpp', 'max_angular_accel', "'fast'", 'must be a number'),
    ],
)
def test_a_tuning_beyond_the_table_is_refused(controller, name, value, words, tmp_path):
    file = tmp_path / 'mine.yaml'
    own = name if value is None else f'{{FollowPath: {{{name}: {value}}}}}'
    file.write_text(f'controller_server: {{ros__parameters: {own}}}')
    made = nav2.merged(nav2.parameters(controller, ROBOT, TABLE), file)
    assert made['controller_server']['ros__parameters']['FollowPath']['plugin']
    with pytest.raises(SpecError, match=words):
        drive.refuse_beyond(controller, nav2.reach(made, controller, TABLE), TABLE)


def test_what_is_no_tuning_is_told(tmp_path):
    made = nav2.parameters('dwb', ROBOT, TABLE)
    for text, words in (
        ('a: [', 'Cannot read the parameters'),
        ('planner_server: {}', 'has parameters for planner_server'),
        ('3', 'has parameters for'),
    ):
        (tmp_path / 'mine.yaml').write_text(text)
        with pytest.raises(SpecError, match=words):
            nav2.merged(made, tmp_path / 'mine.yaml')
    with pytest.raises(UnknownNameError, match='teb'):
        nav2.parameters('teb', ROBOT, TABLE)


def test_a_plan_leads_around_everything():
    arena = worlds.choose('jackal', None, 0, 3)[2]
    assert ROBOT.lidar
    path = global_plan(arena, ROBOT.lidar, TABLE)
    np.testing.assert_allclose(path[0], arena.start[:2])
    np.testing.assert_allclose(path[-1], arena.goal)
    inner = radii(TABLE.footprint)[0]
    away = np.linalg.norm(path[:, None] - arena.circles[:, :2], axis=2) - arena.circles[:, 2]
    leaving = np.linalg.norm(path - arena.start[:2], axis=1) > 0.5
    assert away[leaving].min(initial=np.inf) > inner - 0.05
    ring = np.stack((np.cos(t := np.linspace(0, 2 * math.pi, 13)), np.sin(t)), 1)
    walls = np.concatenate((ring[:-1], ring[1:]), 1)
    with pytest.raises(SpecError, match='no way to the goal of shut'):
        global_plan(Arena('shut', (0, 0, 0), (4, 0), 4, segments=walls), ROBOT.lidar, TABLE)


def test_an_errand_and_its_log_survive_their_files(tmp_path):
    arena = replace(worlds.crowd(1, 3)[0], name='a/b')
    asked = Errand(arena, TABLE, np.array([[0.0, 1.0], [2.0, 3.0]]), 'controller_server')
    asked.write(tmp_path / 'errand.json')
    read = Errand.read(tmp_path / 'errand.json')
    assert arena_file.as_json(read.arena) == arena_file.as_json(arena)
    np.testing.assert_array_equal(read.path, asked.path)
    np.testing.assert_array_equal(read.limits.footprint, TABLE.footprint)
    replace(asked, path=np.zeros((0, 2))).write(tmp_path / 'errand.json')
    with pytest.raises(SpecError, match="'follow_path' with 0 points"):
        Errand.read(tmp_path / 'errand.json')
    log = Log('stuck', 'gave up', 1.5, 2, clearance=np.ones(3))
    log.write(tmp_path / 'log.npz')
    again = Log.read(tmp_path / 'log.npz')
    assert (again.outcome, again.reason, again.missed) == ('stuck', 'gave up', 2)
    np.testing.assert_array_equal(again.clearance, log.clearance)
    (tmp_path / 'log.npz').write_bytes(b'PK')
    with pytest.raises(RunFolderError, match='no log of a trial'):
        Log.read(tmp_path / 'log.npz')


@pytest.mark.parametrize(
    'rest',
    [
        '',
        '"start": [0, 0], "goal": [1, 1], "path_length": 1',
        '"start": [0, 0, 0], "goal": [1, 1], "path_length": 1, "circles": [1, 2]',
        '"start": [0, 0, 0], "goal": [1, NaN], "path_length": 1',
        '"start": [0, 0, 0], "goal": [1, 0], "path_length": 1, "colour": 1',
    ],
)
def test_what_is_no_arena_is_told(rest, tmp_path):
    file = tmp_path / 'arena.json'
    for text in (f'{{"name": "a"{", " + rest if rest else ""}}}', '{', '[]'):
        file.write_text(text)
        with pytest.raises(SpecError, match='arena'):
            arena_file.read(file)


def test_every_world_and_seed_draws_something_else():
    drawn = {over_ros.drawn_from(world, seed) for world in ('a', 'b') for seed in (1, 2)}
    assert len(drawn) == 4
    assert all(0 <= number < 2**31 for number in drawn)

"""What stands around a robot, as bodies in MuJoCo: its rays against ranges that are computed,
contacts against distances that are computed."""

from __future__ import annotations

from dataclasses import replace
import math

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('numba')
pytest.importorskip('mujoco')

from robot_rl.engines.solids import WALL, Solids
from robot_rl.envs.engines import make_env
from robot_rl.mdp.arenas import Arenas
from robot_rl.spec import registry
from robot_rl.spec.arena import Arena
from robot_rl.spec.world import Block, Column, Line, World
from robot_rl.tasks import navigate

ROBOTS = {name: registry.task(f'navigate-{name}').robot for name in navigate.ROBOTS}
LIDARS = {name: robot.lidar for name, robot in ROBOTS.items() if robot.lidar}
ONE = torch.arange(1)


def place(start=(1.2, -0.3, 0.0), **things):
    return Arena('here', start, (5.0, 0.0), 4.0, **things)


def environment(robot, *arenas):
    """One environment an arena that goes on after a contact, begun."""
    where = Arenas(robot.lidar, robot.footprint, navigate.MARGIN, navigate.CONTROL_DT, arenas)
    task = replace(navigate.on(robot, where), terminations=())
    env = make_env(task, 'mujoco', len(arenas), seed=0, randomize=False, noise=False)
    env.reset()
    return env


def computed(env):
    """What there would be without bodies."""
    signals = env.engine.signals()
    rest = {name: signals[name] for name in signals if name not in ('scan', 'collision')}
    return signals, env.task.perceive(rest, env.drawn)


def drive(env, speed, steps):
    """Row by row: whether robots have touched something, and how far it is."""
    setpoint = torch.tensor([[speed, 0.0]]).repeat(env.num_envs, 1)
    touched, away = [], []
    for _ in range(steps):
        env.step(torch.zeros(env.num_envs, 2), setpoint)
        signals, seen = computed(env)
        touched.append(signals['collision'][:, 0] > 0.0)
        away.append(seen['arena_clearance'][:, 0])
    return torch.stack(touched), torch.stack(away)


@pytest.mark.parametrize('name', ROBOTS)
def test_rays_meet_what_ranges_are_computed_to(name):
    """In drawn arenas: the same within the thickness of a wall, more where a beam grazes one."""
    task = registry.task(f'navigate-{name}')
    env = make_env(task, 'mujoco', 48, seed=0, randomize=False, noise=False)
    env.reset(seed=2)
    signals, seen = computed(env)
    off = (signals['scan'] - seen['scan']).abs()
    assert (seen['scan'] < LIDARS[name].range_max).float().mean() > 0.4
    assert off.median() < 0.5 * WALL + 1e-4
    assert off.quantile(0.99) < 0.01
    assert (off > 0.05).float().mean() < 1e-3  # past the end of a wall, or not
    assert not signals['collision'].any(), 'every start is free'


def test_a_robot_that_pitches_sees_the_floor_and_never_itself():
    robot, lidar = ROBOTS['turtlebot'], LIDARS['turtlebot']
    env = environment(robot, place())
    engine, pitch = env.engine, math.radians(10.0)
    assert (engine.signals()['scan'] == lidar.range_max).all()
    rest = {name: torch.tensor([value]) for name, value in robot.rest.items()}
    rest['base_quat_w'] = torch.tensor([[math.cos(0.5 * pitch), 0.0, math.sin(0.5 * pitch), 0.0]])
    engine.reset(ONE, rest)
    x, _, z = lidar.position
    height = z * math.cos(pitch) - x * math.sin(pitch)
    scan = engine.signals()['scan'][0]
    assert scan[0] == pytest.approx(height / math.sin(pitch), abs=1e-5)
    assert (scan < lidar.range_max).sum() < len(scan) / 2


@pytest.mark.parametrize('name', ROBOTS)
def test_a_wall_stops_a_robot_that_has_touched_it(name):
    """Within a period of the outline's touching it, head on and at a slant; columns alike."""
    robot = ROBOTS[name]
    wall = np.array([[2.0, -3.0, 2.0, 3.0]])
    far = np.column_stack((np.linspace(3.0, 9.0, 200), np.zeros(200), np.full(200, 0.075)))
    column = np.concatenate((far, [[2.0, -0.3, 0.075]]))
    env = environment(
        robot, place(segments=wall), place((1.2, -0.3, 0.4), segments=wall), place(circles=column)
    )
    speed = robot.setpoint('velocity').high[0]
    touched, away = drive(env, speed, 15 + round(0.9 / speed / navigate.CONTROL_DT))
    period = speed * navigate.CONTROL_DT
    for one in range(3):
        first = int(touched[:, one].long().argmax())
        assert touched[first, one]
        assert away[first - 1, one] > 0.0
        assert away[first, one] < period + WALL
    assert away.min() > -0.02, 'nothing gives way by more, not to 18 kg at 2 m/s either'
    assert (env.engine.signals()['base_pos_w'][:2, 0] < 2.0).all(), 'all on this side of it'
    env.engine.reset(ONE, {'base_pos_w': torch.tensor([[0.0, 0.0, 0.0]])})
    assert env.engine.signals()['collision'][:, 0].tolist()[0] == 0.0


def test_people_walk_into_robots():
    robot = ROBOTS['turtlebot']
    people = {'walkers': np.array([[1.2, 1.7, 0.0, -1.2, 0.25]]), 'room': (-5.0, -5.0, 5.0, 5.0)}
    env = environment(robot, place(), place(**people))
    touched, away = drive(env, 0.0, 20)
    signals, seen = computed(env)
    off = (signals['scan'] - seen['scan'])[1].abs()
    assert (seen['scan'][1] < 3.0).sum() > 10
    assert off.quantile(0.99) < 0.005, 'they are seen where they are'
    again = drive(env, 0.0, 12)
    touched, away = (torch.cat(rows) for rows in zip((touched, away), again, strict=True))
    assert not touched[:, 0].any()
    first = int(touched[:, 1].long().argmax())
    assert touched[first, 1]
    assert abs(int((away[:, 1] <= 0.0).long().argmax()) - first) <= 1


def test_a_wheel_is_no_wider_than_it_is():
    """Its sphere, which meets the ground, reaches 24 mm further than the wheel."""
    beside = [np.array([[0.0, y, 3.0, y]]) for y in (-0.3 + 0.1, -0.3 + 0.085)]
    env = environment(ROBOTS['turtlebot'], *(place(segments=wall) for wall in beside))
    assert env.engine.signals()['collision'][:, 0].tolist() == [0.0, 1.0]
    touched, _ = drive(env, 0.0, 2)
    assert touched.any(0).tolist() == [False, True]


def test_distances_to_solids():
    solids = Solids(2)
    turned = (math.cos(math.pi / 8.0), 0.0, 0.0, math.sin(math.pi / 8.0))
    world = World(
        lines=(
            Line(np.array([[0.0, 2.0, 0.0], [4.0, 2.0, 0.0]]), height=0.5),
            Line(np.zeros((2, 3))),
        ),
        blocks=(Block((3.0, 0.0, 0.5), (1.0, 1.0, 1.0), turned),),
        columns=(Column((0.0, -1.0, 0.25), 0.2, 0.5),),
        people=(Column((-2.0, 0.0, 0.85), 0.25, 1.7),),
    )
    solids.put([world], np.array([1]))
    away = solids.distance(np.array([[0.0, 0.0, 0.1]] * 2), np.array([0, 1]))
    assert np.isinf(away[0]).all()
    wall = math.hypot(2.0 - 0.5 * WALL, 0.0)
    np.testing.assert_allclose(away[1], [1.75, 0.8, 3.0 - math.sqrt(0.5), wall], atol=1e-12)
    solids.aim(np.array([[[9.0, 9.0]], [[-1.0, 0.0]]]))
    solids.walk(0.5)
    assert solids.position[1, 0].tolist() == [-1.5, 0.0, 0.85]
    assert solids.position[1, 1].tolist() == [0.0, -1.0, 0.25]

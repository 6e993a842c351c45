"""Environments of the task `navigate` in given places: whole, and the bare world under them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from robot_rl.bench.lidar.places import RANGE, Scene
from robot_rl.envs.engines import make_env
from robot_rl.envs.vector import VectorEnv
from robot_rl.kernels import arena_build, arena_scan
from robot_rl.mdp.arenas import Arenas
from robot_rl.spec.lidar import Lidar
from robot_rl.spec.robot import Robot
from robot_rl.tasks import navigate

Array = Any
ACTIONS = 64


def with_beams(robot: Robot, beams: int) -> Robot:
    """The robot with so many beams over the same field of view, and RANGE."""
    if robot.lidar is None:
        raise ValueError(f'{robot.name} has no lidar')
    span = robot.lidar.angle_increment * (robot.lidar.beams - 1)
    lidar = replace(robot.lidar, beams=beams, angle_increment=span / (beams - 1), range_max=RANGE)
    return replace(robot, lidar=lidar)


def make(robot: Robot, scene: Scene) -> VectorEnv:
    """Environments with noise and randomized physics, evenly spread over the places."""
    torch.set_num_threads(1)
    robot = with_beams(robot, scene.beams)
    given = [place.arena for place in scene.places]
    lidar: Any = robot.lidar
    where = Arenas(lidar, robot.footprint, navigate.MARGIN, navigate.CONTROL_DT, given)
    env = make_env(navigate.on(robot, where), 'analytic', scene.num_envs, seed=0)
    env.reset(seed=0)
    env.stagger_episodes()
    return env


def whole(env: VectorEnv) -> Callable[[], int]:
    """One step of everything with random actions; returns how many environments were stepped."""
    generator = torch.Generator().manual_seed(0)
    size = (ACTIONS, env.num_envs, env.task.action_size)
    actions, turn = 2.0 * torch.rand(size, generator=generator) - 1.0, 0

    def step() -> int:
        nonlocal turn
        env.step(actions[turn % ACTIONS])
        turn += 1
        return env.num_envs

    return step


def bare(env: VectorEnv) -> Callable[[], int]:
    """Kinematics, scan, clearance and way to the goal alone, robots turning where they are."""
    perceive: Any = env.task.perceive
    setpoint = torch.zeros(env.num_envs, 2)
    setpoint[:, 1] = 1.0

    def step() -> int:
        env.engine.step(setpoint)
        perceive(env.engine.signals(), env.drawn)
        return env.num_envs

    return step


def scan(circles: Array, segments: Array, lidar: Lidar, poses: Array) -> Array:
    """Ranges (n, beams) [m] from `poses` (n, 3) x, y [m], yaw [rad], as the environments see them.

    `circles` (k, 3) x, y, radius; `segments` (m, 4) x, y of one end and of the other [m].
    """
    bank = arena_build.bank(1, max(len(circles), 1), max(len(segments), 1), 1)
    bank.count[0] = len(circles), len(segments)
    bank.circles[0, : len(circles)] = circles
    if len(segments):
        bank.segments[0, : len(segments), :2] = segments[:, :2]
        bank.segments[0, : len(segments), 2:] = segments[:, 2:] - segments[:, :2]
    num = len(poses)
    angle = lidar.angle_min + lidar.angle_increment * np.arange(lidar.beams)
    beams = np.stack((np.cos(angle), np.sin(angle)), 1).astype(np.float32)
    mounted = np.array((*lidar.position[:2], lidar.range_min, lidar.range_max), np.float32)
    out = np.empty((lidar.beams, num), np.float32).T
    slots, time = np.zeros(num, np.int64), np.zeros(num, np.float32)
    poses = np.ascontiguousarray(poses, np.float32)
    arena_scan.cast(bank, slots, poses, time, beams, mounted, out)
    return out

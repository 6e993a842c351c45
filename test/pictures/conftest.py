"""A robot with all kinds of joints, and episodes of it that nobody simulated."""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
from pathlib import Path

import numpy as np
import pytest

URDF = """<robot name="limbed">
  <material name="blue"><color rgba="0.1 0.2 0.9 1"/></material>
  <link name="footprint"/>
  <link name="base_link">
    <inertial/>
    <visual><geometry><box size="0.4 0.2 0.1"/></geometry><material name="blue"/></visual>
  </link>
  <link name="upper">
    <inertial/>
    <visual>
      <origin xyz="0 0 0.1" rpy="0 0 0"/>
      <geometry><cylinder radius="0.03" length="0.2"/></geometry>
      <material name="own"><color rgba="0.9 0.1 0.1 1"/></material>
    </visual>
  </link>
  <link name="slide">
    <inertial/>
    <visual><geometry><sphere radius="0.05"/></geometry></visual>
  </link>
  <link name="tip">
    <inertial/>
  </link>
  <joint name="wrist" type="continuous">
    <parent link="slide"/><child link="tip"/>
    <origin xyz="0.05 0.02 0.1" rpy="0.3 -0.2 0.9"/><axis xyz="1 2 -1"/>
  </joint>
  <joint name="shoulder" type="revolute">
    <parent link="base_link"/><child link="upper"/>
    <origin xyz="0.1 0 0.05" rpy="0.1 0.2 0.3"/><axis xyz="0 1 0"/>
    <limit lower="-3" upper="3" effort="1" velocity="1"/>
  </joint>
  <joint name="lift" type="prismatic">
    <parent link="upper"/><child link="slide"/>
    <origin xyz="0 0.05 0.2" rpy="-0.4 0 0.2"/><axis xyz="0 0.6 0.8"/>
    <limit lower="-1" upper="1" effort="1" velocity="1"/>
  </joint>
  <joint name="foot" type="fixed">
    <parent link="footprint"/><child link="base_link"/><origin xyz="0 0 0.2" rpy="0 0 0.5"/>
  </joint>
</robot>
""".replace(
    '<inertial/>',
    '<inertial><mass value="1"/>'
    '<inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial>',
)
JOINTS = ('shoulder', 'lift', 'wrist')


@pytest.fixture(scope='session')
def limbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """URDF of a robot with turning, sliding and fixed joints, children listed before parents."""
    path = tmp_path_factory.mktemp('limbed') / 'urdf' / 'limbed.urdf'
    path.parent.mkdir()
    path.write_text(URDF)
    return path


@pytest.fixture(scope='session')
def make_episode(limbed: Path) -> Callable:
    """(steps=50, world=None, **signals) -> an episode of the limbed robot near its goal."""
    pytest.importorskip('torch')
    pytest.importorskip('numba')
    from robot_rl.pictures.episode import Episode
    from robot_rl.spec import registry
    from robot_rl.spec.world import World

    hover = registry.task('hover-crazyflie')
    robot = dataclasses.replace(hover.robot, urdf=str(limbed), joint_names=JOINTS, rest={})
    task = dataclasses.replace(hover, robot=robot)

    def make(steps: int = 50, world: World | None = None, **signals: np.ndarray) -> Episode:
        time = task.control_dt * np.arange(1, steps + 1)
        still = {
            'base_pos_w': [0.0, 0.0, 0.3],
            'base_quat_w': [1.0, 0.0, 0.0, 0.0],
            'joint_pos': [0.0, 0.0, 0.0],
            'goal_pos_w': [1.0, 0.0, 0.3],
            'goal_lin_vel_w': [0.0, 0.0, 0.0],
            'goal_lin_acc_w': [0.0, 0.0, 0.0],
            'base_lin_vel_b': [0.0, 0.0, 0.0],
            'base_ang_vel_b': [0.0, 0.0, 0.0],
        }
        rows = {name: np.tile(value, (steps, 1)) for name, value in still.items()}
        return Episode(
            task=task,
            engine='analytic',
            name='episode <1>',
            ended='time is up',
            failed=False,
            time=time,
            error=np.linspace(1.0, 0.0, steps),
            signals={**rows, **signals},
            setpoint=np.zeros((steps, task.setpoint.size)),
            world=world or World(),
        )

    return make

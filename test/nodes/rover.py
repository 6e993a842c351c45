"""A robot and a task for tests of navigation: a box on two wheels, and an act that needs no
learning. As a package of its own it is found through entry points, like anybody's."""

from __future__ import annotations

import math
from pathlib import Path

from robot_rl.spec.lidar import Lidar
from robot_rl.spec.robot import Limits, Robot, Setpoint, Topic
from robot_rl.spec.stage import Stage

BEAMS = 36
MAX_SPEED, MAX_YAW_RATE = 1.5, 3.0  # [m/s], [rad/s]
CONTROL_DT = 0.05  # [s]
SIGNALS = ('scan', 'base_pos_w', 'base_quat_w', 'base_lin_vel_b', 'base_ang_vel_b', 'goal_pos_w')
ODOMETRY = SIGNALS[1:5]


def robot() -> Robot:
    velocity = Setpoint(
        name='velocity',
        fields=('speed', 'yaw_rate'),
        units=('m/s', 'rad/s'),
        low=(-0.5, -MAX_YAW_RATE),
        high=(MAX_SPEED, MAX_YAW_RATE),
        slew=(math.inf, math.inf),
        neutral=(0.0, 0.0),
        safe=(Stage('brake', (0.0, 0.0), math.inf),),
        topic='cmd_vel',
        message='geometry_msgs/msg/Twist',
        physics_dt=0.01,
    )
    return Robot(
        name='rover',
        urdf='/nowhere.urdf',
        model='',
        joint_names=(),
        parameters={},
        setpoints={'velocity': velocity},
        sensors=(),
        topics=(
            Topic('scan', 'sensor_msgs/msg/LaserScan', ('scan',), rate_hz=40.0, max_age_s=0.3),
            Topic('odom', 'nav_msgs/msg/Odometry', ODOMETRY, rate_hz=50.0, max_age_s=0.3),
            Topic('goal', 'geometry_msgs/msg/PoseStamped', ('goal_pos_w',), 0.0, math.inf),
        ),
        rest={'base_quat_w': (1.0, 0.0, 0.0, 0.0)},
        lidar=Lidar(
            beams=BEAMS,
            angle_min=-math.pi,
            angle_increment=2.0 * math.pi / BEAMS,
            range_min=0.05,
            range_max=10.0,
            position=(0.0, 0.0, 0.2),
            source='a test',
        ),
        limits=Limits(tilt=math.radians(30.0)),
    )


def task(robot: Robot):
    """Turns to the goal and drives at it, as fast as it looks at it and not into what is near."""
    import torch

    from robot_rl.mdp import actions
    from robot_rl.mdp.commands import NoCommand
    from robot_rl.mdp.observations import concat
    from robot_rl.spec.task import Reward, Task

    setpoint = robot.setpoint('velocity')
    low, high = torch.tensor(setpoint.low), torch.tensor(setpoint.high)

    def observe(signals, _memory):
        return concat(tuple(signals[name] for name in SIGNALS))

    def act(action, signals, _memory):
        offset = signals['goal_pos_w'][:, :2] - signals['base_pos_w'][:, :2]
        w, x, y, z = signals['base_quat_w'].unbind(1)
        yaw = torch.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
        turn = torch.atan2(offset[:, 1], offset[:, 0]) - yaw
        turn = torch.atan2(turn.sin(), turn.cos())
        near = signals['scan'].min(1).values
        far = (2.0 * offset.norm(dim=1)).clamp(max=MAX_SPEED)
        speed = far * turn.cos().clamp(min=0.0) * (near > 0.3).to(far.dtype)
        values = torch.stack((speed, 2.5 * turn), 1) + 0.0 * action
        return actions.within(values, low, high)

    def zero(step):
        return step.action[:, 0] * 0.0

    return Task(
        name='navigate',
        robot=robot,
        level='velocity',
        signal_names=SIGNALS,
        action_size=2,
        memory_size=0,
        observe=observe,
        privileged=observe,
        act=act,
        remember=lambda memory, signals, action: memory,
        commands=NoCommand(),
        initial_state=lambda *_: {},
        rewards=(Reward('none', zero, 0.0),),
        terminations=(),
        error=zero,
        error_unit='m',
        success_error=1.0,
        control_dt=CONTROL_DT,
        episode_length_s=10.0,
    )


def export(path: Path) -> Path:
    """Write a policy file of the task."""
    import numpy as np
    import torch

    from robot_rl.export.onnx import export_policy
    from robot_rl.export.states import Moments, States

    made = task(robot())
    draw = np.random.default_rng(0)
    rows = {s.name: draw.uniform(-2.0, 2.0, (64, s.size)) for s in made.signals}
    rows['scan'] = draw.uniform(0.5, 10.0, (64, BEAMS))
    half = draw.uniform(-1.5, 1.5, 64)
    rows['base_quat_w'] = np.stack((np.cos(half), 0 * half, 0 * half, np.sin(half)), 1)
    signals = {name: value.astype(np.float32) for name, value in rows.items()}
    moments = {name: Moments(value.shape[1]) for name, value in signals.items()}
    moments['setpoint'] = Moments(2)
    for name, value in signals.items():
        moments[name].add(value)
    moments['setpoint'].add(draw.uniform(-0.5, 1.5, (64, 2)))
    actor = torch.nn.Linear(sum(s.size for s in made.signals), 2)
    export_policy(
        made,
        actor,
        path,
        statistics={name: moment.entry() for name, moment in moments.items()},
        training={'run': 'none', 'seed': 0},
        evaluation={},
        golden_states=States(signals, np.zeros((64, 0), np.float32)),
    )
    return path


def install(folder: Path) -> Path:
    """Make `folder` a place from which a process finds the robot; it goes on PYTHONPATH."""
    folder.mkdir()
    (folder / 'rover.py').write_text(Path(__file__).read_text())
    metadata = folder / 'rover-1.0.dist-info'
    metadata.mkdir()
    (metadata / 'METADATA').write_text('Metadata-Version: 2.1\nName: rover\nVersion: 1.0\n')
    (metadata / 'entry_points.txt').write_text('[robot_rl.robots]\nrover = rover:robot\n')
    return folder

"""Processes: errors a user can mend, the recorder, groups that live and die together."""

from __future__ import annotations

from dataclasses import replace
import os
from pathlib import Path
import re
import signal
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from robot_rl import cli
from robot_rl.assets import asset
from robot_rl.deploy.record import read
from robot_rl.deploy.stages import landing_s
from robot_rl.errors import FlightError, MissingPackageError
from robot_rl.nodes import run
from robot_rl.nodes.description import GOALS, Process, parameter_file, processes
from robot_rl.spec import registry

REPOSITORY = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.ros, pytest.mark.usefixtures('ros')]


def test_errors_are_one_clear_message_and_exit_code_2(nodes, text, tmp_path):
    tmp_path.joinpath('bad.yaml').write_text('goal_node: [1\n 2')
    tmp_path.joinpath('list.yaml').write_text('goal_node:\n  ros__parameters:\n    centre: []\n')
    taken = tmp_path / 'taken.mcap'
    taken.write_text('precious')
    missing = ('--params-file', str(tmp_path / 'missing.yaml'))
    cases = [
        (nodes.start('goal_node', *missing), 'missing.yaml'),
        (nodes.start('goal_node', '--params-file', str(tmp_path / 'bad.yaml')), 'bad.yaml'),
        (nodes.start('goal_node', '--params-file', str(tmp_path / 'list.yaml')), 'empty list'),
        (
            nodes.start('goal_node', robot='crazyflie', rate_hz='fast'),
            "'rate_hz' of the node 'goal_node': expected a number",
        ),
        (nodes.start('goal_node', robot='crazyflie', rate_herz=1.0), "Did you mean 'rate_hz'?"),
        (nodes.start('goal_node', robot='crazyflie', centre='[1.0]'), 'expected 3 numbers'),
        (nodes.start('goal_node', robot='crazyflie', kind='figure'), "mean 'figure_eight'?"),
        (nodes.start('goal_node', robot='crazyfly'), "Did you mean 'crazyflie'?"),
        (nodes.start('goal_node', robot='go2', kind='hold'), 'Use waypoints'),
        (nodes.start('goal_node'), "needs the parameter 'robot'"),
        (nodes.start('sim_node'), "needs the parameter 'robot'"),
        (nodes.start('policy_node'), "needs the parameter 'policy'"),
        (nodes.start('policy_node', policy='/no/such.onnx', autostart=True), '/no/such.onnx'),
        (nodes.start('recorder_node', path=taken, topics='[odom]'), 'Nothing is overwritten'),
        (nodes.start('recorder_node'), "needs the parameters 'path'"),
    ]
    for process, words in cases:
        assert process.wait(90) == 2, text(process)  # a dozen at once, on busy machines
        assert words in text(process)
        assert 'Traceback' not in text(process)
        # rclpy's own line about a file it cannot read comes before ours.
        assert len([line for line in text(process).splitlines() if '[rcl]' not in line]) <= 2
    assert taken.read_text() == 'precious'


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (('hover-crazyflie', '--record', 'taken.mcap'), 'taken.mcap exists. Nothing is overwri'),
        (('hover-crazyflie', '--engine', 'mujocco'), "engine 'mujocco'. Did you mean 'mujoco'?"),
        (('hover-crazyflie', '--goal', 'hovr'), "goal 'hovr'. Did you mean 'hover'?"),
        (('race-racecar', '--goal', 'hover'), "Nobody would listen to the goal 'hover': nothing"),
    ],
)
def test_what_a_node_would_refuse_is_refused_before_any_starts(
    arguments, said, monkeypatch, tmp_path, capsys
):
    pytest.importorskip('torch')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('robot_rl.nodes.run.Group', None)
    Path('taken.mcap').write_text('precious')
    assert cli.main(['run', *arguments]) == 2
    assert said in ' '.join(capsys.readouterr().err.split())
    assert Path('taken.mcap').read_text() == 'precious'


@pytest.mark.parametrize(
    ('missing', 'engine', 'said'),
    [
        ('rclpy', '', 'robot_rl[ros]'),
        ('torch', 'analytic', 'robot_rl[train]'),
        ('torch', '', 'Enough'),
    ],
)
def test_what_is_not_installed_is_said_before_anything_starts(
    missing, engine, said, monkeypatch, hover_policy
):
    started = []

    def group(*_arguments, **_options):
        started.append(True)
        raise FlightError('Enough.')

    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setattr('robot_rl.nodes.run.Group', group)
    with pytest.raises(
        FlightError if said == 'Enough' else MissingPackageError, match=re.escape(said)
    ):
        run.run(hover_policy, engine=engine)
    assert bool(started) == (said == 'Enough')


def test_a_node_that_is_told_to_end_while_it_starts_says_nothing(nodes, text, tmp_path):
    slow = tmp_path / 'rclpy.py'  # found before the genuine one
    slow.write_text("print('begun', flush=True)\nimport time\ntime.sleep(60.0)\n")
    nodes.environment['PYTHONPATH'] = os.pathsep.join((str(tmp_path), str(REPOSITORY)))
    process = nodes.start('sim_node', robot='crazyflie')
    nodes.until(lambda: 'begun' in text(process))
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert text(process) == 'begun\n'


def so_far(path):
    """Messages in a recording that is being written; at first it may not have its header."""
    return list(read(path)) if path.exists() and path.stat().st_size >= 8 else []


def test_a_killed_recorder_leaves_everything_but_the_last_second(nodes, peer, tmp_path):
    path = tmp_path / 'flight.mcap'
    recorder = nodes.start('recorder_node', path=path, topics="['odom', '/goal', 'never_there']")
    nodes.until(lambda: len(so_far(path)) > 10)
    time.sleep(1.5)
    recorder.send_signal(signal.SIGKILL)
    moment = time.time()
    recorder.wait()
    found = list(read(path))
    assert {m.topic for m in found} == {'/odom', '/goal'}
    assert moment - 1e-9 * max(m.log_time for m in found) < 1.0
    odom = [m.log_time for m in found if m.topic == '/odom']
    assert (odom[-1] - odom[0]) * 1e-9 / (len(odom) - 1) == pytest.approx(0.01, rel=0.1)


def test_a_recorder_finishes_its_file_when_asked_to_end(nodes, peer, tmp_path):
    from mcap.reader import make_reader
    import numpy as np
    from rclpy.serialization import deserialize_message

    from robot_rl.nodes.messages import message_type

    path = tmp_path / 'flight.mcap'
    recorder = nodes.start('recorder_node', path=path, topics='[odom]')
    nodes.until(lambda: len(so_far(path)) > 50)
    recorder.send_signal(signal.SIGINT)
    assert recorder.wait(60) == 0
    with path.open('rb') as stream:
        schema, channel, message = next(iter(make_reader(stream).iter_messages()))
    assert schema is not None
    assert (channel.topic, schema.name) == ('/odom', 'nav_msgs/msg/Odometry')
    odometry = deserialize_message(message.data, message_type(schema.name))
    assert np.isclose(odometry.pose.pose.position.z, 1.0)


def test_a_full_disk_ends_the_recording_and_not_the_process(nodes, peer, tmp_path, text):
    recorder = nodes.start(
        'recorder_node', path=tmp_path / 'flight.mcap', topics='[odom]', min_free_mb=1e12
    )
    nodes.until(lambda: 'Recording stopped' in text(recorder))
    time.sleep(0.2)
    assert recorder.poll() is None
    recorder.send_signal(signal.SIGINT)
    assert recorder.wait(60) == 1


@pytest.fixture
def group(tmp_path):
    """(processes) -> a group in a domain of its own."""
    from robot_rl.nodes.dds import confined, random_domain
    from robot_rl.nodes.group import Group

    file = parameter_file(registry.robot('crazyflie'))
    environment = confined(tmp_path, random_domain())
    return lambda described: Group(described, file, environment, tmp_path)


def test_a_group_stops_all_when_one_ends(nodes, group):
    from robot_rl.errors import FlightError

    shared = {'robot': 'crazyflie'}
    described = [
        Process('goal_node', {**shared, 'level': 'motors'}),
        Process('policy_node', {**shared, 'policy': '/no/such.onnx'}),
    ]
    with group(described) as running:
        member = running.members['goal_node']
        nodes.until(lambda: 'waits for' in member.tail())
        running.members['policy_node'].popen.kill()
        with pytest.raises(FlightError, match='policy_node ended with exit code -9'):
            running.wait(10.0)
    assert member.popen.poll() == 0, 'the other was asked to end, and did in good order'


def test_every_parameter_of_the_description_is_known_to_its_node(group, tmp_path, hover_policy):
    """The YAML file, the description and the nodes agree on names: unknown ones end a node."""
    described = processes(
        registry.robot('crazyflie'),
        hover_policy,
        engine='',
        goal='lissajous',
        level='motors',
        record=tmp_path / 'a.mcap',
    )
    with group(described) as running:
        time.sleep(2.0)
        for name, member in running.members.items():
            assert member.popen.poll() is None, f'{name}: {member.tail()}'


def test_a_package_that_is_not_installed_is_one_clear_message(nodes, text):
    code = (
        "import sys; sys.modules['torch'] = None; from robot_rl.nodes.sim_node import main;"
        "sys.exit(main(['sim_node', '--ros-args', '-p', 'robot:=crazyflie']))"
    )
    process = nodes.spawn('sim_node', [sys.executable, '-c', code], nodes.environment)
    assert process.wait(90) == 2, text(process)
    assert "needs the package 'torch'" in text(process)
    assert 'Traceback' not in text(process)


def test_a_goal_waits_where_the_parameter_file_says(nodes, text):
    """The description leaves `start_with` free, for robots that are driven on another topic."""
    robot, where = registry.robot('crazyflie'), 'waits for the first message on '
    described = processes(robot, Path('a.onnx'), engine='', level='motors')
    given = next(p for p in described if p.executable == 'goal_node').parameters
    declared = nodes.start('goal_node', **given)
    other = nodes.start('goal_node', **given, start_with='elsewhere')
    nodes.until(lambda: f'{where}{robot.setpoint("motors").topic}.' in text(declared))
    nodes.until(lambda: f'{where}elsewhere.' in text(other))


def test_the_policy_gets_longer_to_end_than_its_robot_to_stop():
    from robot_rl.nodes.policy_node import SLACK_S

    for name in registry.robot_names():
        robot = registry.robot(name)
        for level, setpoint in robot.setpoints.items():
            described = processes(robot, Path('a.onnx'), engine='', goal='', level=level)
            policy = next(p for p in described if p.executable == 'policy_node')
            assert policy.grace_s > landing_s(setpoint) + SLACK_S + 1.0


def test_the_policy_names_its_robot():
    from robot_rl.nodes.parameters import Parameters
    from robot_rl.nodes.policy_settings import Settings

    node: Any = SimpleNamespace(
        get_name=lambda: 'policy_node',
        get_parameters_by_prefix=lambda _: {
            'policy': SimpleNamespace(value=str(asset('policies', 'reach-panda.onnx')))
        },
        declare_parameter=lambda *_: None,
    )
    assert Settings.read(Parameters(node)).robot.name == 'panda'


def test_a_robot_without_a_parameter_file_takes_the_defaults():
    stranger = replace(registry.robot('crazyflie'), name='stranger')
    assert parameter_file(stranger) is None


def test_parameter_files_hold_names_and_never_scales():
    import yaml

    file = parameter_file(registry.robot('crazyflie'))
    assert file is not None
    content = yaml.safe_load(file.read_text())
    nodes = {'sim_node', 'goal_node', 'policy_node', 'teleop_node', 'recorder_node'}
    assert set(content) == nodes
    assert not [key for key in str(content).replace("'", ' ').split() if 'scale' in key]
    assert set(GOALS) == {'default', 'hover', 'figure_eight', 'lissajous', 'task'}


def sockets(pid):
    """(address, port) of every UDP socket of a process; the address as in /proc/net/udp."""
    links = [str(fd.readlink()) for fd in Path(f'/proc/{pid}/fd').iterdir() if fd.is_symlink()]
    inodes = {link[8:-1] for link in links if link.startswith('socket:[')}
    rows = [line.split() for line in Path(f'/proc/{pid}/net/udp').read_text().splitlines()[1:]]
    local = [row[1].split(':') for row in rows if row[9] in inodes]
    return [(address, int(port, 16)) for address, port in local]


@pytest.mark.skipif(not Path('/proc/net/udp').exists(), reason='needs Linux')
def test_a_confined_process_listens_on_the_loopback_interface_only_and_to_no_questions(nodes):
    process = nodes.start('goal_node', robot='crazyflie')
    first = 7400 + 250 * nodes.domain  # ports of a DDS domain, DDSI-RTPS 9.6.1
    found = nodes.until(
        lambda: [s for s in sockets(process.pid) if first <= s[1] < first + 250] or None
    )
    time.sleep(0.2)
    assert {address for address, _ in found} == {'0100007F'}
    threads = [
        task.read_text().strip() for task in Path(f'/proc/{process.pid}/task').glob('*/comm')
    ]
    assert any(name.startswith('dds.') for name in threads)
    assert not any(name.startswith('dds.tls') for name in threads), 'asked about types'


def test_run_passes_ctrl_c_on_and_leaves_nobody_behind(nodes, hover_policy, text):
    code = (
        'import sys; from pathlib import Path; from robot_rl.nodes.run import run;'
        f'sys.exit(run(Path({str(hover_policy)!r}), engine=""))'
    )
    environment = dict(os.environ, PYTHONPATH=str(Path(__file__).resolve().parents[2]))
    process = nodes.spawn('run', [sys.executable, '-c', code], environment)
    nodes.until(lambda: 'Waiting' in text(process))
    pids = Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text().split()
    assert len(pids) == 2, text(process)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0, text(process)
    assert not [pid for pid in pids if Path(f'/proc/{pid}').exists()]
    assert 'Traceback' not in text(process)

from __future__ import annotations

import csv
from dataclasses import replace
import json
import signal
import subprocess
import sys
import time

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('rsl_rl')

from robot_rl.assets import asset
from robot_rl.envs.engines import make_env
from robot_rl.envs.rollout import actor_policy, run_episodes
from robot_rl.errors import RunFolderError, SpecError, UnknownNameError
from robot_rl.learn import run_folder
from robot_rl.learn.config import TEST_SEED, TrainConfig
from robot_rl.learn.train import _as_begun, load_actor, ppo_config_of, summary, train
from robot_rl.spec import registry

TINY = TrainConfig(
    iterations=4,
    num_envs=16,
    checkpoints=4,
    validation_episodes=8,
    test_episodes=8,
    quiet=True,
    name='tiny',
)


@pytest.fixture(scope='module')
def tiny_run(tmp_path_factory):
    return train(TINY, tmp_path_factory.mktemp('runs'))


def _weights(path):
    return run_folder.load_state(path)['actor_state_dict']


def test_a_run_folder_holds_what_is_needed_to_repeat_it(tiny_run):
    config = json.loads((tiny_run / 'config.json').read_text())
    assert config['seed'] == 0
    assert config['task'] == 'hover-crazyflie'
    assert config['ppo']['iterations'] == 4
    assert 'torch' in config['versions']
    assert 'git_revision' in config
    rows = list(csv.DictReader((tiny_run / 'progress.csv').read_text().splitlines()))
    assert [int(row['iteration']) for row in rows] == [1, 2, 3, 4]
    evaluation = json.loads((tiny_run / 'evaluation.json').read_text())
    assert evaluation['episodes'] == 8
    assert evaluation['steps'] == 4 * 16 * config['ppo']['num_steps']
    assert any(tiny_run.glob('events.*'))


def test_the_score_is_of_episodes_that_chose_nothing(tiny_run):
    task, actor, config = load_actor(tiny_run)
    env = make_env(task, config['engine'], 8, seed=TEST_SEED)
    with torch.inference_mode():
        unseen = summary(run_episodes(env, actor_policy(actor), seed=TEST_SEED))
    evaluation = json.loads((tiny_run / 'evaluation.json').read_text())
    assert evaluation['reward'] == pytest.approx(unseen['reward'])
    chosen = evaluation['chosen_on_validation']
    assert chosen['reward'] != pytest.approx(unseen['reward'])


def test_the_same_seed_trains_the_same_policy(tiny_run, tmp_path):
    again = train(TINY, tmp_path)
    other = train(replace(TINY, seed=1, name='other'), tmp_path)
    first = _weights(tiny_run / 'checkpoints' / '4.pt')
    for name, value in _weights(again / 'checkpoints' / '4.pt').items():
        assert torch.equal(value, first[name])
    changed = _weights(other / 'checkpoints' / '4.pt')
    assert not all(torch.equal(value, first[name]) for name, value in changed.items())


def _progress(run):
    rows = csv.DictReader((run / 'progress.csv').read_text().splitlines())
    return [{name: value for name, value in row.items() if name != 'cpu_s'} for row in rows]


def test_a_resumed_run_goes_on_bit_for_bit(tiny_run, tmp_path):
    """One that was killed between two checkpoints has logged more than it saved."""
    interrupted = tmp_path / 'tiny'
    (interrupted / 'checkpoints').mkdir(parents=True)
    for name in ('config.json', 'checkpoints/1.pt', 'checkpoints/2.pt', 'progress.csv'):
        (interrupted / name).write_bytes((tiny_run / name).read_bytes())
    with (interrupted / 'progress.csv').open('ab') as file:
        file.write(b'5,0.1\r\n6')
    train(replace(TINY, resume=True), tmp_path)
    assert [row['iteration'] for row in _progress(interrupted)] == ['1', '2', '3', '4']
    assert _progress(interrupted) == _progress(tiny_run)
    first = _weights(tiny_run / 'checkpoints' / '4.pt')
    for name, value in _weights(interrupted / 'checkpoints' / '4.pt').items():
        assert torch.equal(value, first[name])


def test_the_best_actor_loads_without_an_environment(tiny_run, monkeypatch):
    monkeypatch.delattr('robot_rl.learn.train.make_env')
    task, actor, _ = load_actor(tiny_run)
    memory = torch.zeros(3, task.memory_size)
    signals = {s.name: torch.zeros(3, s.size) for s in task.signals}
    assert actor(task.observe(signals, memory)).shape == (3, task.action_size)


def _changed(monkeypatch, **changes):
    task = replace(registry.task('hover-crazyflie'), **changes)
    monkeypatch.setattr(registry, 'task', lambda _: task)


HOVER = registry.task('hover-crazyflie')
EDITED = [
    (
        {'act': lambda action, *given: HOVER.act(1.2 * action, *given)},
        r'its setpoint differs by .* times the allowed 0\.0001',
    ),
    (
        {'observe': lambda signals, memory: HOVER.observe(signals, 1.1 * memory)},
        'its setpoint differs',
    ),
    (
        {'remember': lambda *given: HOVER.remember(*given) + 0.01},
        'its memory_out differs',
    ),
    ({'remember': lambda *given: HOVER.remember(*given)[:, 1:]}, 'its memory_out has'),
    ({'act': lambda action, signals, _: action + signals['nope']}, 'cannot compute what it did'),
    ({'control_dt': 0.02}, r'its control period \[s\] was 0.01, now 0.02'),
]


@pytest.mark.parametrize(('changes', 'told'), EDITED)
def test_a_run_of_a_task_that_was_edited_afterwards_is_refused(
    tiny_run, monkeypatch, changes, told
):
    load_actor(tiny_run)
    _changed(monkeypatch, **changes)
    with pytest.raises(
        RunFolderError, match=f'is not what it was when .*best.pt.*{told}.*new name'
    ):
        load_actor(tiny_run)


def test_a_run_of_a_task_that_cannot_observe_any_more_is_refused(tiny_run, monkeypatch):
    _changed(monkeypatch, memory_size=1)
    with pytest.raises(RunFolderError, match=r'best\.pt does not fit the task .* as it is now'):
        load_actor(tiny_run)


def test_what_a_policy_does_not_see_may_change(tiny_run, monkeypatch):
    _changed(monkeypatch, rewards=HOVER.rewards[:1], episode_length_s=1.0)
    load_actor(tiny_run)


def test_a_run_of_an_earlier_version_has_nothing_to_compare(tiny_run, tmp_path, monkeypatch):
    (tmp_path / 'config.json').write_bytes((tiny_run / 'config.json').read_bytes())
    state = run_folder.load_state(tiny_run / 'best.pt')
    del state['witness']
    run_folder.save_state(tmp_path / 'best.pt', state)
    _changed(monkeypatch, **EDITED[0][0])
    load_actor(tmp_path)


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        (EDITED[0][0], 'is not what it was when .*4.pt was trained: its setpoint'),
        (
            {'observe': lambda *given: HOVER.observe(*given)[:, 1:]},
            r"4\.pt does not fit the task 'hover-crazyflie' as it is now: .*[^.]\. Train again",
        ),
    ],
)
def test_a_run_is_not_resumed_on_an_edited_task(tiny_run, monkeypatch, changes, told):
    _changed(monkeypatch, **changes)
    before = {path: path.stat().st_mtime_ns for path in tiny_run.rglob('*')}
    with pytest.raises(RunFolderError, match=f'(?s){told}'):
        train(replace(TINY, resume=True), tiny_run.parent)
    with pytest.raises(RunFolderError, match=r'(?s)best\.pt'):
        load_actor(tiny_run)
    assert {path: path.stat().st_mtime_ns for path in tiny_run.rglob('*')} == before


def test_an_occupied_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / 'tiny').mkdir()
    (tmp_path / 'tiny' / 'precious.txt').write_text('mine')
    with pytest.raises(RunFolderError, match='occupied'):
        train(TINY, tmp_path)
    assert [p.name for p in (tmp_path / 'tiny').iterdir()] == ['precious.txt']


def test_nothing_to_resume_is_said(tmp_path):
    with pytest.raises(RunFolderError, match='Nothing to resume'):
        train(replace(TINY, resume=True), tmp_path)


@pytest.mark.parametrize(
    ('asked', 'told'),
    [
        ({'task': 'track-crazyflie'}, "task 'hover-crazyflie', not 'track-crazyflie'"),
        ({'engine': 'mujoco'}, 'resume it with --engine analytic'),
        ({'seed': 3}, 'resume it with --seed 0'),
        ({'randomization': 'sim/randomization/crazyflie-wide.yaml'}, 'begun with other ranges'),
    ],
)
def test_a_run_is_resumed_as_it_was_begun(tiny_run, asked, told):
    before = {path: path.stat().st_mtime_ns for path in tiny_run.rglob('*')}
    with pytest.raises(RunFolderError, match=told):
        train(replace(TINY, resume=True, **asked), tiny_run.parent)
    assert {path: path.stat().st_mtime_ns for path in tiny_run.rglob('*')} == before


def test_ranges_may_be_named(tmp_path):
    named = replace(TINY, iterations=1, randomization='crazyflie-wide')
    run = train(named, tmp_path)
    wide = asset('sim', 'randomization/crazyflie-wide.yaml')
    assert (run / 'randomization.yaml').read_bytes() == wide.read_bytes()
    train(replace(named, resume=True), tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason='it is there')
def test_a_device_that_is_not_there_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(SpecError, match=r"use the device 'cuda': .*\. Choose the device cpu"):
        train(replace(TINY, device='cuda'), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_resumed_run_keeps_its_ranges(tmp_path):
    text = asset('sim', 'randomization/crazyflie.yaml').read_text()
    ranges = tmp_path / 'own.yaml'
    ranges.write_text(text)
    run = train(replace(TINY, iterations=2, randomization=str(ranges)), tmp_path)
    for again in ('', str(ranges)):
        assert _as_begun(
            replace(TINY, engine='analytic', randomization=again, resume=True), run
        ).randomization == str(run / 'randomization.yaml')
    ranges.write_text(f'{text}# narrower')
    with pytest.raises(RunFolderError, match='other ranges'):
        train(replace(TINY, randomization=str(ranges), resume=True), tmp_path)


@pytest.mark.parametrize('seed', [-1, 500_000])
def test_seeds_of_validation_and_test_are_not_for_training(tmp_path, seed):
    with pytest.raises(RunFolderError, match='Training seeds'):
        train(replace(TINY, seed=seed), tmp_path)


def test_unknown_task_is_suggested(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'hover-crazyflie'"):
        train(replace(TINY, task='hoover-crazyflie'), tmp_path)


def test_a_damaged_checkpoint_is_refused(tiny_run, tmp_path):
    data = (tiny_run / 'best.pt').read_bytes()
    for name, content in {'short.pt': data[: len(data) // 2], 'text.pt': b'hello'}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RunFolderError, match='not a checkpoint'):
            run_folder.load_state(tmp_path / name)


def test_a_run_in_which_everything_crashed_is_told_in_valid_json(tiny_run):
    def refuse(constant):
        raise AssertionError(f'{constant} is not JSON')

    for name in ('evaluation.json', 'validation.json'):
        json.loads((tiny_run / name).read_text(), parse_constant=refuse)
    evaluation = run_folder.read_evaluation(tiny_run)
    assert evaluation['crashed'] == 1.0, 'four iterations teach nothing'
    assert evaluation['median_error'] is None


def test_a_hyperparameter_that_ppo_does_not_have_is_refused():
    task = replace(registry.task('hover-crazyflie'), training={'learning_rat': 1.0})
    with pytest.raises(UnknownNameError, match=r"'learning_rat'. Did you mean 'learning_rate'"):
        ppo_config_of(task, TINY)


def test_a_run_stopped_while_its_logs_are_being_opened_closes(tmp_path, monkeypatch):
    def interrupt(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr('torch.utils.tensorboard.SummaryWriter', interrupt)
    folder = run_folder.RunFolder(tmp_path / 'run')
    with pytest.raises(KeyboardInterrupt):
        folder.log({'iteration': 1, 'reward': 0.0})
    folder.close()


@pytest.mark.slow
def test_ctrl_c_leaves_a_usable_run(tmp_path):
    command = [sys.executable, '-m', 'robot_rl', 'train', '--name', 'cut', '--quiet']
    command += ['--num-envs', '16', '--validation-episodes', '8', '--test-episodes', '8']
    command += ['--iterations', '100000']  # more than it can do before the signal comes
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        try:
            progress = tmp_path / 'runs' / 'cut' / 'progress.csv'
            deadline = time.monotonic() + 60
            while not progress.exists() and time.monotonic() < deadline:
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert b'Traceback' not in errors
    evaluation = json.loads((tmp_path / 'runs' / 'cut' / 'evaluation.json').read_text())
    assert evaluation['interrupted'] is True
    load_actor(tmp_path / 'runs' / 'cut')

"""Scores of a policy: the file and the run agree, and the numbers mean what they say."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('numba')

from robot_rl.bench import evaluation
from robot_rl.bench.evaluation import Evaluation
from robot_rl.envs.engines import make_env
from robot_rl.envs.functions import observation_size
from robot_rl.envs.rollout import Episodes, actor_policy, run_episodes
from robot_rl.errors import PolicyFileError, RunFolderError, SpecError
from robot_rl.learn.config import TrainConfig
from robot_rl.spec import registry


def _evaluation(path: str = 'runs/x', crashed: int = 10, num: int = 200) -> Evaluation:
    """Hand-made: the first `crashed` of `num` episodes crashed, the rest has an error of 5 cm."""
    task = registry.task('hover-crazyflie')
    failed = torch.arange(num) < crashed
    error = torch.where(failed, torch.inf, 0.05)
    force = torch.linspace(1.0, -1.0, num)[:, None].repeat(1, 3)  # the largest crashed
    parameters = {'external_force_w': force, 'mass': torch.full((num, 1), 0.027)}
    reward, steps = torch.full((num,), 7.0), torch.full((num,), 500.0)
    episodes = Episodes(failed, error, reward, steps, parameters, error < 0.1)
    return Evaluation(Path(path), task, 'analytic', 1, episodes)


def test_score_counts_and_medians() -> None:
    score = evaluation.score(_evaluation())
    assert score.success.estimate == pytest.approx(0.95)
    assert score.crashed.estimate == pytest.approx(0.05)
    assert score.median_error == pytest.approx(0.05)
    assert score.episode_return is not None
    assert score.episode_return.estimate == pytest.approx(7.0)
    text = evaluation.text(score, 'm')
    assert 'success  95.00 (' in text
    assert '0.050 m' in text


def test_where_all_crash_there_is_no_error() -> None:
    everything = _evaluation(crashed=200)
    score = evaluation.score(everything)
    assert math.isinf(score.median_error)
    assert evaluation.summary(everything)['median_error'] is None


def test_bins_name_components_and_units_and_find_the_force() -> None:
    bins = evaluation.bins(_evaluation(crashed=40))
    assert set(bins) == {
        'external_force_w x [N]',
        'external_force_w y [N]',
        'external_force_w z [N]',
        'size of external_force_w [N]',
    }  # the mass never varied
    assert bins['external_force_w x [N]'][-1].rate.estimate == 0.0
    assert bins['external_force_w x [N]'][0].rate.estimate == 1.0


def test_a_policy_file_flies_as_the_network_it_came_from(policy_file: Path, make_actor) -> None:
    task, fly = evaluation.load(policy_file)
    actor = make_actor(observation_size(task), task.action_size)
    env = make_env(task, 'analytic', 8, seed=5)
    with_file = run_episodes(env, fly, seed=5)
    with_torch = run_episodes(env, actor_policy(actor), seed=5)
    assert torch.equal(with_file.crashed, with_torch.crashed)
    assert torch.equal(with_file.steps, with_torch.steps)
    assert (
        evaluation.score(Evaluation(policy_file, task, 'analytic', 5, with_file)).episode_return
        is None
    )


@pytest.mark.parametrize(
    ('path', 'error'),
    [('nowhere', RunFolderError), ('nowhere.onnx', PolicyFileError), ('.', RunFolderError)],
)
def test_what_is_no_policy_is_named(path: str, error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error, match=path):
        evaluation.load(tmp_path / path)


def test_an_evaluation_needs_episodes(policy_file: Path) -> None:
    with pytest.raises(SpecError, match='at least one episode'):
        evaluation.evaluate(policy_file, episodes=0)


def test_a_run_is_scored_on_the_ranges_it_trained_with(tmp_path: Path) -> None:
    pytest.importorskip('rsl_rl')
    from robot_rl.learn.train import train

    ranges = tmp_path / 'heavy.yaml'
    entry = '{operation: set, range: [0.03, 0.031], source: test}'
    ranges.write_text(f'robot: crazyflie\nparameters: {{mass: {entry}}}')
    config = TrainConfig(
        iterations=1, num_envs=8, validation_episodes=4, test_episodes=4, quiet=True, name='heavy',
        randomization=str(ranges),
    )  # fmt: skip
    run = train(config, tmp_path)
    ranges.unlink()
    done = evaluation.evaluate(run, 'analytic', episodes=4)
    assert list(done.episodes.parameters) == ['mass']
    assert 0.03 <= float(done.episodes.parameters['mass'].min()) < 0.031

"""Episodes that are played are those that were scored, and the commands write what they say."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('torch')
pytest.importorskip('numba')

from robot_rl.bench import evaluation, play
from robot_rl.cli import main
from robot_rl.errors import SpecError
from robot_rl.pictures import film
from robot_rl.spec.world import Line, World


def test_episodes_are_recorded_as_they_went(policy_file: Path) -> None:
    episodes = play.play(policy_file, episodes=3, seed=3)
    assert [episode.name for episode in episodes] == ['episode 1', 'episode 2', 'episode 3']
    for episode in episodes:
        assert len(episode.time) == len(episode.error) == len(episode.setpoint)
        way = episode.signals['base_pos_w'] - episode.signals['goal_pos_w']
        np.testing.assert_allclose(episode.error, np.linalg.norm(way, axis=1), rtol=1e-5)
        low, high = episode.task.setpoint.low, episode.task.setpoint.high
        assert (episode.setpoint >= low).all() and (episode.setpoint <= high).all()
        assert episode.failed == (episode.ended != 'time is up')
        assert episode.failed == (len(episode.time) < episode.task.max_episode_steps)
        assert episode.ended in episode.text()
    again = play.play(policy_file, episodes=3, seed=3)
    np.testing.assert_array_equal(episodes[2].error, again[2].error)
    with pytest.raises(SpecError, match='at least one'):
        play.play(policy_file, episodes=0)


def test_the_telling_episodes_are_those_that_were_scored(policy_file: Path) -> None:
    done = evaluation.evaluate(policy_file, episodes=20, seed=7)
    worst, median, best = play.telling(done)
    assert [episode.name for episode in (worst, median, best)] == ['worst', 'median', 'best']
    steps = done.episodes.steps.numpy()
    crashed = done.episodes.crashed.numpy()
    assert crashed.any()  # it was never trained
    assert worst.failed
    assert len(worst.time) == steps[crashed].min() + 1  # with the step that ended it
    if not crashed.all():
        error = done.episodes.error.numpy()
        assert best.last_error == pytest.approx(error.min(), rel=1e-4)


def test_a_task_may_say_what_stands_around(
    policy_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def world(known) -> World:
        return World(lines=(Line(np.array([known['base_pos_w'], known['goal_centre']])),))

    task, policy = evaluation.load(policy_file)
    around = dataclasses.replace(task, world=world)
    monkeypatch.setattr(evaluation, 'load', lambda _: (around, policy))
    (episode,) = play.play(policy_file)
    (line,) = episode.world.lines
    np.testing.assert_array_equal(line.points[0], episode.signals['base_pos_w'][0])
    assert (line.points[1] > 2.0).tolist() == [False, False, True]  # drawn, never a signal


def test_commands_write_pages_and_films(
    policy_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip('av')
    pytest.importorskip('tyro')
    for name, size in (('WIDTH', 160), ('HEIGHT', 90), ('ROW_HEIGHT', 90), ('RATE', 5)):
        monkeypatch.setattr(film, name, size)
    pictures = [tmp_path / 'play.html', tmp_path / 'play.mp4']
    for path in pictures:
        assert main(['play', str(policy_file), '--out', str(path)]) == 0
        assert str(path) in capsys.readouterr().out
    evaluated = ['eval', str(policy_file), '--episodes', '8', '--video']
    assert main([*evaluated, '--out', str(tmp_path / 'eval')]) == 0
    pictures.append(tmp_path / 'eval' / 'evaluation-analytic.mp4')
    assert all(path.stat().st_size > 1000 for path in pictures)
    assert main(evaluated) == 2
    assert '--out FOLDER' in ' '.join(capsys.readouterr().err.split())
    assert main(['play', str(policy_file), '--out', 'play.gif']) == 2
    assert "'.gif'" in capsys.readouterr().err

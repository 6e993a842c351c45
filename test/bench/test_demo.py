"""The demo: a small one from end to end, and what it leaves when a step fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip('rsl_rl')
pytest.importorskip('matplotlib')

from robot_rl.bench import demo as module
from robot_rl.bench.config import DemoConfig
from robot_rl.bench.demo import demo
from robot_rl.bench.report import Fact
from robot_rl.errors import RobotRLError, RunFolderError

pytestmark = pytest.mark.timed


def _small(tmp_path: Path) -> DemoConfig:
    """Flights are scored from their fourth second on."""
    return DemoConfig(
        iterations=8, episodes=64, hover_s=4.5, figure_eight_s=4.5, out=tmp_path / 'runs/demo'
    )


def test_a_target_that_was_missed_is_said() -> None:
    missed = Fact('Policy step', '25.2 µs', 'median', False, 'at most 25 and 60 µs')
    line = '  MISS Policy step   25.2 µs  median; target: at most 25 and 60 µs'
    assert module._summary([missed]).splitlines() == ['', line]


@pytest.mark.slow
@pytest.mark.ros
def test_demo_goes_from_nothing_to_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip('rclpy')
    pytest.importorskip('mujoco')
    config = _small(tmp_path)
    assert demo(config) == 0
    page = (config.out / 'report.html').read_text()
    for section in ('Learning', 'Evaluation', 'What breaks it', 'Flights', 'Latency', 'Contract'):
        assert f'<h2>{section}</h2>' in page
    assert (config.out / 'policy.onnx').is_file()
    assert list(config.out.rglob('*.mcap'))
    text = capsys.readouterr().out
    for step in range(1, 7):
        assert f'[{step}/6]' in text
    assert 'may run.' in text
    for line in text.splitlines():
        assert 'target: ' in line or not line.startswith(('  ok ', '  MISS'))
    module._clear(config.out)  # a second demo may take the place of the first
    assert not config.out.exists()


@pytest.mark.slow
def test_a_failed_step_leaves_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RobotRLError('No space left.')

    monkeypatch.setattr(module.evaluation, 'evaluate', fail)
    config = _small(tmp_path)
    with pytest.raises(RobotRLError, match='No space left'):
        demo(config)
    page = (config.out / 'report.html').read_text()
    assert 'Stopped early: No space left.' in page
    assert '<h2>Learning</h2>' in page
    assert '<h2>Flights</h2>' not in page
    assert json.loads((config.out / 'evaluation.json').read_text())['episodes'] == 64
    assert json.loads((config.out / module.MARKER).read_text())['iterations'] == 8
    module._clear(config.out)  # the next demo may take its place
    assert not config.out.exists()


@pytest.mark.parametrize('name', ['thesis.tex', 'config.json', 'report.html'])
def test_demo_does_not_replace_what_is_no_demo(tmp_path: Path, name: str) -> None:
    config = _small(tmp_path)
    config.out.mkdir(parents=True)
    (config.out / name).write_text('three years')
    with pytest.raises(RunFolderError, match='is no demo'):
        demo(config)
    assert [path.name for path in config.out.iterdir()] == [name]

"""From a run folder to its policy file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from robot_rl.envs.engines import make_env
from robot_rl.export.onnx import export_policy
from robot_rl.export.states import collect
from robot_rl.files import read_json
from robot_rl.learn.config import EXPORT_SEED
from robot_rl.learn.run_folder import ranges_of
from robot_rl.learn.train import load_actor
from robot_rl.spec.contract import Contract

ENVIRONMENTS = 256
"""Episodes that the statistics of signals are taken over, with all randomization and noise."""
SEEING = 32
"""The same of a task with images, which take their time to draw."""
_TOLD = (
    'seed',
    'engine',
    'git_revision',
    'git_dirty',
    'machine',
    'ppo',
    'learner',
    'hil',
    'rlpd',
    'bc',
    'distill',
    'practise',
)


def export_run(run: Path, out: Path | None = None) -> tuple[Path, Contract]:
    """Export the best checkpoint of the run folder `run`, by default to its policy.onnx.

    Everything that the run knows of its training and scores goes into the file.

    Raises:
        RunFolderError: `run` is no run folder, or holds no checkpoint; or the file could not be
            written.
        PolicyFileError: The policy is unsound.
        MissingPackageError: onnx, onnxscript or onnxruntime is not installed.
    """
    task, actor, config = load_actor(run)
    path = out or run / 'policy.onnx'
    env = make_env(
        task,
        config['engine'],
        SEEING if task.eye else ENVIRONMENTS,
        seed=EXPORT_SEED,
        randomization=ranges_of(run),
    )
    states, statistics = collect(env, actor, steps=task.max_episode_steps)
    contract = export_policy(
        task,
        actor,
        path,
        statistics=statistics,
        training={'run': run.name, **{key: config[key] for key in _TOLD if key in config}},
        evaluation=evaluations(run),
        golden_states=states,
    )
    return path, contract


def evaluations(run: Path) -> dict[str, Any]:
    """Engine to score, from every evaluation*.json of a run folder."""
    found: dict[str, dict[str, Any]] = {}
    for path in [run / 'evaluation.json', *sorted(run.glob('evaluation-*.json'))]:
        if path.is_file():
            score = read_json(path, f'{run} has a damaged score', f'robot_rl eval {run}')
            found[score['engine']] = {**found.get(score['engine'], {}), **score}
    return found

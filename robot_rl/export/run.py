"""From a run folder to its policy file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from robot_rl.envs.engines import make_env
from robot_rl.export.onnx import export_policy
from robot_rl.export.states import collect
from robot_rl.learn.run_folder import RANGES
from robot_rl.learn.train import load_actor
from robot_rl.spec.contract import Contract

ENVIRONMENTS = 256
"""Episodes that the statistics of signals are taken over, with all randomization and noise."""
SEED = 900_000
"""Between validation and test: these episodes neither chose nor score the policy."""
_TOLD = ('seed', 'engine', 'git_revision', 'git_dirty', 'machine', 'ppo')


def export_run(run: Path, out: Path | None = None) -> tuple[Path, Contract]:
    """Export the best checkpoint of the run folder `run`, by default to its policy.onnx.

    Everything that the run knows of its training and scores goes into the file.

    Raises:
        RunFolderError: `run` is no run folder, or holds no checkpoint.
        PolicyFileError: The policy is unsound or the file could not be written.
        MissingPackageError: onnx, onnxscript or onnxruntime is not installed.
    """
    task, actor, config = load_actor(run)
    path = out or run / 'policy.onnx'
    ranges = run / RANGES
    env = make_env(
        task,
        config['engine'],
        ENVIRONMENTS,
        seed=SEED,
        randomization=str(ranges) if ranges.is_file() else '',
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
            score = json.loads(path.read_text())
            found[score['engine']] = {**found.get(score['engine'], {}), **score}
    return found

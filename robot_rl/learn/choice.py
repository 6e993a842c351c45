"""Which of a run's policies is kept: scored on some episodes, and the best one on others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from robot_rl.envs.engines import make_env
from robot_rl.envs.rollout import SCORED_S, Policy, actor_policy, rollout
from robot_rl.envs.vector import VectorEnv
from robot_rl.files import write_json
from robot_rl.learn.config import TEST_SEED, VALIDATION_SEED, HilConfig
from robot_rl.learn.practice import Tally
from robot_rl.learn.run_folder import load_state, save_state
from robot_rl.learn.witness import witness
from robot_rl.spec.task import Task


@torch.inference_mode()
def score(env: VectorEnv, policy: Policy, *, seed: int) -> dict[str, float]:
    """Success and time to it, of one episode an environment.

    An episode succeeds as everywhere: by its mean error over the last second.
    """
    task, num = env.task, env.num_envs
    error, crashed = torch.zeros(num), torch.zeros(num, dtype=torch.bool)
    first = torch.full((num,), torch.inf)
    scored = round(SCORED_S / task.control_dt)
    for index, transition in enumerate(rollout(env, policy, seed=seed)):
        now = task.error(transition.step)
        crashed |= transition.terminated
        done = (now < task.success_error) & ~crashed & first.isinf()
        first[done] = (index + 1) * task.control_dt
        if index >= task.max_episode_steps - scored:
            error += now / scored
    success = (error < task.success_error) & ~crashed
    reached = first[success]
    return {
        'success': success.float().mean().item(),
        'crashed': crashed.float().mean().item(),
        'median_error': error[~crashed].median().item() if (~crashed).any() else torch.inf,
        'time_s': reached.mean().item() if len(reached) else torch.inf,
    }


class Choice:
    """Writes validation.json, best.pt and evaluation.json of one run."""

    def __init__(self, task: Task, config: HilConfig, folder: Path) -> None:
        """`config` says the engine and how many episodes; `folder` is that of the run."""
        self._task, self._config, self._folder = task, config, folder
        self.validated: list[dict[str, float]] = []
        """Scores of the policies so far, 'iteration' among them."""
        self._envs: dict[int, VectorEnv] = {}

    def offer(self, actor: torch.nn.Module, steps: int) -> None:
        """Validate the policy after `steps` of practice, and keep it if it is the best so far."""
        env = self._env(self._config.validation_episodes)
        scores = score(env, actor_policy(actor), seed=VALIDATION_SEED)
        self.validated.append({'iteration': steps, **scores})
        write_json(self._folder / 'validation.json', self.validated)
        if max(self.validated, key=_rank) is self.validated[-1]:
            self.keep(actor, scores, steps)

    def keep(self, actor: torch.nn.Module, scores: dict[str, float], steps: int) -> None:
        """Write best.pt."""
        env = self._env(self._config.validation_episodes)
        if env.episode_steps.sum() == 0:
            env.reset(seed=VALIDATION_SEED)
        state = {'actor': actor.state_dict(), 'iteration': steps, **scores}
        state['witness'] = witness(self._task, actor, env.measured, env.memory)
        save_state(self._folder / 'best.pt', state)

    def finish(self, actor: torch.nn.Module, told: dict[str, Any]) -> None:
        """Score what was kept on seeds of test and write evaluation.json, `told` in it.

        `actor`, of the same shape, then has its weights.
        """
        config = self._config
        best = load_state(self._folder / 'best.pt')
        best.pop('witness')
        actor.load_state_dict(best.pop('actor'))
        policy = actor_policy(actor)
        scores = score(self._env(config.test_episodes), policy, seed=TEST_SEED)
        told = {
            'engine': config.engine,
            'episodes': config.test_episodes,
            'seed': TEST_SEED,
            **told,
            'chosen_on_validation': best,
            **scores,
        }
        write_json(self._folder / 'evaluation.json', told)

    def _env(self, num: int) -> VectorEnv:
        if num not in self._envs:
            self._envs[num] = make_env(self._task, self._config.engine, num, seed=VALIDATION_SEED)
        return self._envs[num]


def _rank(scores: dict[str, float]) -> tuple[float, float]:
    return scores['success'], -scores['time_s']


def rate_of_interventions(tallies: Iterable[Tally]) -> float:
    """Share of the steps of some episodes in which people acted; 0 of none."""
    tallies = list(tallies)
    steps = sum(tally.steps for tally in tallies)
    return sum(tally.by_people for tally in tallies) / steps if steps else 0.0

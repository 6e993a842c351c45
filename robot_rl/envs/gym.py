"""Gymnasium ids: gymnasium.make('robot_rl/hover-crazyflie'), and gymnasium.make_vec for a batch.

Gymnasium 1 finds no packages by itself: call `register` first. Observations are the actor's; the
critic's are in `info['critic']`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
from gymnasium.spaces import Box
from gymnasium.vector.utils import batch_space
import numpy as np

from robot_rl.spec import registry
from robot_rl.spec.engines import engine_for

NAMESPACE = 'robot_rl'


def register() -> None:
    """Register every task; imports none. A second call changes nothing."""
    for task_id in registry.task_ids():
        name = f'{NAMESPACE}/{task_id}'
        if name in gymnasium.registry:
            continue
        gymnasium.register(
            id=name,
            entry_point='robot_rl.envs.gym:RobotEnv',
            vector_entry_point='robot_rl.envs.gym:RobotVectorEnv',
            kwargs={'task_id': task_id},
        )


class _Batch:
    """A VectorEnv with numpy in and out, built when the first reset gives the seed."""

    def __init__(self, task_id: str, num_envs: int, options: dict[str, Any]) -> None:
        from robot_rl.envs.engines import make_env

        task = registry.task(task_id)
        engine = engine_for(task.robot, options.pop('engine', ''))
        self.env = make_env(task, engine, num_envs, seed=0, **options)
        size = self.env.reset()['actor'].shape[1]
        self.observation_space = Box(-np.inf, np.inf, (size,), np.float32)
        self.action_space = Box(-1.0, 1.0, (task.action_size,), np.float32)

    def reset(self, seed: int | None) -> tuple[np.ndarray, dict[str, Any]]:
        observation = self.env.reset(seed=seed)
        return _numpy(observation['actor']), {'critic': _numpy(observation['critic'])}

    def step(self, action: np.ndarray) -> Any:
        import torch

        return self.env.step(torch.as_tensor(np.asarray(action, np.float32)))


class RobotEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """One environment of a task."""

    metadata: ClassVar[dict[str, Any]] = {'render_modes': []}

    def __init__(self, task_id: str, **options: Any) -> None:
        """Build a task; `options` (engine, randomize, noise) are those of make_env."""
        self._batch = _Batch(task_id, 1, dict(options))
        self.observation_space = self._batch.observation_space
        self.action_space = self._batch.action_space

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002  Gymnasium's signature
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode; the same seed gives the same episode."""
        super().reset(seed=seed)
        observation, info = self._batch.reset(seed)
        return observation[0], {name: value[0] for name, value in info.items()}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Apply an action for one control period."""
        moved = self._batch.step(np.asarray(action)[None])
        ended = bool(moved.terminated[0]) or bool(moved.truncated[0])
        source = moved.final if ended else moved.observation
        return (
            _numpy(source['actor'])[0],
            float(moved.reward[0]),
            bool(moved.terminated[0]),
            bool(moved.truncated[0]),
            {'critic': _numpy(source['critic'])[0]},
        )


class RobotVectorEnv(gymnasium.vector.VectorEnv):
    """A batch of environments; those that end are reset in the same step."""

    metadata: ClassVar[dict[str, Any]] = {
        'render_modes': [],
        'autoreset_mode': gymnasium.vector.AutoresetMode.SAME_STEP,
    }

    def __init__(self, num_envs: int, task_id: str, **options: Any) -> None:
        """Build `num_envs` environments; see RobotEnv."""
        self.num_envs = num_envs
        self._batch = _Batch(task_id, num_envs, dict(options))
        self.single_observation_space = self._batch.observation_space
        self.single_action_space = self._batch.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002  Gymnasium's signature
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode in every environment."""
        super().reset(seed=seed)
        return self._batch.reset(seed)

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Apply one action each; `info['final_obs']` holds the last observation of what ended."""
        moved = self._batch.step(actions)
        info: dict[str, Any] = {'critic': _numpy(moved.observation['critic'])}
        if len(moved.final_ids):
            ended = np.zeros(self.num_envs, dtype=bool)
            ended[moved.final_ids.numpy()] = True
            final = np.full(self.num_envs, None, dtype=object)
            for row, index in enumerate(moved.final_ids.tolist()):
                final[index] = _numpy(moved.final['actor'])[row]
            info |= {'final_obs': final, '_final_obs': ended}
        return (
            _numpy(moved.observation['actor']),
            _numpy(moved.reward),
            _numpy(moved.terminated),
            _numpy(moved.truncated),
            info,
        )


def _numpy(tensor: Any) -> np.ndarray:
    return np.ascontiguousarray(tensor.cpu().numpy())

"""Between a curriculum and an environment: which task each episode is, and what it earned."""

from __future__ import annotations

import numpy as np
import torch

from robot_rl.curricula.curriculum import Curriculum
from robot_rl.envs.fuse import Group


class Lessons:
    """The episode under way in each environment."""

    def __init__(self, curriculum: Curriculum, num_envs: int, device: torch.device) -> None:
        """Ask `curriculum` for tasks and tell it of returns."""
        self._curriculum, self._device = curriculum, device
        self._tasks = np.zeros((num_envs, curriculum.size))
        self._returns = torch.zeros(num_envs, device=device)

    def seed(self, seed: int) -> None:
        """Start the curriculum's random stream anew."""
        self._curriculum.seed(seed)

    def begin(self, env_ids: torch.Tensor) -> Group:
        """Coordinates (len(env_ids), size) of the tasks to begin there."""
        tasks = self._curriculum.sample(len(env_ids))
        self._tasks[env_ids.cpu().numpy()] = tasks
        self._returns[env_ids] = 0.0
        return {'coordinates': torch.from_numpy(tasks.astype(np.float32)).to(self._device)}

    def spoil(self) -> None:
        """Never tell of the episodes under way: they will not be whole."""
        self._returns.fill_(torch.nan)

    def earn(self, reward: torch.Tensor) -> None:
        """Add the `reward` (num_envs,) of one period."""
        self._returns += reward

    def end(self, env_ids: torch.Tensor) -> None:
        """Tell the curriculum of the episodes that ended in `env_ids`."""
        ids, returns = env_ids.cpu().numpy(), self._returns[env_ids].double().cpu().numpy()
        whole = ~np.isnan(returns)
        if whole.any():
            self._curriculum.update(self._tasks[ids[whole]], returns[whole])

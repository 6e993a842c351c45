"""Actors with a gated recurrent unit (K. Cho et al., EMNLP 2014) before their layers."""

from __future__ import annotations

from rsl_rl.models import RNNModel
import torch
from torch.nn.functional import linear


class RecurrentActor(torch.nn.Module):
    """The deterministic policy with a state, see envs/actor.py."""

    def __init__(self, model: RNNModel) -> None:
        """Share the layers of rsl_rl's `model`."""
        super().__init__()
        self.normalizer, self.mlp = model.obs_normalizer, model.mlp
        self.gru: torch.nn.GRU = model.rnn.rnn  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def state_size(self) -> int:
        """Units."""
        return self.gru.hidden_size

    def forward(
        self, observation: torch.Tensor, state: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean action (n, action_size) and next state (n, state_size).

        One period of torch.nn.GRU, written out: what a policy file holds are these operations.
        """
        units = self.gru.hidden_size
        of = dict(self.gru.named_parameters())
        seen = linear(self.normalizer(observation), of['weight_ih_l0'], of['bias_ih_l0'])
        kept = linear(state, of['weight_hh_l0'], of['bias_hh_l0'])
        gates = torch.sigmoid(seen[:, : 2 * units] + kept[:, : 2 * units])
        reset, update = gates[:, :units], gates[:, units:]
        candidate = torch.tanh(seen[:, 2 * units :] + reset * kept[:, 2 * units :])
        following = candidate + update * (state - candidate)
        return self.mlp(following), following

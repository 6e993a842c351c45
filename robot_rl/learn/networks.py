"""Networks of the learners from corrections: an ensemble in one computation, and an actor.

HL-Gauss (Farebrother et al., arXiv 2403.03950) says a value as a histogram, and learns it as one.
"""

from __future__ import annotations

from collections.abc import Sequence
import math

import torch
from torch import nn
from torch.nn import functional

LOG_STD = (-10.0, 2.0)
"""Bounds of the logarithm of an actor's standard deviation, before tanh."""


def _uniform(shape: Sequence[int], inputs: int, generator: torch.Generator) -> nn.Parameter:
    """Weights as torch.nn.Linear draws them: uniform within 1 / sqrt(inputs)."""
    return nn.Parameter((2.0 * torch.rand(shape, generator=generator) - 1.0) / math.sqrt(inputs))


class Ensemble(nn.Module):
    """Networks of one shape, their weights stacked: each layer of all is one matrix product.

    A layer normalization has no scale and shift of its own: those of the layers around it do.
    """

    def __init__(
        self,
        members: int,
        sizes: Sequence[int],
        layer_norm: bool,
        generator: torch.Generator,
    ) -> None:
        """`sizes` are those of the input, of the hidden ReLU layers and of the output."""
        super().__init__()
        self.members, self.sizes, self.layer_norm = members, tuple(sizes), layer_norm
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for inputs, outputs in zip(self.sizes, self.sizes[1:], strict=False):
            self.weights.append(_uniform((members, inputs, outputs), inputs, generator))
            self.biases.append(_uniform((members, 1, outputs), inputs, generator))

    def forward(self, inputs: torch.Tensor, chosen: torch.Tensor | None = None) -> torch.Tensor:
        """Map `inputs` (n, sizes[0]) to (members, n, sizes[-1]).

        With `chosen`, indices (m,) of members, only theirs: (m, n, sizes[-1]).
        """
        members = self.members if chosen is None else len(chosen)
        flow, last = inputs.expand(members, *inputs.shape), len(self.weights) - 1
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if chosen is not None:
                weight, bias = weight[chosen], bias[chosen]
            flow = torch.baddbmm(bias, flow, weight)
            if index < last:
                if self.layer_norm:
                    flow = functional.layer_norm(flow, flow.shape[-1:])
                flow = flow.relu_()
        return flow


class Actor(nn.Module):
    """A tanh-Gaussian policy (Haarnoja et al., arXiv 1812.05905): observation to action.

    As a function it is the policy that is deployed: the mean, without noise, within [-1, 1].
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        hidden: Sequence[int],
        generator: torch.Generator,
    ) -> None:
        """`hidden` ReLU layers, then one layer for the mean and one for the spread."""
        super().__init__()
        self.register_buffer('mean', torch.zeros(observation_size))
        self.register_buffer('std', torch.ones(observation_size))
        layers, inputs = [], observation_size
        for outputs in hidden:
            layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
            inputs = outputs
        self.body = nn.Sequential(*layers)
        self.action, self.spread = nn.Linear(inputs, action_size), nn.Linear(inputs, action_size)
        with torch.no_grad():
            for layer in (*self.body, self.action, self.spread):
                if isinstance(layer, nn.Linear):
                    size = layer.in_features
                    layer.weight.copy_(_uniform(layer.weight.shape, size, generator))
                    layer.bias.copy_(_uniform(layer.bias.shape, size, generator))

    def normalise(self, mean: torch.Tensor, std: torch.Tensor) -> None:
        """Take observations less `mean` (o,), in units of `std` (o,); once, before learning.

        What does not vary keeps its unit. Raises ValueError for another size or numbers that are
        not finite.
        """
        size = self.mean.shape
        if mean.shape != size or std.shape != size:
            shapes = tuple(mean.shape), tuple(std.shape)
            raise ValueError(f'Expected {tuple(size)} for both, got {shapes}')
        if not bool(torch.isfinite(mean).all() and torch.isfinite(std).all()):
            raise ValueError('Mean and standard deviation must be finite')
        self.mean.copy_(mean)
        self.std.copy_(torch.where(std > 1e-4, std, torch.ones_like(std)))

    def scaled(self, observation: torch.Tensor) -> torch.Tensor:
        """Observation (n, o) as the networks take it."""
        return (observation - self.mean) / self.std

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """Action (n, a) in [-1, 1] for `observation` (n, o)."""
        return torch.tanh(self.action(self.body(self.scaled(observation))))

    def normal(self, scaled: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and logarithm of the standard deviation before tanh, (n, a) each."""
        flow = self.body(scaled)
        return self.action(flow), self.spread(flow).clamp(*LOG_STD)

    def draw(
        self, mean: torch.Tensor, log_std: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Action (n, a) in [-1, 1] and the logarithm of its density (n,).

        The density of tanh(u) is that of u over 1 - tanh(u)^2, which is
        exp(2 (log 2 - u - softplus(-2 u))), computed so because it does not round to zero.
        """
        noise = torch.randn(mean.shape, generator=generator)
        u = torch.addcmul(mean, log_std.exp(), noise)
        slope = 2.0 * (math.log(2.0) - u - functional.softplus(-2.0 * u))
        density = -0.5 * noise.square() - log_std - 0.5 * math.log(2.0 * math.pi) - slope
        return torch.tanh(u), density.sum(-1)


class WithGripper(nn.Module):
    """What an actor does, and what its gripper does as the last number of the action."""

    def __init__(self, actor: Actor, critic: Ensemble) -> None:
        """Share the layers of both."""
        super().__init__()
        self.arm, self.gripper = actor, critic

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        """Action (n, a + 1) in [-1, 1] for `observation` (n, o)."""
        choice = self.gripper(self.arm.scaled(observation))[0].argmax(-1, keepdim=True)
        return torch.cat((self.arm(observation), position(choice, self.gripper.sizes[-1])), 1)


def position(choice: torch.Tensor, choices: int) -> torch.Tensor:
    """The gripper's number in [-1, 1] of each choice."""
    return 2.0 * choice.to(torch.float32) / (choices - 1) - 1.0


def choice(position: torch.Tensor, choices: int) -> torch.Tensor:
    """The choice (int64) that is nearest to each number in [-1, 1]."""
    return torch.round(0.5 * (position.clamp(-1.0, 1.0) + 1.0) * (choices - 1)).long()


class Histogram(nn.Module):
    """A value as probabilities of bins (HL-Gauss)."""

    edges: torch.Tensor

    def __init__(self, bins: int, low: float, high: float) -> None:
        """`bins` of equal width over [low, high], widened by what the Gaussian needs around it."""
        super().__init__()
        width = (high - low) / bins
        margin = 3.0 * width
        self.register_buffer('edges', torch.linspace(low - margin, high + margin, bins + 1))
        self.sigma = 0.75 * (high - low + 2.0 * margin) / bins

    def value(self, logits: torch.Tensor) -> torch.Tensor:
        """Expected value (...) of `logits` (..., bins)."""
        centers = 0.5 * (self.edges[1:] + self.edges[:-1])
        return logits.softmax(-1) @ centers

    def loss(self, logits: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Cross-entropy (..., n) of `logits` (..., n, bins) with a Gaussian about `value` (n,)."""
        middle = value.clamp(float(self.edges[0]), float(self.edges[-1])).unsqueeze(-1)
        below = torch.erf((self.edges - middle) / (math.sqrt(2.0) * self.sigma))
        wanted = below.diff(dim=-1) / (below[..., -1:] - below[..., :1])
        return -(wanted * logits.log_softmax(-1)).sum(-1)

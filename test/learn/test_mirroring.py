"""Half of what is learned from is mirrored, observations and actions together."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

torch = pytest.importorskip('torch')
tensordict = pytest.importorskip('tensordict')

from robot_rl.learn.mirroring import Mirroring


def test_about_half_of_the_samples_are_mirrored_observation_and_action_together():
    torch.manual_seed(0)
    mirroring = Mirroring({'actor': ((1, 0), (1.0, 1.0)), 'action': ((0,), (-1.0,))})
    size = 1000
    seen = tensordict.TensorDict({'actor': torch.tensor([[1.0, 2.0]]).repeat(size, 1)}, [size])
    batch = SimpleNamespace(observations=seen, actions=torch.ones(size, 1))
    mirroring.augment_batch(batch, size)
    mirrored = batch.actions[:, 0] == -1.0
    assert 0.4 < float(mirrored.float().mean()) < 0.6
    expected = torch.where(
        mirrored[:, None], torch.tensor([[2.0, 1.0]]), torch.tensor([[1.0, 2.0]])
    )
    assert torch.equal(batch.observations['actor'], expected)
    assert batch.observations.batch_size == torch.Size([size])
    assert float(mirroring.compute_loss(None, batch, size)) == 0.0

"""Commands of which some numbers are held."""

from __future__ import annotations

import pytest

torch = pytest.importorskip('torch')

from robot_rl.errors import SpecError
from robot_rl.mdp.pinned import pin
from robot_rl.spec import registry

TASK = registry.task('insert-panda')
CPU = torch.device('cpu')


def draw(task):
    return task.commands.draw(16, torch.Generator().manual_seed(1), CPU)


def test_what_is_held_is_so_and_the_rest_as_without():
    drawn, held = draw(TASK), draw(pin(TASK, {'clearance': (0.0005,)}))
    assert held['clearance'].tolist() == [[pytest.approx(0.0005)]] * 16
    assert len(drawn['clearance'].unique()) == 16
    assert all(drawn[name].equal(held[name]) for name in drawn if name != 'clearance')
    assert pin(TASK, {}) is TASK


@pytest.mark.parametrize('held', [{'clearence': (0.1,)}, {'clearance': (0.1, 0.2)}])
def test_what_is_not_drawn_cannot_be_held(held):
    with pytest.raises(SpecError, match=r'cannot be held .* clearance \(1\)'):
        pin(TASK, held)

"""Images at the door: black, frozen or of another size they are refused, and then they age."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.deploy.watchdog import BLACK, Inputs
from robot_rl.spec import registry

ROBOT = registry.robot('crazyflie')
SIGNAL = ROBOT.signal('rgb')
RNG = np.random.default_rng(0)


def shot() -> np.ndarray:
    return RNG.integers(0, 256, SIGNAL.shape).astype(np.uint8)


@pytest.fixture
def inputs() -> Inputs:
    made = Inputs(ROBOT, [ROBOT.signal('base_pos_w'), SIGNAL])
    assert made.feed('rgb', shot(), 1.0, engaged=False)
    made.feed('base_pos_w', np.zeros(3), 1.0, engaged=False)
    assert made.check(1.0) is None
    return made


def test_a_policy_sees_the_image_and_the_watchdog_its_colours(inputs):
    image = shot()
    assert inputs.feed('rgb', image, 1.02, engaged=True)
    source = inputs.sources['rgb']
    assert np.array_equal(source.view, image)
    assert inputs.values[3:].tolist() == pytest.approx(image.mean((0, 1)).tolist())
    assert len(inputs.values) == 6


@pytest.mark.parametrize('kind', ['black', 'frozen', 'cut'])
def test_what_shows_nothing_new_is_refused_and_grows_old(inputs, kind):
    last = shot()
    inputs.feed('rgb', last, 1.0, engaged=True)
    images = {
        'black': np.full(SIGNAL.shape, BLACK, np.uint8),
        'frozen': last.copy(),
        'cut': shot()[1:],
    }
    for step in range(1, 12):
        now = 1.0 + 0.04 * step
        inputs.feed('base_pos_w', np.zeros(3), now, engaged=True)
        assert not inputs.feed('rgb', images[kind], now, engaged=True)
        stale = inputs.check(now)
        assert (stale is not None) == (0.04 * step > inputs.sources['rgb'].topic.max_age_s)
    said = {'black': 'is black', 'frozen': 'is frozen', 'cut': 'has the shape'}
    (problem,) = inputs.problems(1.44)
    assert said[kind] in problem
    assert inputs.feed('rgb', shot(), 1.45, engaged=True)
    assert inputs.check(1.45) is None

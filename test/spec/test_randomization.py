from __future__ import annotations

from dataclasses import replace

import pytest

from robot_rl.errors import SpecError, UnknownNameError
from robot_rl.spec import registry
from robot_rl.spec.randomization import EFFECTS, parameter_of, spread

ROBOT = registry.robot('crazyflie')


def _spread(name='mass', **entry):
    return spread(ROBOT, name, {'range': [0.9, 1.1], 'source': 'test', **entry})


def test_an_entry_says_when_it_is_drawn():
    assert _spread().mode == 'reset'
    assert _spread(mode='startup').mode == 'startup'
    gust = _spread('external_force_w', operation='set', mode='interval', interval_s=[1, 2.5])
    assert (gust.mode, gust.interval_s) == ('interval', (1.0, 2.5))
    assert _spread(curriculum=True).curriculum


def test_effects_are_there_for_every_robot_and_nominally_do_nothing():
    for name in EFFECTS:
        assert name not in ROBOT.parameters
        assert not any(parameter_of(ROBOT, name).nominal)
    late = _spread('action_delay', operation='set', range=[0.0, 0.02])
    assert (late.a, late.b) == (0.0, 0.02)


@pytest.mark.parametrize(
    ('name', 'entry', 'message'),
    [
        ('mass', {'mode': 'rest'}, "'mode': got 'rest', expected one of reset, startup, interval"),
        ('mass', {'distribution': 'log_uniform'}, 'expected one of uniform, log-uniform'),
        ('mass', {'operation': 'times'}, 'expected one of scale, add, set'),
        ('mass', {'mode': 'interval'}, "'interval_s': \\[low, high\\], got None"),
        ('mass', {'mode': 'interval', 'interval_s': [0.0, 1.0]}, 'must be positive'),
        ('mass', {'mode': 'interval', 'interval_s': [2.0, 1.0]}, 'must not exceed high'),
        ('mass', {'interval_s': [1.0, 2.0]}, "needs 'mode: interval', got 'reset'"),
        ('mass', {'mean': 1.0}, "a uniform distribution has no 'mean'"),
        ('mass', {'range': [True, 2.0]}, 'two finite numbers'),
        ('mass', {'shared': 'yes'}, "'shared' must be true or false, got 'yes'"),
        ('mass', {'curriculum': 1}, "'curriculum' must be true or false, got 1"),
        ('mass', {'curriculum': True, 'mode': 'startup'}, "needs mode 'reset' and no gaussian"),
        ('external_force_w', {}, "nominal value is 0, which 'scale' leaves as it is"),
        ('action_delay', {'operation': 'set', 'range': [-0.01, 0.02]}, 'must stay within'),
        ('message_loss', {'operation': 'set', 'range': [0.0, 1.5]}, 'reaches from 0 to 1.5'),
        ('push_velocity_w', {'operation': 'set'}, "got 'reset', expected one of interval"),
        ('rotor_x', {'distribution': 'log-uniform'}, "log-uniform 'scale' needs nominal values"),
        ('inertia', {'operation': 'add', 'range': [-2e-5, 0.0]}, 'reaches -'),
        ('mass', {'range': [-1.0, 1.0]}, 'must stay positive, but the range reaches -0.027'),
    ],
)
def test_a_mistake_is_named_with_what_was_expected(name, entry, message):
    with pytest.raises(SpecError, match=message) as caught:
        _spread(name, **entry)
    assert f"Randomization of 'crazyflie', parameter {name!r}" in str(caught.value)


def test_nothing_pushes_a_robot_that_is_bolted_down():
    entry = {'operation': 'set', 'range': [-1, 1], 'mode': 'interval', 'interval_s': [4, 6]}
    with pytest.raises(SpecError, match='bolted'):
        spread(replace(ROBOT, fixed_base=True), 'push_velocity_w', {**entry, 'source': 'test'})


def test_a_gaussian_has_no_range_and_cannot_keep_within_bounds():
    gaussian = {'distribution': 'gaussian', 'std': 0.1, 'source': 'test', 'operation': 'set'}
    with pytest.raises(SpecError, match="a gaussian distribution has no 'range'"):
        spread(ROBOT, 'external_force_w', {**gaussian, 'range': [0, 1]})
    with pytest.raises(SpecError, match='cannot promise'):
        spread(ROBOT, 'message_loss', gaussian)
    with pytest.raises(SpecError, match='needs'):
        spread(ROBOT, 'external_force_w', {**gaussian, 'std': None})


@pytest.mark.parametrize(
    ('name', 'entry', 'message'),
    [
        ('action_dellay', {}, "'action_dellay'. Did you mean 'action_delay'"),
        ('mass', {'moode': 'reset'}, "key of 'mass' in .* 'moode'. Did you mean 'mode'"),
    ],
)
def test_a_misspelt_name_is_refused_with_a_suggestion(name, entry, message):
    with pytest.raises(UnknownNameError, match=message):
        _spread(name, **entry)


@pytest.mark.parametrize('operation', ['scale', 'add', 'set'])
def test_components_may_lie_on_both_sides_of_zero(operation):
    """Rotors stand before and behind the middle: what scales them reaches down and up."""
    arms = _spread('rotor_x', operation=operation)
    assert (arms.a, arms.b) == (0.9, 1.1)


@pytest.mark.parametrize(
    ('entry', 'edges'),
    [
        ({'operation': 'set', 'range': [1.0, 3.0]}, (0.0, 4.0)),
        ({'operation': 'set', 'range': [1.0, 4.0], 'distribution': 'log-uniform'}, (0.5, 8.0)),
        ({'operation': 'add', 'mean': 0.1, 'std': 0.2, 'distribution': 'gaussian'}, (0.1, 0.4)),
    ],
)
def test_a_spread_is_widened_about_its_middle(entry, edges):
    name = 'payload' if entry['operation'] == 'add' else 'friction'
    wide = spread(registry.robot('go2'), name, {'source': 'test', **entry}).widened(2.0)
    assert (wide.a, wide.b) == pytest.approx(edges)

"""The pieces: windows, priors, and the solver against a dense one."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('torch')

from robot_rl.errors import RecordingError
from robot_rl.identify.flight import RecordedFlight, Samples
from robot_rl.identify.problem import START_PRIOR, Normal
from robot_rl.identify.solve import solve
from robot_rl.identify.unknowns import Unknowns
from robot_rl.identify.windows import windows
from robot_rl.spec import registry
from robot_rl.spec.randomization import spread

ROBOT = registry.robot('crazyflie')
WINDOWS, SAMPLES, SHARED, OWN = 40, 60, 4, 3


class Linear:
    """Predictions linear in everything, with one signal of known noise."""

    def __init__(self, noise=0.3, seed=0):
        rng = np.random.default_rng(seed)
        self.left = rng.normal(size=(WINDOWS, SAMPLES, SHARED))
        self.right = rng.normal(size=(WINDOWS, SAMPLES, OWN))
        self.truth = rng.normal(size=SHARED)
        own = rng.normal(size=(WINDOWS, OWN))
        self.measured = self.left @ self.truth + np.einsum('wnl,wl->wn', self.right, own)
        self.measured += noise * rng.normal(size=self.measured.shape)
        self.size, self.least_noise = SHARED, np.array([0.0])
        self.components, self.samples = np.array([OWN]), np.full((WINDOWS, 1), SAMPLES // OWN)
        self.windows = SimpleNamespace(num=WINDOWS)

    def possible(self, _shared):
        return True

    def _residual(self, shared, start):
        return self.left @ shared + np.einsum('wnl,wl->wn', self.right, start) - self.measured

    def misfit(self, shared, start):
        return (self._residual(shared, start) ** 2).sum(1)[:, None]

    def normal(self, shared, start):
        residual = self._residual(shared, start)[..., None]
        left, right = self.left.transpose(0, 2, 1), self.right.transpose(0, 2, 1)
        parts = left @ self.left, left @ self.right, right @ self.right
        slopes = (left @ residual)[..., 0], (right @ residual)[..., 0]
        return Normal(self.misfit(shared, start), *(part[:, None] for part in (*parts, *slopes)))


def dense(problem, noise):
    """Best shared unknowns and their covariance, from one matrix of everything."""
    size = SHARED + WINDOWS * OWN
    rows = np.zeros((WINDOWS, SAMPLES, size))
    rows[..., :SHARED] = problem.left
    for index in range(WINDOWS):
        place = SHARED + index * OWN
        rows[index, :, place : place + OWN] = problem.right[index]
    matrix = rows.reshape(-1, size) / noise
    prior = np.diag(np.r_[np.ones(SHARED), np.full(WINDOWS * OWN, START_PRIOR**-2)])
    covariance = np.linalg.inv(matrix.T @ matrix + prior)
    best = covariance @ matrix.T @ problem.measured.ravel() / noise
    return best[:SHARED], covariance[:SHARED, :SHARED]


def test_the_solver_agrees_with_a_dense_one():
    problem = Linear()
    solution = solve(problem)  # type: ignore[arg-type]
    best, covariance = dense(problem, solution.noise)
    assert solution.kept.all()
    assert solution.noise[0] == pytest.approx(0.3, rel=0.05)
    np.testing.assert_allclose(solution.shared, best, atol=0.02 * np.sqrt(covariance[0, 0]))
    np.testing.assert_allclose(np.diag(solution.covariance), np.diag(covariance), rtol=0.7)
    assert (np.diag(solution.covariance) >= 0.99 * np.diag(covariance)).all()


def test_errors_that_last_a_window_widen_the_intervals():
    """An error that is not noise: other parameters in every window."""
    calm, moody = Linear(), Linear()
    other = 0.2 * np.random.default_rng(9).normal(size=(WINDOWS, SHARED))
    moody.measured += np.einsum('wns,ws->wn', moody.left, other)
    solution = solve(moody)  # type: ignore[arg-type]
    deviation = np.sqrt(np.diag(solution.covariance))
    assert (deviation > 0.7 * 0.2 / np.sqrt(WINDOWS)).all()
    assert (np.abs(solution.mean - moody.truth) < 3.0 * deviation).all()
    assert (deviation > 2.0 * np.sqrt(np.diag(solve(calm).covariance))).all()  # type: ignore[arg-type]


def test_odd_windows_are_left_out():
    problem = Linear()
    problem.measured[:5] += 10.0 * np.sin(np.arange(SAMPLES))
    solution = solve(problem)  # type: ignore[arg-type]
    assert not solution.kept[:5].any()
    assert solution.kept[5:].all()
    np.testing.assert_allclose(solution.mean, problem.truth, atol=0.05)


def test_a_flight_of_which_too_much_is_odd_is_refused():
    problem = Linear()
    problem.measured[:18] += 10.0 * np.sin(np.arange(SAMPLES))
    with pytest.raises(RecordingError, match='can be explained together'):
        solve(problem)  # type: ignore[arg-type]


def flight(setpoints, gaps=((-np.inf, 0.0), (20.0, np.inf))):
    time = np.arange(0.0, 20.0, 0.01)
    quat = Samples(time, np.tile((1.0, 0.0, 0.0, 0.0), (len(time), 1)))
    return RecordedFlight(
        'a.mcap', '2030-01-01', 'motors', setpoints, {'base_quat_w': quat}, np.array(gaps)
    )


def test_a_step_holds_the_mean_of_its_setpoints():
    time = np.array([0.0, 2.0012, 2.0037, 30.0])
    setpoints = Samples(time, np.array([[1.0], [3.0], [5.0], [5.0]]))
    cut = windows(flight(setpoints), 0.5)
    assert cut.start[0] - cut.warm * cut.step_s == pytest.approx(0.0)
    found = cut.setpoint[:, 0, 0]
    index = round(2.0 / cut.step_s)
    assert found[index - 1] == pytest.approx(1.0)
    mean = (0.0012 * 1.0 + 0.0025 * 3.0 + 0.0013 * 5.0) / 0.005
    assert found[index] == pytest.approx(mean)
    assert found[index + 1] == pytest.approx(5.0)


def test_windows_do_not_cross_gaps():
    setpoints = Samples(np.array([0.0, 30.0]), np.ones((2, 1)))
    gaps = ((-np.inf, 0.0), (10.0, 10.3), (20.0, np.inf))
    cut = windows(flight(setpoints, gaps), 0.5)
    begin, end = cut.start - cut.warm * cut.step_s, cut.start + cut.free * cut.step_s
    assert (begin >= 0.0).all()
    assert (end <= 20.0 + 1e-9).all()
    assert ((end <= 10.0 + 1e-9) | (begin >= 10.3 - 1e-9)).all()
    assert (cut.start > 12.0).any()


ENTRIES = {
    'mass': {'range': [0.8, 1.2], 'source': 's'},
    'rotor_time_constant': {
        'operation': 'set', 'distribution': 'log-uniform', 'range': [0.05, 0.2], 'source': 's',
    },
    'drag': {'operation': 'add', 'range': [0.0, 1e-7], 'source': 's'},
    'thrust_coefficient': {'range': [0.9, 1.1], 'shared': True, 'spread': 0.03, 'source': 's'},
    'external_force_w': {
        'operation': 'set', 'distribution': 'gaussian', 'mean': 0.1, 'std': 0.02, 'source': 's',
    },
}  # fmt: skip


def test_draws_have_the_spread_of_the_randomization():
    import torch

    from robot_rl.mdp.randomization import ParameterSampler

    spreads = [spread(ROBOT, name, entry) for name, entry in ENTRIES.items()]
    unknowns = Unknowns(ROBOT, spreads, {})
    assert unknowns.size == 1 + 1 + 3 + (1 + 4) + 3
    sampler = ParameterSampler(ROBOT, spreads, torch.device('cpu'))
    drawn = sampler(20_000, torch.Generator().manual_seed(0))
    ours = unknowns.parameters(np.random.default_rng(0).normal(size=(20_000, unknowns.size)))
    for name, theirs in drawn.items():
        mean, deviation = theirs.double().mean(0).numpy(), theirs.double().std(0).numpy()
        np.testing.assert_allclose(ours[name].mean(0), mean, atol=0.15 * deviation.max())
        np.testing.assert_allclose(ours[name].std(0), deviation, rtol=0.12)
        if ROBOT.parameters[name].positive:
            assert (ours[name] > 0.0).all()
    rotors = np.corrcoef(ours['thrust_coefficient'].T)
    assert 0.8 < rotors[0, 1] < 0.99


def test_what_is_known_is_no_unknown():
    spreads = [spread(ROBOT, name, entry) for name, entry in ENTRIES.items()]
    unknowns = Unknowns(ROBOT, spreads, {'mass': (0.031,)})
    values = unknowns.parameters(np.zeros((2, unknowns.size)))
    np.testing.assert_array_equal(values['mass'], [[0.031], [0.031]])
    assert 'mass' not in unknowns.places


def test_a_range_without_width_is_known():
    """As in a proposal made with a value that was given."""
    fixed = {**ENTRIES, 'mass': {'range': [1.1, 1.1], 'source': 's'}}
    spreads = [spread(ROBOT, name, entry) for name, entry in fixed.items()]
    unknowns = Unknowns(ROBOT, spreads, {})
    assert 'mass' not in unknowns.places
    values = unknowns.parameters(np.zeros((2, unknowns.size)))
    np.testing.assert_allclose(values['mass'], 1.1 * 0.027)

from __future__ import annotations

import json

import numpy as np
import pytest

from robot_rl.curricula import mixture
from robot_rl.curricula.alp_gmm import PERIOD, AlpGmm
from robot_rl.curricula.curriculum import NAMES, Uniform, make
from robot_rl.curricula.widening import CALIBRATION, ENOUGH, STEP, Widening
from robot_rl.errors import SpecError, UnknownNameError

CHOOSERS = [name for name in NAMES if name != 'none']


class Student:
    """Learns in a chain of cells: each yields only when the one before it is mostly learned.

    Only a band of the tasks can be learned at all; elsewhere the return is noise. The mean skill
    over the band is what a curriculum is judged by.
    """

    CELLS = 20

    def __init__(self, seed=0):
        self.skill = np.zeros(self.CELLS)
        self._rng = np.random.default_rng(seed)

    def learn(self, tasks):
        returns = 0.02 * self._rng.standard_normal(len(tasks))
        for row, (x, y) in enumerate(tasks):
            if not 0.4 <= y < 0.6:
                continue
            cell = min(int(x * self.CELLS), self.CELLS - 1)
            if cell == 0 or self.skill[cell - 1] > 0.6:
                self.skill[cell] = min(1.0, self.skill[cell] + 0.03)
            returns[row] += self.skill[cell]
        return returns


def _trained(curriculum, episodes=8_000):
    student = Student()
    for _ in range(episodes // 50):
        tasks = curriculum.sample(50)
        curriculum.update(tasks, student.learn(tasks))
    return student.skill.mean()


def test_alp_gmm_finds_the_tasks_that_can_be_learned_sooner_than_chance():
    chance = [_trained(Uniform(np.zeros(2), seed)) for seed in range(3)]
    chosen = [_trained(AlpGmm(np.zeros(2), seed)) for seed in range(3)]
    assert min(chosen) > max(chance) + 0.25, (chance, chosen)


def test_alp_gmm_draws_where_returns_change_and_a_fifth_anywhere():
    curriculum, rng = AlpGmm(np.zeros(1), seed=0), np.random.default_rng(1)
    for period in range(8):
        tasks = rng.random((PERIOD, 1))
        changing = np.where(tasks[:, 0] > 0.7, 0.1 * period, 0.0)
        curriculum.update(tasks, changing)
    drawn = curriculum.sample(4000)[:, 0]
    assert np.mean(drawn > 0.7) > 0.7
    assert 0.1 < np.mean(drawn < 0.6) < 0.25  # of a fifth, six tenths


def test_progress_is_measured_from_the_nearest_task_before():
    curriculum = AlpGmm(np.zeros(1))
    first = np.linspace(0.0, 1.0, PERIOD)[:, None]
    curriculum.update(first[:-1], first[:-1, 0])
    seen = []
    curriculum._fit = lambda: seen.append(curriculum._progress())
    curriculum.update(np.array([[0.5001], [0.5002]]), np.array([3.0, 4.0]))
    assert seen[0][-2:] == pytest.approx([2.5, 1.0], abs=0.01)
    assert seen[0][0] == 0.0


def test_a_mixture_recovers_its_gaussians():
    rng = np.random.default_rng(0)
    points = np.concatenate(
        (
            rng.multivariate_normal([0, 0], [[0.04, 0.03], [0.03, 0.04]], 400),
            rng.multivariate_normal([2, 1], [[0.01, 0.0], [0.0, 0.09]], 200),
        )
    )
    found = mixture.best_fit(points, (1, 2, 3), rng)
    order = np.argsort(found.means[:, 0])
    assert len(order) == 2
    assert found.means[order] == pytest.approx(np.array([[0, 0], [2, 1]]), abs=0.05)
    assert found.weights[order] == pytest.approx([2 / 3, 1 / 3], abs=0.01)
    assert found.covariances[order[0]][0, 1] == pytest.approx(0.03, abs=0.006)
    drawn = found.sample(5000, int(order[1]), rng)
    assert drawn.std(0) == pytest.approx([0.1, 0.3], abs=0.03)


def test_densities_are_those_of_the_normal_distribution():
    one = mixture.Mixture(np.array([0.5]), np.array([[1.0]]), np.array([[[4.0]]]))
    density = np.exp(one.log_densities(np.array([[3.0]])))[0, 0]
    assert density == pytest.approx(0.5 * np.exp(-0.5) / (2.0 * np.sqrt(2.0 * np.pi)))


def test_points_that_all_coincide_do_not_break_a_fit():
    fitted = mixture.best_fit(np.full((50, 3), 0.5), (2, 3), np.random.default_rng(0))
    assert np.isfinite(fitted.sample(10, 0, np.random.default_rng(0))).all()


def _calibrated(centre=0.5):
    curriculum = Widening(np.array([centre, centre]))
    curriculum.update(curriculum.sample(CALIBRATION), np.zeros(CALIBRATION))
    inside = np.full((ENOUGH, 2), centre + 0.01)
    curriculum.update(inside, np.ones(ENOUGH))  # what is reached now where it goes well
    return curriculum


def _at(curriculum, side, value):
    tasks = np.full((ENOUGH, 2), 0.5)
    tasks[:, 0] = curriculum._ends[side, 0]
    curriculum.update(tasks, np.full(ENOUGH, value))


def test_ranges_widen_where_it_goes_well_and_narrow_where_it_does_not():
    curriculum = _calibrated()
    start = curriculum.report()['width']
    for _ in range(3):
        _at(curriculum, 1, 1.0)
    assert curriculum._ends[:, 0] == pytest.approx([0.4, 0.6 + 3 * STEP])
    assert curriculum._ends[:, 1] == pytest.approx([0.4, 0.6])
    _at(curriculum, 1, 0.0)
    assert curriculum._ends[1, 0] == pytest.approx(0.6 + 2 * STEP)
    _at(curriculum, 1, 0.5)  # neither
    assert curriculum._ends[1, 0] == pytest.approx(0.6 + 2 * STEP)
    for _ in range(30):
        _at(curriculum, 0, 1.0)
        _at(curriculum, 1, 0.0)
    assert curriculum._ends[:, 0] == pytest.approx([0.0, 0.6])  # the edge, and the first range
    assert curriculum.report()['width'] > start


def test_episodes_at_an_end_that_has_moved_do_not_count():
    curriculum = _calibrated()
    tasks = np.full((ENOUGH, 2), 0.5)
    tasks[:, 0] = curriculum._ends[1, 0]
    curriculum.update(tasks, np.ones(ENOUGH))
    moved = curriculum._ends.copy()
    curriculum.update(tasks, np.ones(ENOUGH))
    assert np.array_equal(curriculum._ends, moved)


def test_half_of_the_episodes_are_at_an_end_of_a_range_about_the_nominal_task():
    curriculum = Widening(np.array([0.5, 0.0]))
    tasks = curriculum.sample(4000)
    assert tasks[:, 0].min() == 0.4 and tasks[:, 0].max() == 0.6
    assert tasks[:, 1].min() == 0.0 and tasks[:, 1].max() == 0.1
    ends = (tasks[:, None] == curriculum._ends).any((1, 2)).mean()
    assert abs(ends - 0.5) < 0.03


@pytest.mark.parametrize('name', CHOOSERS)
def test_tasks_stay_in_the_cube_and_a_seed_determines_them(name):
    curricula = [make(name, [0.2, 0.9, 0.5]) for _ in range(2)]
    rng = np.random.default_rng(0)
    for _ in range(6):
        returns = rng.standard_normal(200)
        tasks = []
        for curriculum in curricula:
            assert curriculum is not None
            curriculum.seed(7)
            tasks.append(curriculum.sample(200))
            curriculum.update(tasks[-1], returns)
        assert np.array_equal(*tasks)
        assert tasks[0].shape == (200, 3)
        assert (tasks[0] >= 0.0).all() and (tasks[0] <= 1.0).all()


@pytest.mark.parametrize('name', CHOOSERS)
def test_what_was_learned_outlives_the_process(name):
    first, second = (make(name, [0.5, 0.5]) for _ in range(2))
    assert first is not None and second is not None
    rng = np.random.default_rng(3)
    for _ in range(7):
        tasks = first.sample(110)
        first.update(tasks, tasks[:, 0] + rng.standard_normal(110))
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    for _ in range(5):
        returns = rng.standard_normal(110)
        samples = []
        for curriculum in (first, second):
            curriculum.seed(1)
            samples.append(curriculum.sample(110))
            curriculum.update(samples[-1], returns)
        assert np.array_equal(*samples)
    assert first.report() == second.report()


def test_unknown_curricula_and_empty_ones_are_refused():
    assert make('none', []) is None
    with pytest.raises(UnknownNameError, match="Did you mean 'alp_gmm'"):
        make('alp-gmm', [0.5])
    with pytest.raises(SpecError, match='nothing to choose'):
        make('uniform', [])

"""Both simulators see the same in the same places; ratios are to the faster form of the peer."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest

pytest.importorskip('torch')
pytest.importorskip('numba')

from robot_rl.bench.lidar import compare, ours, peer, places, worker
from robot_rl.bench.lidar.compare import Agreement, Result, Row
from robot_rl.errors import MissingPackageError, RobotRLError
from robot_rl.spec import registry

ROBOT = registry.robot('jackal')
HAS_PEER = importlib.util.find_spec('irsim') is not None


def test_a_place_has_as_many_obstacles_as_promised_and_a_free_start():
    place = places.clutter(3)
    assert len(place.arena.circles) + len(place.outlines) == places.OBSTACLES
    assert len(place.arena.segments) == sum(len(outline) for outline in place.outlines)
    lidar, start = ours.with_beams(ROBOT, 64).lidar, np.array([place.arena.start])
    assert lidar
    found = ours.scan(place.arena.circles, place.arena.segments, lidar, start)
    assert found.shape == (1, 64)
    assert 0.5 < found.min() < found.max() <= places.RANGE
    assert places.edges(np.array([(0.0, 0.0), (1.0, 0.0)])).tolist() == [[0.0, 0.0, 1.0, 0.0]]


def test_fewer_beams_cover_the_same_field_of_view():
    few = ours.with_beams(ROBOT, 64).lidar
    assert few
    assert few.angle_min + 63 * few.angle_increment == pytest.approx(-few.angle_min)


def test_ratios_are_to_the_faster_form_of_the_peer_turn_by_turn():
    rows = (
        Row('robot_rl, whole', 2, (900.0, 800.0, 1000.0)),
        Row(worker.OBJECTS, 1, (1.0, 1.0, 1.0)),
        Row(worker.MAP, 1, (3.0, 2.0, 4.0)),
        Row(worker.MAP, 2, (6.0, 4.0, 8.0)),
    )
    result = Result('720 beams', 256, rows, (Agreement(worker.MAP, 720, 2e-5, 0, 1e-3, 0.02),))
    assert result.peer == rows[2]
    assert result.ratios(rows[0]) == (300.0, 400.0, 250.0)
    said = compare.text([result])
    assert '300.0 x ir-sim (250.0 to 400.0)' in said
    assert '0 of 720 beams on the same edges' in said
    alone = Result('720 beams', 256, rows[:1], ())
    assert alone.ratios(rows[0]) == ()
    assert 'x ir-sim' not in compare.text([alone])


def test_steps_are_counted_by_environment():
    assert worker.rate(lambda: 1000, 1e-4) > 1000.0 * worker.rate(lambda: 1, 1e-4) / 50.0


def test_no_turns_are_refused():
    with pytest.raises(RobotRLError, match='--turns'):
        compare.compare(None, 0, 1.0)


def test_a_worker_that_dies_is_told_with_what_it_said():
    command = (sys.executable, '-c', 'raise SystemExit("the disk is full")')
    with compare._Process(command) as process:
        process.say(['robot_rl, whole', 1.0])
        with pytest.raises(RobotRLError, match=r'exit code 1: the disk is full'):
            process.hear()


@pytest.mark.skipif(HAS_PEER, reason='it is there')
def test_a_peer_that_is_missing_is_named():
    with pytest.raises(MissingPackageError, match=r'pip install ir-sim=='):
        peer.Peer(ROBOT, places.clutter(0))
    assert peer.version() == ''


@pytest.mark.skipif(not HAS_PEER, reason='needs ir-sim')
@pytest.mark.filterwarnings('ignore')
def test_both_see_the_same_beam_by_beam():
    cells = places.LATTICE * np.argwhere(np.random.default_rng(0).random((30, 30)) < 0.1)
    walled = places.Place(
        places.Arena(
            'walled',
            (0.0, -1.0, 0.5),
            (1.0, 6.0),
            7.0,
            segments=np.array([(-1.0, -2.0, -1.0, 7.0)]),
            circles=np.column_stack((cells, np.full(len(cells), 0.5 * places.LATTICE))),
        ),
        (np.array([(-1.0, -2.0), (-1.0, 7.0)]),),
        places.LATTICE,
    )
    scene = places.Scene('both', 90, 1, (walled,))
    objects, mapped = compare.agree(scene)
    assert objects.many == 0
    assert objects.median < 1e-3
    assert mapped.many == 0
    assert mapped.median < 0.02
    (mixed,) = compare.agree(places.Scene('both', 64, 1, (places.clutter(0),)))
    assert mixed.many == 0
    assert mixed.median < 1e-4

"""Every URDF as the parser of robot_state_publisher (urdfdom) wants it, which is not on PyPI."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pytest

from robot_rl.assets import asset
from robot_rl.spec import registry

SHAPES = {'box': {'size': 3}, 'cylinder': {'radius': 1, 'length': 1}, 'sphere': {'radius': 1}}
NUMBERS = {
    **SHAPES,
    'origin': {'xyz': 3, 'rpy': 3},
    'axis': {'xyz': 3},
    'mass': {'value': 1},
    'inertia': dict.fromkeys(('ixx', 'ixy', 'ixz', 'iyy', 'iyz', 'izz'), 1),
    'limit': dict.fromkeys(('lower', 'upper', 'effort', 'velocity'), 1),
    'color': {'rgba': 4},
}
"""Tag to its attributes and how many numbers each holds."""
PARTS = {
    'robot': {'material', 'link', 'joint'},
    'material': {'color'},
    'link': {'inertial', 'visual', 'collision'},
    'inertial': {'origin', 'mass', 'inertia'},
    'visual': {'origin', 'geometry', 'material'},
    'collision': {'origin', 'geometry'},
    'geometry': set(SHAPES),
    'joint': {'origin', 'parent', 'child', 'axis', 'limit'},
}
"""Tag to what may be inside of it."""
NEEDED = {
    'inertial': {'mass', 'inertia'},
    'visual': {'geometry'},
    'collision': {'geometry'},
    'fixed': {'origin', 'parent', 'child'},
    'continuous': {'origin', 'parent', 'child', 'axis'},
    'revolute': {'origin', 'parent', 'child', 'axis', 'limit'},
    'prismatic': {'origin', 'parent', 'child', 'axis', 'limit'},
}
"""Tag, or type of a joint, to what must be inside of it, once."""


@pytest.fixture(params=registry.robot_names())
def robot(request):
    return registry.robot(request.param)


@pytest.fixture
def urdf(robot):
    return ElementTree.parse(asset('urdf', robot.urdf)).getroot()


def names(urdf, tag):
    return [element.get('name') for element in urdf.findall(tag)]


def test_there_are_no_tags_and_no_attributes_but_those_of_a_urdf(urdf):
    assert urdf.tag == 'robot'
    for element in urdf.iter():
        inside = Counter(part.tag for part in element)
        where = f'{element.tag} {element.get("name", "")}'
        assert set(inside) <= PARTS.get(element.tag, set()), where
        assert set(element.attrib) <= {*NUMBERS.get(element.tag, ()), 'name', 'type', 'link'}, (
            where
        )
        for kind in (element.get('type', ''), element.tag):
            assert all(inside[tag] == 1 for tag in NEEDED.get(kind, ())), where


def test_numbers_are_numbers(urdf):
    for element in urdf.iter():
        for name, count in NUMBERS.get(element.tag, {}).items():
            if (element.tag, name) == ('origin', 'rpy') and name not in element.attrib:
                continue
            values = [float(value) for value in element.get(name, '').split()]
            assert len(values) == count, (element.tag, name)
            assert np.isfinite(values).all(), (element.tag, name)


@pytest.mark.parametrize('tag', ['link', 'joint', 'material'])
def test_names_are_there_and_unique(urdf, tag):
    found = names(urdf, tag)
    assert all(found)
    assert len(set(found)) == len(found)


def test_materials_are_defined_before_they_are_used(urdf):
    for material in urdf.iter('material'):
        assert material.get('name') in names(urdf, 'material')


def test_links_and_joints_are_one_tree_from_the_base(robot, urdf):
    links, parents = names(urdf, 'link'), {}
    for joint in urdf.findall('joint'):
        parent, child = (joint.find(tag).get('link') for tag in ('parent', 'child'))
        assert {parent, child} <= set(links)
        assert child not in parents, 'a link hangs on one joint'
        parents[child] = parent
    (root,) = set(links) - set(parents)
    assert root == robot.base_frame
    for link in parents:
        steps = 0
        while link != root:
            link, steps = parents[link], steps + 1
            assert steps <= len(links), 'a circle'


def test_joints_can_move(robot, urdf):
    assert {joint.get('type') for joint in urdf.findall('joint')} <= set(NEEDED)
    moving = [joint for joint in urdf.findall('joint') if joint.get('type') != 'fixed']
    assert {joint.get('name') for joint in moving} == set(robot.joint_names)
    for joint in moving:
        axis = [float(v) for v in joint.find('axis').get('xyz').split()]
        assert np.linalg.norm(axis) == pytest.approx(1.0)
        limit = joint.find('limit')
        if limit is not None:
            low, high, effort, velocity = (
                float(limit.get(key)) for key in ('lower', 'upper', 'effort', 'velocity')
            )
            assert low < high
            assert effort > 0.0
            assert velocity > 0.0


def test_inertias_are_of_a_body(urdf):
    for link in urdf.findall('link'):
        for inertia in link.findall('inertial/inertia'):
            xx, xy, xz, yy, yz, zz = (float(inertia.get(key)) for key in NUMBERS['inertia'])
            moments = np.linalg.eigvalsh([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
            assert moments[0] > 0.0, link.get('name')
            assert moments[2] <= moments[:2].sum() * (1.0 + 1e-6), link.get('name')

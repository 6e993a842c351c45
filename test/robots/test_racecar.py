"""The racing car's declaration against its URDF and against itself."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import numpy as np
import pytest

from robot_rl.assets import asset
from robot_rl.robots import racecar
from robot_rl.spec import registry


@pytest.fixture
def robot():
    return registry.robot('racecar')


@pytest.fixture
def car(robot):
    """(parameters) -> mass, centre of mass and inertia of the whole in MuJoCo, wheels straight."""
    mujoco = pytest.importorskip('mujoco')
    torch = pytest.importorskip('torch')
    from robot_rl.engines.mujoco import MujocoEngine, build_model
    from robot_rl.engines.mujoco_fields import Fields

    def whole(**parameters):
        assert 'inertia' in MujocoEngine(robot, 'drive', 1, 0.02).simulated
        model = build_model(robot, 0.005)
        body = model.body('base_link').id
        batch = mujoco.batch.Batch(model, 1, 1)
        fields = Fields(model, batch, body, np.arange(6), body)
        fields.write({k: torch.tensor([v]) for k, v in parameters.items()}, np.arange(1))
        for name in ('body_mass', 'body_inertia', 'body_iquat'):
            getattr(model, name)[:] = batch.expand(name)[0]
        data = mujoco.MjData(model)
        mujoco.mj_setConst(model, data)
        mujoco.mj_forward(model, data)
        mass, centre, inertia = model.body_subtreemass[body], data.subtree_com[body], np.zeros(3)
        for link in range(1, model.nbody):
            away = data.xipos[link] - centre
            turn = data.ximat[link].reshape(3, 3)
            inertia += np.diag(turn @ np.diag(model.body_inertia[link]) @ turn.T)
            inertia += model.body_mass[link] * (away @ away - away**2)
        return mass, centre, inertia

    return whole


def test_urdf_has_the_published_mass_centre_and_inertia(robot, car):
    mass, centre, inertia = car()
    assert mass == pytest.approx(racecar.MASS, rel=1e-6)
    assert centre == pytest.approx([racecar.CG_TO_REAR, 0.0, 0.074], abs=1e-5)
    assert inertia == pytest.approx(robot.parameters['inertia'].nominal, rel=1e-4)


def test_mass_and_inertia_of_a_simulated_car_are_the_whole_cars(car):
    wanted = (0.013, 0.04, 0.05)
    _, _, inertia = car(inertia=wanted)
    assert inertia == pytest.approx(wanted, rel=1e-4)
    assert car(mass=(4.0,))[0] == pytest.approx(4.0)


def targets(robot, speed, angle):
    drive = robot.setpoint('drive').drive
    position, velocity, effort = drive.targets(
        np.array([[speed, angle]]), np.zeros((1, 6)), np.zeros((1, 6)), 0.02
    )
    assert not effort.any()
    return position[0], velocity[0]


def test_all_wheels_roll_about_one_centre(robot):
    """Each wheel's own direction is square to the line to the centre, its speed the distance."""
    angle, speed = 0.3, 2.0
    position, velocity = targets(robot, speed, angle)
    centre = np.array([0.0, racecar.WHEELBASE / math.tan(angle)])
    half, front = racecar.TRACK / 2.0, racecar.WHEELBASE
    places = {0: (front, half), 2: (front, -half), 4: (0.0, half), 5: (0.0, -half)}
    for joint, place in places.items():
        wheel = joint if joint > 3 else joint + 1
        heading = position[joint] if joint < 4 else 0.0
        arm = centre - place
        assert arm @ (math.cos(heading), math.sin(heading)) == pytest.approx(0.0, abs=1e-9)
        rate = speed / centre[1]
        rolling = rate * np.hypot(*arm) / racecar.WHEEL_RADIUS
        assert velocity[wheel] == pytest.approx(rolling)


def test_straight_ahead_all_wheels_are_alike(robot):
    position, velocity = targets(robot, -1.0, 0.0)
    assert not position.any()
    wheels = velocity[[1, 3, 4, 5]]
    assert wheels == pytest.approx(np.full(4, -1.0 / racecar.WHEEL_RADIUS))


def test_the_lidar_looks_270_degrees_around(robot):
    lidar = robot.lidar
    last = lidar.angle_min + (lidar.beams - 1) * lidar.angle_increment
    assert last == pytest.approx(-lidar.angle_min) == math.radians(135.0)


def test_the_urdf_has_the_lidar_where_its_beams_start(robot):
    """And a frame of that name, in which scans are published."""
    joint = ElementTree.parse(asset('urdf', robot.urdf)).find("joint[@name='laser_joint']")
    found = {part.tag: dict(part.attrib) for part in joint or ()}
    assert found['child'] == {'link': 'laser'}
    assert found['parent'] == {'link': robot.base_frame}
    assert tuple(map(float, found['origin']['xyz'].split())) == robot.lidar.position
    assert joint is not None and joint.get('type') == 'fixed'


def test_no_topic_is_too_old_before_a_few_of_its_messages_are_missing(robot):
    for topic in robot.topics:
        assert topic.max_age_s * topic.rate_hz >= 5.0, topic.name


def test_every_parameter_says_where_it_comes_from(robot):
    for name, parameter in robot.parameters.items():
        assert parameter.source, name
        assert parameter.unit, name

"""Finding files beside the package and in an installed share folder."""

from __future__ import annotations

import pytest

from robot_rl import assets
from robot_rl.assets import asset, policy_path, shipped_policies
from robot_rl.errors import SpecError, UnknownNameError


@pytest.fixture
def no_checkout(monkeypatch, tmp_path):
    """As if the package lay in site-packages with no asset beside it."""
    monkeypatch.setattr(assets, '__file__', str(tmp_path / 'site-packages/robot_rl/assets.py'))
    monkeypatch.setattr(assets.sys, 'prefix', str(tmp_path / 'prefix'))
    monkeypatch.setenv('AMENT_PREFIX_PATH', '')
    return tmp_path


def put(folder, kind, name):
    path = folder / 'share' / 'robot_rl' / kind / name
    path.parent.mkdir(parents=True)
    path.write_text('here')
    return path


def test_finds_what_lies_beside_the_package():
    assert asset('urdf', 'crazyflie.urdf').is_file()
    assert asset('sim', 'randomization/crazyflie.yaml').is_file()


def test_finds_what_pip_installed(no_checkout):
    path = put(no_checkout / 'prefix', 'urdf', 'a.urdf')
    assert asset('urdf', 'a.urdf') == path


def test_finds_what_colcon_installed_before_what_pip_installed(no_checkout, monkeypatch):
    put(no_checkout / 'prefix', 'urdf', 'a.urdf')
    path = put(no_checkout / 'install', 'urdf', 'a.urdf')
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'/nowhere:{no_checkout / "install"}')
    assert asset('urdf', 'a.urdf') == path


def test_finds_an_installed_policy_by_its_name(no_checkout, monkeypatch):
    path = put(no_checkout / 'prefix', 'policies', 'a-b.onnx')
    monkeypatch.chdir(no_checkout)
    assert shipped_policies() == {'a-b': path}
    assert policy_path('a-b') == policy_path('a-b.onnx') == path
    better = put(no_checkout / 'install', 'policies', 'a-b.onnx')
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(no_checkout / 'install'))
    assert policy_path('a-b') == better
    with pytest.raises(UnknownNameError, match="Did you mean 'a-b'"):
        policy_path('a_b')


def test_takes_an_absolute_path_of_another_package(tmp_path):
    path = tmp_path / 'other.urdf'
    path.write_text('here')
    assert asset('urdf', str(path)) == path


def test_a_missing_file_names_every_place_looked_in(no_checkout):
    with pytest.raises(SpecError) as caught:
        asset('urdf', 'a.urdf')
    assert str(no_checkout / 'prefix/share/robot_rl/urdf/a.urdf') in str(caught.value)
    assert str(no_checkout / 'site-packages/urdf/a.urdf') in str(caught.value)


def test_an_unknown_kind_gets_a_suggestion():
    with pytest.raises(UnknownNameError, match="Did you mean 'urdf'"):
        asset('urd', 'crazyflie.urdf')

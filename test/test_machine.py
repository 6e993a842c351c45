from __future__ import annotations

import os
import platform

import numpy as np

from robot_rl.machine import machine_name, package_versions


def test_the_machine_is_described_and_not_identified() -> None:
    name = machine_name()
    assert f'{os.cpu_count()} cores' in name
    assert platform.system() in name
    assert platform.node() not in name.replace(',', ' ').split()


def test_a_package_that_is_not_there_is_said_to_be_missing() -> None:
    found = package_versions(['numpy', 'no-such-package'])
    assert found == {'numpy': np.__version__, 'no-such-package': 'not installed'}

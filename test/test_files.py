"""Files are whole, and their JSON is JSON."""

from __future__ import annotations

import json
import math
import os

import pytest

from robot_rl.errors import RunFolderError
from robot_rl.files import write_json


def strict(text):
    """Parse JSON as the standard has it: Infinity and NaN are none of it."""

    def refuse(constant):
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


def test_numbers_that_are_not_finite_become_null(tmp_path):
    path = tmp_path / 'new folder' / 'scores.json'
    write_json(
        path, {'error': math.inf, 'rows': [{'a': math.nan, 'b': 1.5}], 'pair': (-math.inf, 2)}
    )
    assert strict(path.read_text()) == {
        'error': None,
        'rows': [{'a': None, 'b': 1.5}],
        'pair': [None, 2],
    }


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 'config.json'
    path.write_text('old')

    def full(_descriptor):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(RunFolderError, match='No space left'):
        write_json(path, {'new': 1})
    assert path.read_text() == 'old'
    assert [p.name for p in tmp_path.iterdir()] == ['config.json']

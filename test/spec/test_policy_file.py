"""The policy file's format, read without the onnx package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robot_rl.errors import PolicyFileError
from robot_rl.spec import policy_file as file_format


def test_reads_what_onnx_reads(policy_file: Path):
    onnx = pytest.importorskip('onnx')
    model = onnx.load(policy_file)
    file = file_format.read(policy_file)
    assert file.opset == model.opset_import[0].version
    assert file.metadata == {entry.key: entry.value for entry in model.metadata_props}
    assert list(file.weights) == [tensor.name for tensor in model.graph.initializer]


def test_every_check_passes(policy_file: Path):
    file = file_format.read(policy_file)
    file_format.check_origin(file)
    file_format.check_weights(file)
    file_format.check_digest(file)


def test_any_changed_byte_breaks_the_digest(policy_file: Path, tmp_path: Path):
    data = policy_file.read_bytes()
    copy = tmp_path / 'copy.onnx'
    refused = 0
    for at in np.linspace(0, len(data) - 1, 97).astype(int):
        copy.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(PolicyFileError):
            file = file_format.read(copy)
            file_format.check_origin(file)
            file_format.check_digest(file)
        refused += 1
    assert refused == 97


def test_every_length_cut_short_is_refused(policy_file: Path, tmp_path: Path):
    data = policy_file.read_bytes()
    copy = tmp_path / 'copy.onnx'
    for size in np.linspace(0, len(data) - 1, 61).astype(int):
        copy.write_bytes(data[:size])
        with pytest.raises(PolicyFileError):
            file = file_format.read(copy)
            file_format.check_origin(file)
            file_format.check_digest(file)


def test_noise_never_ends_in_another_error(tmp_path: Path):
    draw = np.random.default_rng(0)
    copy = tmp_path / 'noise.onnx'
    for size in range(0, 400, 7):
        copy.write_bytes(draw.integers(0, 256, size, dtype=np.uint8).tobytes())
        with pytest.raises(PolicyFileError, match=r'not a complete ONNX file|no metadata'):
            file_format.check_origin(file_format.read(copy))


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ('dtype', 'raw'),
    [
        (np.float32, True),
        (np.float32, False),
        (np.float64, True),
        (np.float64, False),
        (np.float16, True),
    ],
)
def test_a_weight_that_is_not_finite_is_named(
    forge: Callable, value: float, dtype: type, raw: bool
):
    onnx = pytest.importorskip('onnx')

    def poison(model, metadata):
        values = np.array([1.0, value], dtype)
        kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        content = values.tobytes() if raw else values.tolist()
        tensor = onnx.helper.make_tensor('bad', kind, [2], content, raw=raw)
        model.graph.initializer.append(tensor)

    file = file_format.read(forge(poison))
    with pytest.raises(PolicyFileError, match="1 NaN or infinite values in the weight 'bad'"):
        file_format.check_weights(file)


def test_a_weight_in_a_side_file_is_refused(forge: Callable):
    onnx = pytest.importorskip('onnx')

    def move_out(model, metadata):
        tensor = model.graph.initializer[0]
        onnx.external_data_helper.set_external_data(tensor, 'weights.bin')
        tensor.ClearField('raw_data')

    with pytest.raises(PolicyFileError, match='side file'):
        file_format.check_weights(file_format.read(forge(move_out)))

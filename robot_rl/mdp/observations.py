"""Observation terms: pure functions of signals, traced into the exported graph as they are."""

from __future__ import annotations

import torch

# Row-major R(q) = M vec(q q^T): one outer product and one small product instead of thirty operations.
_QUAT_TO_MATRIX = torch.zeros(16, 9)
for _row, _terms in enumerate(
    (
        {(0, 0): 1, (1, 1): 1, (2, 2): -1, (3, 3): -1},
        {(1, 2): 2, (0, 3): -2},
        {(1, 3): 2, (0, 2): 2},
        {(1, 2): 2, (0, 3): 2},
        {(0, 0): 1, (1, 1): -1, (2, 2): 1, (3, 3): -1},
        {(2, 3): 2, (0, 1): -2},
        {(1, 3): 2, (0, 2): -2},
        {(2, 3): 2, (0, 1): 2},
        {(0, 0): 1, (1, 1): -1, (2, 2): -1, (3, 3): 1},
    )
):
    for (_i, _j), _value in _terms.items():
        _QUAT_TO_MATRIX[4 * _i + _j, _row] = _value


def rotation_matrix(quat: torch.Tensor) -> torch.Tensor:
    """Body-to-world rotation matrices, row-major (n, 9), of unit quaternions wxyz (n, 4)."""
    outer = (quat.unsqueeze(2) * quat.unsqueeze(1)).reshape(-1, 16)
    return outer @ _QUAT_TO_MATRIX.to(quat.device)


def rotate(matrix: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    """Body vectors (n, 3) in the world frame, by row-major matrices (n, 9)."""
    return (matrix.view(-1, 3, 3) * vector.unsqueeze(1)).sum(2)


def saturate_norm(vector: torch.Tensor, limit: float) -> torch.Tensor:
    """Vectors (n, k) shortened to at most `limit`, so that a far goal looks like a near one."""
    norm = vector.norm(dim=1, keepdim=True)
    return vector * (limit / norm.clamp(min=limit))

"""Physical parameters into the model fields of a MuJoCo batch, one row an environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
import torch

Array = NDArray[np.float64]
Ids = NDArray[np.int64]


class Fields:
    """What can be changed about the bodies of `batch` without compiling the model again."""

    def __init__(self, model: Any, batch: Any, body: int, dofs: Ids) -> None:
        """`body` is the base, `dofs` are the robot's joints in its order."""
        self._model, self._batch, self._body, self._dofs = model, batch, body, dofs
        self._writers: dict[str, Callable[[Ids, Array], None]] = {
            'mass': self._mass,
            'inertia': self._inertia,
            'link_mass_scale': self._link_mass_scale,
            'payload': self._payload,
            'com_offset': self._com_offset,
            'friction': self._friction,
            'joint_armature': self._armature,
            'joint_friction': self._joint_friction,
            'external_force_w': self._external_force,
        }
        self.names = tuple(self._writers)
        """Parameters that `write` takes."""
        self.external_force_w: Array = np.zeros((batch.nsim, 3))
        """[N] on the base."""
        self._scale = np.ones((batch.nsim, 1))
        self._load = np.zeros(batch.nsim)

    def write(self, parameters: Mapping[str, torch.Tensor], ids: Ids) -> bool:
        """Write what is here of `parameters`, each (len(ids), size).

        Returns whether constants derived from them must be computed again.
        """
        before = set(parameters) & {'mass', 'inertia', 'link_mass_scale', 'payload', 'com_offset'}
        for name, value in parameters.items():
            if name in self._writers:
                self._writers[name](ids, value.double().numpy())
        return bool(before | ({'joint_armature'} & set(parameters)))

    def _mass(self, ids: Ids, value: Array) -> None:
        self._batch.expand('body_mass')[ids, self._body] = value[:, 0]

    def _inertia(self, ids: Ids, value: Array) -> None:
        self._batch.expand('body_inertia')[ids, self._body] = value

    def _link_mass_scale(self, ids: Ids, value: Array) -> None:
        """All links heavier or lighter by one factor, shapes unchanged."""
        self._scale[ids] = value
        self._batch.expand('body_inertia')[ids] = self._model.body_inertia * value[:, :, None]
        self._masses(ids)

    def _payload(self, ids: Ids, value: Array) -> None:
        """[kg] at the base's centre of mass."""
        self._load[ids] = value[:, 0]
        self._masses(ids)

    def _masses(self, ids: Ids) -> None:
        masses = self._model.body_mass * self._scale[ids]
        masses[:, self._body] += self._load[ids]
        self._batch.expand('body_mass')[ids] = masses

    def _com_offset(self, ids: Ids, value: Array) -> None:
        centre = self._model.body_ipos[self._body]
        self._batch.expand('body_ipos')[ids, self._body] = centre + value

    def _friction(self, ids: Ids, value: Array) -> None:
        """Sliding friction of every pair: MuJoCo takes the larger of two shapes, so set all."""
        friction = self._batch.expand('geom_friction')
        friction[ids, :, 0] = value

    def _armature(self, ids: Ids, value: Array) -> None:
        armature = self._batch.expand('dof_armature')
        armature[ids[:, None], self._dofs] = value

    def _joint_friction(self, ids: Ids, value: Array) -> None:
        loss = self._batch.expand('dof_frictionloss')
        loss[ids[:, None], self._dofs] = value

    def _external_force(self, ids: Ids, value: Array) -> None:
        self.external_force_w[ids] = value

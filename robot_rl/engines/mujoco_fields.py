"""Physical parameters into the model fields of a MuJoCo batch, one row an environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
import torch

from robot_rl.engines.start import ACTING_ON_JOINTS
from robot_rl.spec.rotation import matrix_of

Array = NDArray[np.float64]
Ids = NDArray[np.int64]
_MASSES = {'mass', 'inertia', 'link_mass_scale', 'payload'}
_DERIVED = _MASSES | {'com_offset', 'joint_armature'}


class Fields:
    """What can be changed about the bodies of `batch` without compiling the model again."""

    def __init__(self, model: Any, batch: Any, body: int, dofs: Ids, tool: int) -> None:
        """`body` is the base, `dofs` are the joints in their order, `tool` carries payloads."""
        self._model, self._batch, self._body, self._dofs = model, batch, body, dofs
        self._tool = tool
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
        left_out = () if len(dofs) else ACTING_ON_JOINTS
        self.names = tuple(name for name in self._writers if name not in left_out)
        """Parameters that `write` takes."""
        self.external_force_w: Array = np.zeros((batch.nsim, 3))
        """[N] on the tool."""
        self._others = _of_others(model, body)
        # What the writers have last been told, before links are scaled and the tool is loaded.
        self._masses = np.tile(model.body_mass, (batch.nsim, 1))
        self._inertias = np.tile(model.body_inertia, (batch.nsim, 1, 1))
        self._scale = np.ones((batch.nsim, 1))
        self._load = np.zeros(batch.nsim)

    def write(self, parameters: Mapping[str, torch.Tensor], ids: Ids) -> bool:
        """Write what is here of `parameters`, each (len(ids), size).

        Returns whether constants derived from them must be computed again.
        """
        for name, value in parameters.items():
            if name in self.names:
                self._writers[name](ids, value.double().numpy())
        if _MASSES & set(parameters):
            self._apply(ids)
        return bool(_DERIVED & set(parameters))

    def _apply(self, ids: Ids) -> None:
        """Masses and inertias from all that was written, in whatever order."""
        scale = self._scale[ids]
        masses = self._masses[ids] * scale
        masses[:, self._tool] += self._load[ids]
        self._batch.expand('body_mass')[ids] = masses
        self._batch.expand('body_inertia')[ids] = self._inertias[ids] * scale[:, :, None]

    def _mass(self, ids: Ids, value: Array) -> None:
        """Mass of the whole robot: the base has what its other links leave over."""
        self._masses[ids, self._body] = value[:, 0] - self._others[0]

    def _inertia(self, ids: Ids, value: Array) -> None:
        """Inertia of the whole robot at rest about its centre of mass, along base_link's axes."""
        self._batch.expand('body_iquat')[ids, self._body] = (1.0, 0.0, 0.0, 0.0)
        self._inertias[ids, self._body] = value - self._others[1:]

    def _link_mass_scale(self, ids: Ids, value: Array) -> None:
        """All links heavier or lighter by one factor, shapes unchanged."""
        self._scale[ids] = value

    def _payload(self, ids: Ids, value: Array) -> None:
        """[kg] at the tool's centre of mass."""
        self._load[ids] = value[:, 0]

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


def _of_others(model: Any, body: int) -> Array:
    """Mass and inertia (4,) of the robot that do not belong to the base itself, joints at zero.

    Inertia is about the centre of mass of the whole, along the base's axes, and has the part which
    the base owes to standing away from there.
    """
    count, parents = model.nbody, model.body_parentid
    place, turn = np.zeros((count, 3)), np.tile(np.eye(3), (count, 1, 1))
    for link in range(body + 1, count):  # parents come first; all links hang on the base
        parent = parents[link]
        place[link] = place[parent] + turn[parent] @ model.body_pos[link]
        turn[link] = turn[parent] @ matrix_of(model.body_quat[link])
    links = np.arange(body, count)
    mass = model.body_mass[links]
    centres = place[links] + np.einsum('nij,nj->ni', turn[links], model.body_ipos[links])
    away = centres - mass @ centres / mass.sum()
    inertia = mass[:, None] * ((away**2).sum(1, keepdims=True) - away**2)
    for row, link in zip(inertia[1:], links[1:], strict=True):
        axes = turn[link] @ matrix_of(model.body_iquat[link])
        row += axes**2 @ model.body_inertia[link]
    return np.concatenate(([mass[1:].sum()], inertia.sum(0)))

"""Physical parameters of PyBullet's copies, one row an environment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
import torch

from robot_rl.engines.pybullet_copies import Copies
from robot_rl.engines.start import ACTING_ON_JOINTS

Array = NDArray[np.float64]
Ids = NDArray[np.int64]


class Fields:
    """What can be changed about a copy; only another centre of mass loads it afresh.

    PyBullet has no armature. Here it is inertia of the link about its joint's axis, which is the
    same as long as what carries the joint does not turn about that axis.
    """

    def __init__(self, copies: Copies, num_envs: int, jointed: bool, inertia: Array) -> None:
        """Start with what the URDF says, and MuJoCo's friction of 1.

        `inertia` (3,) is the whole robot's, as it declares it.
        """
        self._copies, bodies, base = copies, copies.bodies, copies.bodies[0]
        joints = len(copies.joints) if jointed else 0
        losses = [copies.losses[joint] for joint in copies.joints] if jointed else []
        nominal: dict[str, Array] = {
            'mass': np.array([sum(body.mass for body in bodies)]),
            'inertia': inertia,
            'link_mass_scale': np.ones(1),
            'payload': np.zeros(1),
            'com_offset': np.zeros(3),
            'friction': np.ones(1),
            'joint_armature': np.zeros(joints),
            'joint_friction': np.array(losses),
            'external_force_w': np.zeros(3),
        }
        left_out = () if jointed else ACTING_ON_JOINTS
        self.names = tuple(name for name in nominal if name not in left_out)
        """Parameters that `write` takes."""
        self._values = {name: np.tile(row, (num_envs, 1)) for name, row in nominal.items()}
        self.external_force_w = self._values['external_force_w']
        """[N] on the centre of mass of the body that carries the tool."""
        self._tool = copies.tool
        self.centre = np.tile(base.centre, (num_envs, 1))
        """(num_envs, 3) [m] the base's centre of mass, in base_link."""
        self.axes = np.tile(copies.axes_quat(), (num_envs, 1))
        """(num_envs, 4) the base's principal axes, from them to base_link."""
        self._masses = np.array([body.mass for body in bodies])
        self._inertias = np.array([body.inertia for body in bodies])
        self._inertia = inertia
        names = [body.name for body in bodies]
        owners = {copies.links[name]: names.index(name) for name in names}
        self._moved = [owners[joint] for joint in copies.joints] if jointed else []
        axis = np.array([bodies[i].axis for i in self._moved]).reshape(-1, 3)
        self._spread = axis**2 / (axis**4).sum(axis=1, keepdims=True)
        self._nominal_centre = base.centre
        for env in range(num_envs):
            self._apply(env)

    def write(self, parameters: Mapping[str, torch.Tensor], ids: Ids) -> Ids:
        """Write what is here of `parameters`, each (len(ids), size).

        Returns the environments that were loaded afresh and must be put in their state.
        """
        before = self._values['com_offset'][ids]
        for name, value in parameters.items():
            if name in self.names:
                self._values[name][ids] = value.double().numpy()
        moved = ids[(self._values['com_offset'][ids] != before).any(axis=1)]
        for env in moved.tolist():
            offset = self._values['com_offset'][env]
            self._copies.load(env, offset)
            self.centre[env] = self._nominal_centre + offset
        for env in ids.tolist() if set(self.names) & set(parameters) else []:
            self._apply(env)
        return moved

    def _apply(self, env: int) -> None:
        row = {name: value[env] for name, value in self._values.items()}
        mass, inertia = self._masses.copy(), self._inertias.copy()
        # Mass and inertia are the whole robot's: the base takes what differs.
        mass[0] += row['mass'][0] - mass.sum()
        inertia[0] += row['inertia'] - self._inertia
        mass, inertia = mass * row['link_mass_scale'], inertia * row['link_mass_scale']
        mass[self._tool] += row['payload'][0]
        inertia[self._moved] += row['joint_armature'][:, None] * self._spread
        self._copies.set_dynamics(env, mass, inertia, float(row['friction'][0]))
        loss = dict(zip(self._copies.joints, row['joint_friction'], strict=False))
        self._copies.set_joint_friction(env, self._copies.losses | loss)

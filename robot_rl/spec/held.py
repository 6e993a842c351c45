"""Held: a thing that a robot holds as if it were part of its tool, such as a peg."""

from __future__ import annotations

from dataclasses import dataclass

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Held:
    """A box, rigid in the robot's `tool_frame`. The robot's own model knows nothing of it."""

    name: str
    """Of its link."""
    size: Triple
    """[m] full edge lengths."""
    position: Triple
    """[m] of its centre, tool frame."""
    mass: float
    """[kg]"""

    def urdf(self, tool_frame: str) -> str:
        """Its link, and the joint that fixes it to `tool_frame`, to be added to a URDF."""
        x, y, z = self.size
        inertia = (self.mass / 12.0 * (a * a + b * b) for a, b in ((y, z), (x, z), (x, y)))
        ixx, iyy, izz = (f'{value:.9g}' for value in inertia)
        shape = f'<geometry><box size="{x} {y} {z}"/></geometry>'
        place = ' '.join(str(value) for value in self.position)
        return (
            f'<link name="{self.name}"><inertial><mass value="{self.mass}"/>'
            f'<inertia ixx="{ixx}" iyy="{iyy}" izz="{izz}" ixy="0" ixz="0" iyz="0"/></inertial>'
            f'<visual>{shape}<material name="{self.name}"><color rgba="0.85 0.55 0.2 1"/>'
            f'</material></visual><collision>{shape}</collision></link>'
            f'<joint name="{self.name}_joint" type="fixed"><parent link="{tool_frame}"/>'
            f'<child link="{self.name}"/><origin xyz="{place}"/></joint>'
        )

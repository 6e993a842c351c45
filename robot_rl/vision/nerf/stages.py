"""What learning does when: coarse voxels first, and what of them is taken away."""

from __future__ import annotations

from typing import NamedTuple


class Stage(NamedTuple):
    """A part of learning, with voxels of one size."""

    size: float
    """Of a voxel, in those of the last stage."""
    share: float
    """Of the time."""
    density_rate: float
    """Step of Adam for raw densities, if it were the first stage: a tenth at the end of the last.
    Large steps on coarse voxels put blobs into the air that are never taken away again."""
    spread: float
    """Weight of the distortion loss, which draws density together."""
    thin: float
    """Weight of the sum of densities along a ray."""
    erode: float
    """Taken from raw densities at the begin. Interpolation before softplus makes what is solid
    thicker by most of a coarse voxel, towards the cameras: walls would come out too near."""
    empty: float
    """Voxels that take less of the light than this are empty."""


BOXED = (
    Stage(4.0, 0.1, 0.1, 0.0, 3e-4, 0.0, 0.001),
    Stage(2.0, 0.3, 0.2, 0.005, 3e-4, 2.0, 0.07),
    Stage(1.0, 0.6, 0.3, 0.02, 3e-4, 2.0, 0.07),
)
UNBOUNDED = (
    Stage(4.0, 0.1, 0.3, 0.02, 0.0, 0.0, 0.001),
    Stage(2.0, 0.3, 0.3, 0.02, 0.0, 0.0, 0.001),
    Stage(1.0, 0.6, 0.3, 0.02, 0.0, 0.0, 0.001),
)
"""The stages in a box and without bounds, each found by trial (docs/nerf.md): in the open, where
little is known of what is far, taking thin density away early costs half a decibel."""

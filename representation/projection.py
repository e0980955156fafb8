"""Perspective without weights: what cameras, and grippers that stand for cameras, see of voxel grids.

Cameras are OpenGL's, as PyBullet gives them: `view` takes world points to the camera, which looks along its
-z with x to the right and y up; `projection` takes them on, so that projection @ view @ (p, 1) divided by its
last component w is p's place in the image, x and y in [-1, 1], y up. w is the depth: metres along the
camera's axis. Images have their top row first.

```
@inproceedings{yan2016perspective,
  title={Perspective transformer nets: Learning single-view 3D object reconstruction without 3D supervision},
  author={Yan, Xinchen and Yang, Jimei and Yumer, Ersin and Guo, Yijie and Lee, Honglak},
  booktitle={Advances in Neural Information Processing Systems}, year={2016}}
@inproceedings{tulsiani2017multi,
  title={Multi-view supervision for single-view reconstruction via differentiable ray consistency},
  author={Tulsiani, Shubham and Zhou, Tinghui and Efros, Alexei A. and Malik, Jitendra},
  booktitle={CVPR}, year={2017}}
```
"""

from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

__all__ = [
    "Frustum",
    "Hits",
    "Rays",
    "cast",
    "gripper_rays",
    "image_places",
    "pixel_rays",
    "rotation_matrices",
]


@dataclass(frozen=True)
class Rays:
    """Half-lines in the world."""

    origin: Tensor
    """(b, 1, 3), where they begin."""
    direction: Tensor
    """(b, m, 3), as long as leads one metre deeper along the axis of whatever looks."""

    def points(self, depth: Tensor) -> Tensor:
        """Return the points (b, m, samples, 3) at depths (b, 1 or m, samples)."""
        return self.origin[:, :, None] + depth[..., None] * self.direction[:, :, None]


@dataclass(frozen=True)
class Hits:
    """Where rays end that go through cells of given occupancy."""

    probability: Tensor
    """(b, m, samples), that a ray ends at a sample; what lacks to 1 is that it passes all of them."""
    depth: Tensor
    """(b, 1 or m, samples), metres."""

    @property
    def mask(self) -> Tensor:
        """The probability (b, m) that a ray ends."""
        return self.probability.sum(-1)

    def expected_depth(self, beyond: Tensor | float) -> Tensor:
        """Return the expected depth (b, m) in metres; a ray that does not end counts as `beyond`."""
        return (self.probability * self.depth).sum(-1) + (1 - self.mask) * beyond

    def expected_cost(self, cost: Tensor, passing: Tensor) -> Tensor:
        """Return the expectation (b, m) of a cost (b, m, samples) of ending at each sample.

        Args:
            cost: of ending there (Tulsiani et al. 2017, eq. 3: the ray consistency loss).
            passing: (b, m), the cost of passing them all.
        """
        return (self.probability * cost).sum(-1) + (1 - self.mask) * passing


def cast(occupancy: Tensor, depth: Tensor) -> Hits:
    """Let rays run into cells.

    Args:
        occupancy: (b, m, samples) in [0, 1] along each ray, the nearest first.
        depth: (b, 1 or m, samples), metres.
    """
    free = functional.pad((1 - occupancy)[..., :-1], (1, 0), value=1.0).cumprod(-1)
    return Hits(occupancy * free, depth)


def rotation_matrices(vectors: Tensor) -> Tensor:
    """Return the rotations (..., 3, 3) about vectors (..., 3), as long as the angle in radians."""
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).view(*x.shape, 3, 3)
    turned: Tensor = torch.linalg.matrix_exp(cross)
    return turned


def image_places(height: int, width: int, device: torch.device | str = "cpu") -> Tensor:
    """Return where pixels' centres are in an image: (height, width, 2), x and y in [-1, 1], y up."""
    x = (torch.arange(width, device=device) + 0.5) * 2 / width - 1
    y = 1 - (torch.arange(height, device=device) + 0.5) * 2 / height
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)


def pixel_rays(view: Tensor, projection: Tensor, places: Tensor) -> Rays:
    """Return the rays of a camera through places of its image.

    Args:
        view: (b, 4, 4).
        projection: (b, 4, 4), a perspective one.
        places: (b or 1, m, 2), x and y in [-1, 1], y up.
    """
    scale = projection[:, None, (0, 1), (0, 1)]
    skew = projection[:, None, :2, 2]
    ahead = functional.pad((places + skew) / scale, (0, 1), value=-1.0)
    turn = view[:, :3, :3]  # its inverse is its transpose
    return Rays(-(view[:, None, :3, 3] @ turn), ahead @ turn)


def gripper_rays(poses: Tensor, size: tuple[int, int], *, behind: float, spread: tuple[float, float]) -> Rays:
    """Return the rays of a camera that looks from a gripper's palm along its fingers.

    Args:
        poses: (b, 6), the centre between the fingertips in the world in metres, and a rotation vector. The
            fingers point along the gripper's -z and close along its x, as a camera looks along its -z with
            x to the right.
        size: height and width of the image, in pixels.
        behind: metres from the camera to the centre.
        spread: metres from the centre to the image's edges in x and in y.

    Returns:
        height x width rays, row by row, the top one first.
    """
    turn = rotation_matrices(poses[:, 3:])
    places = image_places(*size, poses.device).flatten(0, 1) * poses.new_tensor(spread) / behind
    ahead = functional.pad(places, (0, 1), value=-1.0)
    origin = poses[:, :3] + behind * turn[:, :, 2]
    return Rays(origin[:, None], ahead @ turn.mT)


@dataclass(frozen=True)
class Frustum:
    """Where the cells of voxel grids lie: a window of an image, between two depths.

    Columns and rows of cells go along the image's, slices along the depth, so that a cell's column of slices
    lies behind its pixel.
    """

    camera: Tensor
    """(b, 4, 4), projection @ view."""
    centre: Tensor
    """(b, 3): x and y in the image, depth in metres."""
    half: Tensor
    """(b, 3): from there to its edges."""

    def repeat(self, count: int) -> Self:
        """Return each frustum `count` times in a row."""
        return type(self)(*(getattr(self, f.name).repeat_interleave(count, 0) for f in fields(self)))

    def coordinates(self, points: Tensor) -> Tensor:
        """Return where points (b, ..., 3) of the world are: (b, ..., 3) in [-1, 1] within, y down."""
        flat = points.flatten(1, -2)
        clip = flat @ self.camera[:, :3, :3].mT + self.camera[:, None, :3, 3]
        depth = flat @ self.camera[:, 3, :3, None] + self.camera[:, None, 3, 3:]
        places = torch.cat([clip[..., :2] / depth.clamp_min(1e-6), depth], -1)
        inside = (places - self.centre[:, None]) / self.half[:, None]
        return (inside * inside.new_tensor([1.0, -1.0, 1.0])).view_as(points)

    def sample(self, grid: Tensor, points: Tensor) -> Tensor:
        """Return the values of grids at points, interpolated, 0 without.

        Args:
            grid: (b, slices, rows, columns).
            points: (b, ..., 3) in the world.

        Returns:
            (b, ...).
        """
        flat = self.coordinates(points).flatten(1, -2)[:, None, None]
        values = functional.grid_sample(grid[:, None], flat, align_corners=False)
        return values.view(points.shape[:-1])

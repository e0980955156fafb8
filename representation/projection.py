"""Perspective without weights: voxel grids as seen by cameras, and by grippers treated as cameras.

`look` finds the object in an image and places a grid of cells, a `Frustum`, behind its visible surface.

Cameras are OpenGL's, as PyBullet gives them: `view` takes world points to the camera, which looks along its
-z with x to the right and y up. projection @ view @ (p, 1), divided by its last component w, is the position
of p in the image: x and y in [-1, 1], y up. w is the depth: metres along the camera's axis. Images have their
top row first.

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

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from unknot.representation.learner import image_tensor

__all__ = [
    "Frustum",
    "Hits",
    "Rays",
    "Sight",
    "cast",
    "far_depth",
    "gripper_rays",
    "image_places",
    "log_likelihood",
    "look",
    "pick",
    "pixel_rays",
    "rotation_matrices",
    "surface_points",
]

RAISED = 0.004
"""Metres above the table from which a pixel counts as the object."""
MARGIN = 1.15
"""Side of a grid as a multiple of the object's visible extent."""
SMALLEST = 0.01
"""Half the side of the smallest grid, in metres, before the margin."""

Observation = Mapping[str, NDArray[Any] | Tensor]


@dataclass(frozen=True)
class Rays:
    """Half-lines in the world."""

    origin: Tensor
    """(b, 1, 3), their starts."""
    direction: Tensor
    """(b, m, 3), scaled so that each leads one metre deeper along the camera's axis."""

    def points(self, depth: Tensor) -> Tensor:
        """Return the points (b, m, samples, 3) at depths (b, 1 or m, samples)."""
        return self.origin[:, :, None] + depth[..., None] * self.direction[:, :, None]


@dataclass(frozen=True)
class Hits:
    """Where rays through cells of given occupancy end."""

    probability: Tensor
    """(b, m, samples), of a ray to end at a sample; the remainder to 1 is that it passes all samples."""
    depth: Tensor
    """(b, 1 or m, samples), metres."""

    @property
    def mask(self) -> Tensor:
        """The probability (b, m) that a ray ends."""
        return self.probability.sum(-1)

    def expected_depth(self, beyond: Tensor | float) -> Tensor:
        """Return the expected depth (b, m) in metres; a ray that does not end has depth `beyond`."""
        return (self.probability * self.depth).sum(-1) + (1 - self.mask) * beyond


def cast(occupancy: Tensor, depth: Tensor) -> Hits:
    """Trace rays through cells.

    Args:
        occupancy: (b, m, samples) in [0, 1] along each ray, nearest first.
        depth: (b, 1 or m, samples), metres.
    """
    free = functional.pad((1 - occupancy)[..., :-1], (1, 0), value=1.0).cumprod(-1)
    return Hits(occupancy * free, depth)


def log_likelihood(logits: Tensor, depth: Tensor, seen: Tensor, mask: Tensor) -> Tensor:
    """Return the log probability that rays end where they were seen to end.

    It is the log of `Hits.probability` at the first sample not nearer than the seen depth, or of 1 -
    `Hits.mask`. As a sum over samples, it has a gradient for samples that are wrong with certainty (expected
    costs, as in Tulsiani et al. 2017, don't).

    Args:
        logits: (b, m, samples), log odds of occupancy along each ray, nearest first.
        depth: (b, 1 or m, samples), metres.
        seen: (b, m), the depth at which a ray ended, metres.
        mask: (b, m), bool, whether it did.

    Returns:
        (b, m), at most 0.
    """
    free = depth < torch.where(mask, seen, torch.inf)[..., None]
    before = functional.pad(depth[..., :-1], (1, 0), value=-torch.inf)
    end = ~free & (before < seen[..., None]) & mask[..., None]
    return (free * functional.logsigmoid(-logits) + end * functional.logsigmoid(logits)).sum(-1)


def rotation_matrices(vectors: Tensor) -> Tensor:
    """Return the rotations (..., 3, 3) about vectors (..., 3) whose length is the angle in radians."""
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).view(*x.shape, 3, 3)
    turned: Tensor = torch.linalg.matrix_exp(cross)
    return turned


def image_places(height: int, width: int, device: torch.device | str = "cpu") -> Tensor:
    """Return the positions of pixel centres: (height, width, 2), x and y in [-1, 1], y up."""
    x = (torch.arange(width, device=device) + 0.5) * 2 / width - 1
    y = 1 - (torch.arange(height, device=device) + 0.5) * 2 / height
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)


def pixel_rays(view: Tensor, projection: Tensor, places: Tensor) -> Rays:
    """Return the rays of a camera through positions in its image.

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


def far_depth(projection: Tensor) -> Tensor:
    """Return the depth (b,) in metres of empty pixels, for cameras of projections (b, 4, 4)."""
    depth: Tensor = projection[:, 2, 3] / (1 + projection[:, 2, 2])
    return depth


def surface_points(depth: Tensor, view: Tensor, projection: Tensor) -> Tensor:
    """Return the world points (b, h, w, 3) that a camera sees.

    Args:
        depth: (b, h, w), metres along the camera's axis.
        view: (b, 4, 4).
        projection: (b, 4, 4), a perspective one.
    """
    b, h, w = depth.shape
    places = image_places(h, w, depth.device).view(1, h * w, 2)
    return pixel_rays(view, projection, places).points(depth.view(b, h * w, 1)).view(b, h, w, 3)


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
    """The space of voxel grids: a window of an image between two depths.

    Columns and rows of cells follow those of the image, slices the depth, so that all slices of a cell lie
    behind its pixel.
    """

    camera: Tensor
    """(b, 4, 4), projection @ view."""
    centre: Tensor
    """(b, 3): x and y in the image, depth in metres."""
    half: Tensor
    """(b, 3): from the centre to the edges."""

    def repeat(self, count: int) -> Self:
        """Return each frustum `count` times in a row."""
        return type(self)(*(getattr(self, f.name).repeat_interleave(count, 0) for f in fields(self)))

    def coordinates(self, points: Tensor) -> Tensor:
        """Return grid coordinates (b, ..., 3) of world points (b, ..., 3): in [-1, 1] inside, y down."""
        flat = points.flatten(1, -2)
        clip = flat @ self.camera[:, :3, :3].mT + self.camera[:, None, :3, 3]
        depth = flat @ self.camera[:, 3, :3, None] + self.camera[:, None, 3, 3:]
        places = torch.cat([clip[..., :2] / depth.clamp_min(1e-6), depth], -1)
        inside = (places - self.centre[:, None]) / self.half[:, None]
        return (inside * inside.new_tensor([1.0, -1.0, 1.0])).view_as(points)

    def sample(self, grid: Tensor, points: Tensor, without: float = 0.0) -> Tensor:
        """Return the values of grids at points, interpolated.

        Args:
            grid: (b, slices, rows, columns).
            points: (b, ..., 3) in the world.
            without: the value outside the grid.

        Returns:
            (b, ...).
        """
        flat = self.coordinates(points).flatten(1, -2)[:, None, None]
        values = functional.grid_sample(grid[:, None] - without, flat, align_corners=False) + without
        return values.view(points.shape[:-1])


@dataclass(frozen=True)
class Sight:
    """Objects on a table as a camera sees them, cropped so that each fills the window of a grid."""

    image: Tensor
    """(b, 6, pixels, pixels): red, green, blue, the object's mask; depth from the grid's middle and height
    above the table, in halves of the grid's side."""
    points: Tensor
    """(b, pixels * pixels, 3), world points of the pixels, metres."""
    frustum: Frustum
    """The space of the grid's cells."""
    half: Tensor
    """(b,), half the side of the grid, metres."""
    view: Tensor
    """(b, 4, 4)."""
    projection: Tensor
    """(b, 4, 4)."""

    @property
    def middle(self) -> Tensor:
        """World points (b, 3) of the grids' middles."""
        centre = self.frustum.centre[:, None]
        rays = pixel_rays(self.view, self.projection, centre[..., :2])
        return rays.points(centre[..., 2:])[:, 0, 0]


def look(observation: Observation, pixels: int, device: torch.device | str = "cpu") -> Sight:
    """Find the object in RGBD images, as the part above the table z = 0, and crop it.

    Args:
        observation: `image` uint8 (b, h, w, 3), `depth` (b, h, w) in metres, `view` and `projection`
            (b, 4, 4).
        pixels: side of the crop, which is sampled by nearest neighbours.
        device: of the result.

    Raises:
        ValueError: an entry is missing or has another shape.
    """
    image, depth, view, projection = _read(observation, device)
    b, _, h, w = image.shape
    places = image_places(h, w, device).expand(b, h, w, 2)
    points = surface_points(depth, view, projection)
    raised = (points[..., 2] > RAISED) & (depth < 0.98 * far_depth(projection)[:, None, None])
    low, high = _bounds(torch.cat([places, depth[..., None]], -1), raised)
    scale = projection[:, (0, 1), (0, 1)]
    across = ((high - low)[:, :2] / 2 + 1 / w) * low[:, 2:] / scale
    half = MARGIN * torch.cat([across, (high - low)[:, 2:] / 2], 1).amax(1, keepdim=True).clamp_min(SMALLEST)
    middle = low[:, 2:] + half / MARGIN
    centre = torch.cat([(low + high)[:, :2] / 2, middle], 1)
    frustum = Frustum(projection @ view, centre, torch.cat([half * scale / middle, half], 1))
    window = centre[:, None, None, :2] + frustum.half[:, None, None, :2] * image_places(
        pixels, pixels, device
    )
    seen = torch.cat([image, raised[:, None].float(), depth[:, None], points.movedim(-1, 1)], 1)
    cut = pick(seen, window)
    colour, near, points = cut[:, :4], cut[:, 4:5], cut[:, 5:]
    units = half[:, :, None, None]
    near, height = (near - middle[:, :, None, None]) / units, points[:, 2:] / units
    shown = torch.cat([colour, near.clamp(-2, 2), height.clamp(-2, 2)], 1)
    return Sight(shown, points.flatten(2).mT, frustum, half[:, 0], view, projection)


def _read(observation: Observation, device: torch.device | str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    names = ("image", "depth", "view", "projection")
    if not isinstance(observation, Mapping) or not set(names) <= observation.keys():
        given = sorted(observation) if isinstance(observation, Mapping) else type(observation).__name__
        raise ValueError(f"observation must be a mapping with the keys {', '.join(names)}, not {given}")
    image = image_tensor(observation["image"], device)
    b, _, h, w = image.shape
    depth, view, projection = (
        _numbers(name, observation[name], shape, device)
        for name, shape in zip(names[1:], ((b, h, w), (b, 4, 4), (b, 4, 4)), strict=True)
    )
    return image, depth, view, projection


def _numbers(name: str, values: Any, shape: tuple[int, ...], device: torch.device | str) -> Tensor:
    try:
        tensor = torch.as_tensor(values).to(device).float()
    except (TypeError, ValueError, RuntimeError) as error:  # strings, objects, complex numbers
        raise ValueError(
            f"{name} must be numbers of the shape {shape}, not {type(values).__name__}"
        ) from error
    if tensor.shape != shape:
        raise ValueError(f"{name} has the shape {tuple(tensor.shape)}, expected {shape}")
    if not bool(tensor.isfinite().all()):
        raise ValueError(f"{name} must be finite")
    return tensor


def _bounds(values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the least and greatest (b, k) of values (b, h, w, k) under masks; empty masks count as full."""
    mask = (mask | ~mask.flatten(1).any(1)[:, None, None])[..., None]
    low = torch.where(mask, values, torch.inf).flatten(1, 2).amin(1)
    high = torch.where(mask, values, -torch.inf).flatten(1, 2).amax(1)
    return low, high


def pick(images: Tensor, places: Tensor) -> Tensor:
    """Return the pixels (b, c, n, m) of images (b, c, h, w) that are nearest to places (b, n, m, 2)."""
    down = places * places.new_tensor([1.0, -1.0])
    return functional.grid_sample(images, down, "nearest", align_corners=False)

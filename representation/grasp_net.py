"""A network that imagines an object's geometry and what a gripper would see of it, to predict grasps.

```
@inproceedings{yan2018learning,
  title={Learning 6-DOF Grasping Interaction via Deep 3D Geometry-aware Representations},
  author={Yan, Xinchen and Hsu, Jasmine and Khansari, Mohi and Bai, Yunfei and Pathak, Arkanath and
    Gupta, Abhinav and Davidson, James and Lee, Honglak},
  booktitle={ICRA}, year={2018}}
```
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from unknot.checks import above, count
from unknot.representation.learner import Learner, anneal, descend
from unknot.representation.projection import (
    Hits,
    Observation,
    Sight,
    cast,
    gripper_rays,
    log_likelihood,
    look,
    pick,
    pixel_rays,
    rotation_matrices,
)

__all__ = ["Features", "GraspNet"]

CELLS = 32
"""Cells along each side of the occupancy grid."""
BOTTLENECK = (48, 4, 4)
"""Channels, rows and columns of the bottleneck, 768 numbers."""
EMPTY = -8.0
"""Log odds of occupancy outside the grid."""

RAYS, SAMPLES = 384, 48
"""Rays of a view in the geometry's loss, and samples along each, about a cell apart."""
AROUND, THROUGH = 1.3, 1.5
"""Greatest distance of rays and of samples from the grid's middle, in halves of its side."""

LOCAL, DEPTHS = (8, 16), 16
"""Height and width in pixels of the gripper's view, and samples along its rays."""
BEHIND, SPREAD, NEAR, FAR = 0.12, (0.06, 0.03), 0.06, 0.16
"""The gripper's camera, metres: its distance to the gripper's centre, from the centre to the image's
edges, and its least and greatest depth. The fingertips are at 0.13, the palm is at 0.07."""

POSE = 19
"""Numbers that describe a pose (see `describe`)."""


@dataclass(frozen=True)
class Features:
    """All that scoring needs of b observations, so that many poses share it."""

    sight: Sight
    context: Tensor
    """(b, hidden), the predictor's input apart from the pose."""
    occupancy: Tensor | None
    """(b, 32, 32, 32), probabilities by slice, row, column (see `Frustum`); None without geometry."""


class GraspNet(Learner):
    """Predicts from an RGBD image whether a grasp will hold the object, using its imagined geometry.

    A shape encoder turns the image into a bottleneck of 768 numbers; a decoder turns that into an occupancy
    grid of 32³ cells. The grid is projected to cameras and trained to agree with the depth and the mask that
    they see; true grids are never used. The predictor of the outcome takes the features of a state encoder of
    the same kind, the gripper's pose and the gripper's view of the grid, as from a camera in its palm. The
    first `shape_steps` updates train the geometry, the others the outcome with the geometry frozen; each
    stage has its own optimiser. Without geometry it is the paper's baseline CNN, the same network without the
    shape branch.

    Where the paper is silent, or two cores are too few for it:

    - Slices of the grid are channels of 2D convolutions, not voxels of 3D ones, and lie along the camera's
      rays: the slices of a cell lie behind its pixel, and the encoder's features there are added to them
      (residual connections). In the world the grid is a part of the view's pyramid.
    - The object is cropped before it is encoded, so that it fills the window, in both networks.
    - The projection is trained by the log likelihood of the seen depths (`log_likelihood`).
    - The predictor sees the grid along the gripper's rays, and its projected depth and mask. The table counts
      as occupied.
    - Poses are relative to the camera, so that rotating the whole world about z changes nothing.

    The paper gives no sizes but that of the bottleneck. By default an image costs 67 million multiplications
    and a pose 1.4 million; with `width=64, hidden=512` 923 and 2.6 million (counted, forward).

    Args:
        geometry: whether there is a shape branch.
        width: channels of the first convolution; the next have two and four times as many.
        hidden: units of the predictor's layers.
        shape_steps: updates of the geometry.
        outcome_steps: updates of the outcome, which follow.
        learning_rate: Adam's; it falls to 0 over either stage as a half cosine.

    Raises:
        ValueError: an argument out of range.
    """

    done: Tensor
    entries = ("image", "depth", "view", "projection")

    def __init__(
        self,
        *,
        geometry: bool = True,
        width: int = 16,
        hidden: int = 192,
        shape_steps: int = 1000,
        outcome_steps: int = 1000,
        learning_rate: float = 2e-3,
    ) -> None:
        super().__init__()
        count(1, width=width, hidden=hidden)
        count(0, shape_steps=shape_steps, outcome_steps=outcome_steps)
        above(0, learning_rate=learning_rate)
        self.geometry, self.learning_rate = geometry, learning_rate
        self.shape_steps = shape_steps if geometry else 0
        self.outcome_steps = outcome_steps
        self.register_buffer("done", torch.zeros((), dtype=torch.long))
        self.state = Encoder(width)
        self.context = nn.Linear(math.prod(BOTTLENECK), hidden)
        self.pose = nn.Sequential(nn.Linear(POSE, hidden), nn.ReLU(), nn.Linear(hidden, hidden))
        self.predictor = Predictor(hidden)
        outcome: list[nn.Module] = [self.state, self.context, self.pose, self.predictor]
        self.optimizers: dict[str, Optimizer] = {}
        if geometry:
            self.shape = Encoder(width)
            self.decoder = Decoder(width)
            self.identity = nn.Linear(math.prod(BOTTLENECK), hidden)
            self.gripper = LocalView(hidden)
            outcome += [self.identity, self.gripper]
            shape = nn.ModuleList([self.shape, self.decoder])
            self.optimizers["shape"] = torch.optim.Adam(shape.parameters(), learning_rate, fused=True)
        self.optimizers["outcome"] = torch.optim.Adam(
            nn.ModuleList(outcome).parameters(), learning_rate, fused=True
        )

    @torch.no_grad()
    def encode(self, images: NDArray[np.uint8] | Tensor | Observation) -> Tensor:
        """Return the shape encoder's bottleneck (without geometry: the state encoder's) and its position.

        Returns:
            (b, 772): the bottleneck, 768; the middle of the window that it encodes, x and y in [-1, 1] in the
            image and the depth in metres; half the window's side in metres.

        Args:
            images: observations (see `observe`); images without depth are refused.

        Raises:
            ValueError: other observations.
        """
        sight = look(images, 2 * CELLS, self.done.device)  # type: ignore[arg-type]
        maps: list[Tensor] = (self.shape if self.geometry else self.state)(sight.image)
        return torch.cat([maps[-1].flatten(1), sight.frustum.centre, sight.half[:, None]], 1)

    def observe(self, observation: Observation) -> Features:
        """Compute everything for scoring that does not depend on a pose.

        Args:
            observation: `image` uint8 (b, h, w, 3), `depth` (b, h, w) in metres, `view` and `projection`
                (b, 4, 4); see `unknot.representation.projection`.

        Raises:
            ValueError: an entry is missing or has another shape.
        """
        sight = look(observation, 2 * CELLS, self.done.device)
        context = self.context(torch.relu(self.state(sight.image)[-1].flatten(1)))
        if not self.geometry:
            return Features(sight, context, None)
        with torch.no_grad():
            logits, identity = self.imagine(sight)
        return Features(sight, context + self.identity(torch.relu(identity)), torch.sigmoid(logits))

    def score(self, features: Features, poses: Tensor) -> Tensor:
        """Return the log odds (b, n) that grasps succeed.

        Args:
            features: of b observations.
            poses: (b, n, 6), the gripper's centre in the world in metres, and a rotation vector.

        Raises:
            ValueError: another shape.
        """
        b, n = len(features.context), poses.shape[1] if poses.ndim == 3 else 0
        if poses.shape != (b, n, 6):
            raise ValueError(f"poses has the shape {tuple(poses.shape)}, expected ({b}, n, 6)")
        poses = poses.to(features.context)
        inputs = features.context[:, None] + self.pose(describe(poses, features.sight))
        if features.occupancy is not None:
            inputs = inputs + self.gripper(see_from_gripper(features, poses)).unflatten(0, (b, n))
        odds: Tensor = self.predictor(inputs.flatten(0, 1)).view(b, n)
        return odds

    def imagine(self, sight: Sight) -> tuple[Tensor, Tensor]:
        """Return log odds (b, 32, 32, 32) that cells are occupied, and the shape's bottleneck (b, 768)."""
        maps = self.shape(sight.image)
        return self.decoder(maps), maps[-1].flatten(1)

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step: of the geometry during its steps, of the outcome after them.

        Args:
            batch: observations as in `observe`. For the geometry also views of the same placements from v
                cameras: `target_depth` (b, v, h, w), `target_mask` bool (b, v, h, w), `target_view`
                (b, v, 4, 4). For the outcome `pose` (b, n, 6) and `success`, bool (b, n).

        Returns:
            `surprise` of a ray in nats, or `cross_entropy` of an outcome in nats and `accuracy`.
        """
        done = int(self.done)
        first = done < self.shape_steps
        scalars = self._shape_losses(batch) if first else self._outcome_losses(batch)
        loss = scalars["surprise" if first else "cross_entropy"]
        steps = self.shape_steps if first else max(1, self.outcome_steps)
        optimizer = self.optimizers["shape" if first else "outcome"]
        anneal(optimizer, done if first else done - self.shape_steps, steps, self.learning_rate)
        descend(loss, optimizer)
        self.done += 1
        return {name: value.detach() for name, value in scalars.items()}

    def _shape_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        sight = look(batch, 2 * CELLS, self.done.device)
        return {"surprise": surprise(self.imagine(sight)[0], sight, batch)}

    def _outcome_losses(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        success = batch["success"]
        odds = self.score(self.observe(batch), batch["pose"])
        loss = functional.binary_cross_entropy_with_logits(odds, success.float())
        return {"cross_entropy": loss, "accuracy": ((odds > 0) == success).float().mean()}


# Geometry


def surprise(logits: Tensor, sight: Sight, batch: Mapping[str, Tensor]) -> Tensor:
    """Return the mean negative log likelihood of views along random rays near the object.

    Args:
        logits: (b, 32, 32, 32), log odds that cells are occupied.
        sight: with the space of the cells.
        batch: the cameras' `target_depth`, `target_mask` and `target_view` (see `GraspNet.update`).
    """
    b, v = batch["target_view"].shape[:2]
    view, seen, mask = (batch[f"target_{name}"].flatten(0, 1) for name in ("view", "depth", "mask"))
    middle, half, projection = (
        x.repeat_interleave(v, 0) for x in (sight.middle, sight.half[:, None], sight.projection)
    )
    place = (view[:, :3, :3] @ middle[:, :, None])[..., 0] + view[:, :3, 3]
    depth, scale = -place[:, 2:], projection[:, (0, 1), (0, 1)]
    offsets = AROUND * half * (2 * torch.rand(b * v, RAYS, 2, device=half.device) - 1).movedim(1, 0)
    places = (scale * (place[:, :2] + offsets) / depth).movedim(0, 1)
    samples = depth + THROUGH * half * torch.linspace(-1, 1, SAMPLES, device=half.device)
    points = pixel_rays(view, projection, places).points(samples[:, None])
    along = sight.frustum.sample(logits, points.view(b, -1, SAMPLES, 3), EMPTY).view(b * v, RAYS, SAMPLES)
    found = pick(torch.stack([seen, mask.float()], 1), places[:, None])[:, :, 0]
    likelihood = log_likelihood(along, samples[:, None], found[:, 0], found[:, 1] > 0.5)
    inside = (places.abs() < 1).all(-1)
    return -(likelihood * inside).sum() / inside.sum()


def local_hits(features: Features, poses: Tensor) -> tuple[Tensor, Hits]:
    """Return the grippers' view in poses (b, n, 6): cells (b n, rays, samples), and where the rays end.

    The table, below z = 0, counts as occupied.
    """
    assert features.occupancy is not None
    rays = gripper_rays(poses.flatten(0, 1), LOCAL, behind=BEHIND, spread=SPREAD)
    depth = torch.linspace(NEAR, FAR, DEPTHS, device=poses.device).view(1, 1, -1)
    points = rays.points(depth)
    cells = features.sight.frustum.sample(features.occupancy, points.view(len(poses), -1, DEPTHS, 3))
    cells = torch.where(points[..., 2] < 0, 1.0, cells.view(points.shape[:-1]))
    return cells, cast(cells, depth)


def see_from_gripper(features: Features, poses: Tensor) -> Tensor:
    """Return the grippers' view in poses (b, n, 6) as images (b n, samples + 2, 8, 16).

    Channels are the cells along each ray, the mask, and the expected depth from the gripper's centre in units
    of 5 cm.
    """
    cells, hits = local_hits(features, poses)
    depth = (hits.expected_depth(FAR) - BEHIND) / 0.05
    images = torch.cat([cells, hits.mask[..., None], depth[..., None]], -1).mT
    return images.reshape(len(cells), DEPTHS + 2, *LOCAL)


def describe(poses: Tensor, sight: Sight) -> Tensor:
    """Return poses (b, n, 6) relative to the camera, the table and the object: (b, n, 19)."""
    turn = rotation_matrices(poses[..., 3:])
    half = sight.half[:, None, None].expand(*poses.shape[:2], 1)
    height = poses[..., 2:3]
    tilt = sight.view[:, None, 2:3, 2].expand_as(half)
    seen = (sight.view[:, None, :3, :3] @ turn).flatten(2)
    place = sight.frustum.coordinates(poses[..., :3]).clamp(-3, 3)
    return torch.cat([seen, place, turn[..., 2, :], 10 * height, height / half, (10 * half).log(), tilt], -1)


# Networks


class Residual(nn.Module):
    """A residual block of two convolutions of maps (n, channels, h, w), initially the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        last = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(last.weight)
        first = nn.Conv2d(channels, channels, 3, padding=1)
        self.layers = nn.Sequential(nn.ReLU(), first, nn.ReLU(), last)

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps of the same shape."""
        added: Tensor = self.layers(maps)
        return maps + added


class Encoder(nn.Module):
    """Halves the side of images four times, down to the bottleneck.

    Args:
        width: channels of the first convolution.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 4, stride=2, padding=1), Residual(after))
            for before, after in pairwise((6, width, 2 * width, 4 * width, BOTTLENECK[0]))
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return maps of 32, 16, 8 and 4 pixels a side for images (n, 6, 64, 64)."""
        maps = [images]
        for level in self.levels:
            maps.append(level(maps[-1]))
        return maps[1:]


class Decoder(nn.Module):
    """Decodes a grid's slices as channels of an image, and adds the encoder's maps at every size.

    Args:
        width: the encoder's.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = list(pairwise((BOTTLENECK[0], 4 * width, 2 * width, width)))
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(*size, 4, stride=2, padding=1) for size in sizes)
        self.mix = nn.ModuleList(Residual(after) for _, after in sizes)
        self.slices = nn.Sequential(nn.ReLU(), nn.Conv2d(width, CELLS, 3, padding=1))

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Return log odds (n, 32, 32, 32): slices, rows, columns."""
        decoded = maps[-1]
        for enlarge, mix, seen in zip(self.enlarge, self.mix, reversed(maps[:-1]), strict=True):
            decoded = mix(enlarge(torch.relu(decoded)) + seen)
        logits: Tensor = self.slices(decoded)
        return logits


class LocalView(nn.Module):
    """Turns grippers' views into features.

    Args:
        features: their number.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(DEPTHS + 2, 32, 4, stride=2, padding=1),
            Residual(32),
            nn.ReLU(),
            nn.Conv2d(32, 32, 4, stride=2, padding=1),
            Residual(32),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2 * LOCAL[0] * LOCAL[1], features),
        )

    def forward(self, seen: Tensor) -> Tensor:
        """Return (n, features) of images (n, samples + 2, 8, 16)."""
        features: Tensor = self.layers(seen)
        return features


class Predictor(nn.Module):
    """Maps the sum of all inputs through residual layers to log odds.

    Args:
        hidden: units of its layers.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden))
            for _ in range(2)
        )
        self.odds = nn.Linear(hidden, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return log odds (n,) of inputs (n, hidden)."""
        for block in self.blocks:
            inputs = inputs + block(inputs)
        odds: Tensor = self.odds(torch.relu(inputs))[:, 0]
        return odds

"""Predicts which learnt variations an image permits at any position: dynamics for search."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from unknot.checks import above, at_least, count, finite
from unknot.representation.learner import Trainable, anneal, descend, image_tensor
from unknot.representation.networks import image_shape

__all__ = ["LatentMoves"]

PATCH = 8
"""Side in pixels of a place."""
THINGS = 8
"""Number of things in a scene whose places may determine the scene's part of h."""
PLACES_READ = 4
"""Places that are read after training: those with the most attention."""


class LatentMoves(Trainable):
    """Predicts what each of a few variations of a latent h does, given an image of the scene.

    Thomas et al. (2018), appendix B.2, predict by adding variations dh, "independently from the position h".
    That ignores obstacles and accumulates errors. Here T(h, dh | image) predicts first whether the variation
    happens, then where it ends. The image may be any of the scene: the model reads it at the position of h,
    not at that of the visible agent. So it can imagine a path through the whole scene, even in a maze that it
    was not trained on. It learns from observations of a moving agent, without positions, maps or masks:

    - the position of h in an image: two images of a scene differ at the agent's two positions, so the mean of
      the two attentions is trained to be there (cross-entropy);
    - the part that a scene adds to all its codes, from the positions of its things, learnt with all the rest;
    - whether a variation happens: h' − h is nearer to it than to zero (cross-entropy with equal weight for
      three outcomes, however rare: it happens, another happens, none happens). The image is from another
      time; otherwise the agent in it would reveal the position;
    - where it ends: h' (squared error). h has noise in all of these, so that long predictions stay close to
      codes that exist.

    Args:
        moves: (moves, dim), the variations h' − h.
        actions: (moves,), the action of each.
        centre: (dim,), the mean h.
        shape: (height, width, channels) of the images, in multiples of 8.
        features: channels of the feature map of an image.
        hidden: units of the networks on h.
        noise: standard deviation of the noise on h, as a share of the mean length of the moves.
        learning_rate: Adam's; it falls to 0 over `steps` as a half cosine.
        steps: updates of the whole training.

    Raises:
        ValueError: arguments that don't fit each other.
    """

    def __init__(
        self,
        moves: Sequence[Sequence[float]],
        actions: Sequence[int],
        *,
        centre: Sequence[float],
        shape: tuple[int, int, int] = (64, 64, 3),
        features: int = 32,
        hidden: int = 64,
        noise: float = 0.15,
        learning_rate: float = 3e-3,
        steps: int = 600,
    ) -> None:
        super().__init__()
        shape = image_shape(shape)
        count(1, features=features, hidden=hidden, steps=steps)
        at_least(0, noise=noise)
        above(0, learning_rate=learning_rate)
        _check_moves(moves, actions, centre)
        if not moves or len(moves) != len(actions) or {len(move) for move in moves} != {len(centre)}:
            raise ValueError(
                f"moves={moves!r} and actions={actions!r} must be equally many, at least one, "
                f"and all moves as long as centre={centre!r}"
            )
        if shape[0] % PATCH or shape[1] % PATCH:
            raise ValueError(f"shape must have height and width in multiples of {PATCH}, not {shape}")
        self.shape, self.noise, self.steps, self.learning_rate = shape, noise, steps, learning_rate
        self.features = features
        self.moves: Tensor
        self.actions: Tensor
        self.centre: Tensor
        self.done: Tensor
        rows = [list(map(float, move)) for move in moves]
        self.register_buffer("moves", torch.tensor(rows))
        self.register_buffer("centre", torch.tensor(list(map(float, centre))))
        self.register_buffer("actions", torch.tensor(list(map(int, actions))))
        self.register_buffer("done", torch.zeros((), dtype=torch.long))
        lengths = torch.tensor(rows, device="cpu").norm(dim=1)  # with values even where nothing has memory
        self.length, self.reach = float(lengths.mean()), float(lengths.min())
        number, dim = self.moves.shape
        places = shape[0] // PATCH * (shape[1] // PATCH)
        self.maps = nn.Sequential(
            nn.Conv2d(shape[2], 16, 4, stride=4),
            nn.ReLU(),
            nn.Conv2d(16, features, 2, stride=2),
            nn.ReLU(),
            nn.Conv2d(features, features, 3, padding=1),
            nn.ReLU(),
        )
        self.things = nn.Linear(features, THINGS)
        self.added = nn.Linear(2 * THINGS, dim)
        nn.init.zeros_(self.added.weight)
        axes = [torch.linspace(-1, 1, side // PATCH) for side in shape[:2]]
        self.grid: Tensor
        self.register_buffer("grid", torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2))
        self.attention = nn.Sequential(
            nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, places)
        )
        self.chances = nn.Sequential(nn.Linear(features + dim, hidden), nn.ReLU(), nn.Linear(hidden, number))
        self.ends = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, number * dim))
        optimizer = torch.optim.Adam(self.parameters(), learning_rate, fused=True)
        self.optimizers = {"adam": optimizer}

    @torch.no_grad()
    def maps_of(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return feature maps (n, places x features) of images (n, h, w, c), to predict moves from."""
        return self._maps(images).flatten(1)

    @torch.no_grad()
    def in_scene(self, images: NDArray[np.uint8] | Tensor, h: Tensor) -> Tensor:
        """Return h (n, dim) without what the scenes of images (n, h, w, c) add: the input of other methods.

        A code may contain information on the scene that no action changes. Use the same image for two codes
        that are compared or follow each other.
        """
        return h - self._added(self._maps(images))

    def chance(self, maps: Tensor, h: Tensor, scene: Tensor) -> Tensor:
        """Return the log odds that each move happens.

        Args:
            maps: (scenes, places x features), as `maps_of` gives them.
            h: (n, dim).
            scene: (n,), int64, the index of each h's scene.

        Returns:
            (n, moves).
        """
        share, place = self._where(h).topk(PLACES_READ, 1)
        here = maps.view(len(maps), -1, self.features)[scene[:, None], place]
        share = share / share.sum(1, keepdim=True)
        return self._odds((share[:, :, None] * here).sum(1), h)

    def end(self, h: Tensor) -> Tensor:
        """Return the end of each move from h (n, dim), if it happens: (n, moves, dim)."""
        added = self.ends(self._scaled(h)).view(len(h), *self.moves.shape)
        ends: Tensor = h[:, None] + self.moves + self.length * added
        return ends

    def nearest(self, changes: Tensor) -> Tensor:
        """Return the move nearest to each change of h (n, dim), (n,); -1 if zero is nearer."""
        still = torch.zeros_like(self.moves[:1])
        return torch.cdist(changes, torch.cat([still, self.moves])).argmin(1) - 1

    @torch.no_grad()
    def imagine(self, maps: Tensor, h: Tensor, actions: Tensor) -> Tensor:
        """Predict the codes that actions lead through.

        Args:
            maps: (n, places x features), as `maps_of` gives them.
            h: (n, dim), the start.
            actions: (n, steps), int64. An action without a move changes nothing.

        Returns:
            (n, steps + 1, dim), h first.
        """
        rows, path = torch.arange(len(h), device=h.device), [h]
        for action in actions.unbind(1):
            odds = self.chance(maps, path[-1], rows)
            best, move = odds.masked_fill(self.actions != action[:, None], -torch.inf).max(1)
            path.append(torch.where(best[:, None] > 0, self.end(path[-1])[rows, move], path[-1]))
        return torch.stack(path, 1)

    @torch.no_grad()
    def place(self, h: Tensor) -> Tensor:
        """Return the place (..., 2) of h (..., dim) in an image: row and column in squares of 8 pixels."""
        place = self._where(h.flatten(0, -2)).argmax(1).view(h.shape[:-1])
        columns = self.shape[1] // PATCH
        return torch.stack([place // columns, place % columns], -1)

    @torch.no_grad()
    def step(self, z: Tensor, u: Tensor) -> Tensor:
        """Return the result of moves.

        Args:
            z: (n, dim + places x features): h in its scene (`in_scene`), and the scene's maps (`maps_of`).
            u: (n, dim), each replaced with the nearest row of `moves`, or 0 to stay.
        """
        h, maps = z[:, : self.moves.shape[1]], z[:, self.moves.shape[1] :]
        rows = torch.arange(len(z), device=z.device)
        move = self.nearest(u)
        happens = (self.chance(maps, h, rows)[rows, move] > 0) & (move >= 0)
        return torch.cat([torch.where(happens[:, None], self.end(h)[rows, move], h), maps], 1)

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one optimisation step.

        Args:
            batch: episodes: `images`, uint8 (n, k + 1, h, w, c); `codes`, their h, (n, k + 1, dim); `action`,
                int64 (n, k).
        """
        images, codes, action = batch["images"], batch["codes"], batch["action"]
        n, k = action.shape
        rows, device = torch.arange(n, device=codes.device), codes.device
        seen, other = torch.randint(k + 1, (2, n), device=device)
        maps = self._maps(images[rows, seen])
        codes = codes - self._added(maps)[:, None]
        noisy = codes + self.noise * self.length * torch.randn_like(codes)
        where = self._where(noisy[rows, seen]) + self._where(noisy[rows, other])
        differ = self._difference(images[rows, seen], images[rows, other])
        place = -(differ * (where / 2 + 1e-6).log()).sum(1).mean()

        before, after = noisy[:, :-1].flatten(0, 1), codes[:, 1:].flatten(0, 1)
        here = torch.einsum("nkp,npf->nkf", self._where(before).view(n, k, -1), maps)
        odds = self._odds(here.flatten(0, 1), before)
        made = self.nearest((codes[:, 1:] - codes[:, :-1]).flatten(0, 1))
        tried = action.flatten()[:, None] == self.actions
        happened = made[:, None] == torch.arange(len(self.moves), device=device)
        chance = (
            functional.binary_cross_entropy_with_logits(odds, happened.float(), reduction="none")
            * balanced(tried, happened, made[:, None] >= 0)
        ).sum()
        miss = (self.end(before) - after[:, None]).square().sum(2) / self.length**2
        end = (miss * happened).sum() / happened.sum().clamp(min=1)

        self._schedule()
        descend(place + chance + end, self.optimizers["adam"])
        wrong = ((odds > 0) != happened)[tried].float().mean()
        return {
            "loss/place": place.detach(),
            "loss/chance": chance.detach(),
            "loss/end": end.detach(),
            "wrong": wrong,
        }

    def _schedule(self) -> None:
        anneal(self.optimizers["adam"], int(self.done), self.steps, self.learning_rate)
        self.done += 1

    def _maps(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return maps (n, places, features)."""
        maps: Tensor = self.maps(image_tensor(images, self.moves.device, self.shape)).flatten(2).mT
        return maps

    def _added(self, maps: Tensor) -> Tensor:
        """Return what scenes add to h, from their maps (n, places, features): (n, dim)."""
        where = self.things(maps).softmax(1).mT @ self.grid
        added: Tensor = self.added(where.flatten(1))
        return added

    def _odds(self, here: Tensor, h: Tensor) -> Tensor:
        odds: Tensor = self.chances(torch.cat([here, self._scaled(h)], 1))
        return odds

    def _where(self, h: Tensor) -> Tensor:
        where: Tensor = self.attention(self._scaled(h)).softmax(1)
        return where

    def _scaled(self, h: Tensor) -> Tensor:
        return (h - self.centre) / self.length

    def _difference(self, some: Tensor, others: Tensor) -> Tensor:
        """Return where images differ, as shares of the total difference: (n, places)."""
        device = self.moves.device
        squared = (image_tensor(some, device) - image_tensor(others, device)).square().sum(1, keepdim=True)
        pooled = functional.avg_pool2d(squared, PATCH).flatten(1)
        shares: Tensor = pooled / pooled.sum(1, keepdim=True).clamp(min=1e-9)
        return shares


def _check_moves(moves: Any, actions: Any, centre: Any) -> None:
    """Refuse what is no table of finite numbers."""
    rows = moves if isinstance(moves, list | tuple) and moves else [None]
    for name, values in (("actions", actions), ("centre", centre), *[("moves", row) for row in rows]):
        if not isinstance(values, list | tuple) or not values:
            raise ValueError(f"{name} must have lists of numbers, at least one, not {values!r}")
        for value in values:
            if name == "actions":
                count(0, actions=value)
            else:
                finite(**{name: value})


def balanced(tried: Tensor, happened: Tensor, something: Tensor) -> Tensor:
    """Return weights (n, moves) with sum 1; the outcomes of a move that occur have equal total weight.

    Args:
        tried: bool (n, moves), where a move was tried.
        happened: bool (n, moves), where it happened.
        something: bool (n, 1), where any move did.
    """
    weights = torch.zeros(tried.shape, device=tried.device)
    for cases in (tried & happened, tried & ~happened & something, tried & ~something):
        weights += cases / cases.sum(0).clamp(min=1)
    return weights / weights.sum().clamp(min=1)

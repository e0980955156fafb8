"""Shared by RCE and E2C: locally linear latent dynamics, encoded from and decoded to images.

The bound alone leaves the shape of the latent map to the networks. So both take three aids, each an option
that can be turned off (weight 0, or False):

- `gauge` fixes the remaining freedom: the shared B is the identity times `gain`, the latent is centred,
  and a robust loss pulls μ(x') − μ(x) to B u, the displacement that the action implies.
- `pull` keeps A near I, B near the shared B and c near 0, which the bound hardly determines where the
  posterior is narrow.
- `blocked` separates moves that did not go where their action says. They are detected in the latents, which
  did not move or have an unusually large residual. Such moves don't train the free dynamics; a classifier
  learns their landing points as obstacles after training (`survey`). Without it every move counts as free and
  obstacles are unknown.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import Independent, Normal
from torch.nn import functional
from torch.optim import Optimizer

from unknot.checks import above, at_least, count
from unknot.representation.cameras import Views
from unknot.representation.gaussian import Gaussian
from unknot.representation.learner import Learner, encode_all, expand, image_tensor
from unknot.representation.networks import BroadcastDecoder, ConvEncoder, image_shape, mlp
from unknot.representation.obstacles import fit_obstacles, obstacle_classifier

__all__ = ["LocallyLinear"]

OBSTACLE_DETAIL = 3.0
"""Size of the details that the map of obstacles resolves, in units of action."""
LOG_VARIANCE = (-12.0, 2.0)
"""Limits of every predicted log variance."""


@dataclass(frozen=True)
class Encoding:
    """The encoder's outputs for n images."""

    features: Tensor
    """(n, features)"""
    dynamics: Gaussian
    """q(z | x), (n, latent_dim)"""
    content: Gaussian
    """q(w | x), (n, content_dim)"""
    seen: Gaussian
    """q(z | x) before the camera maps it (see `Views`); equal to `dynamics` without `views`."""

    def split(self, sizes: list[int]) -> list["Encoding"]:
        """Split the rows into blocks of the given sizes."""
        gaussians = (self.dynamics, self.content, self.seen)
        parts = (torch.split(self.features, sizes), *(gaussian.split(sizes) for gaussian in gaussians))
        return [Encoding(*block) for block in zip(*parts, strict=True)]


@dataclass(frozen=True)
class Matrices:
    """The papers' linear dynamics at n points: ẑ = A z + B u + c with A = I + v rᵀ."""

    v: Tensor
    """(n, latent_dim)"""
    r: Tensor
    """(n, latent_dim)"""
    B: Tensor
    """(n, latent_dim, action_dim)"""
    c: Tensor
    """(n, latent_dim)"""

    @property
    def A(self) -> Tensor:
        """(n, latent_dim, latent_dim)."""
        return torch.eye(self.v.shape[-1], device=self.v.device) + self.v[:, :, None] * self.r[:, None]

    def apply(self, z: Tensor, u: Tensor) -> Tensor:
        """Return A z + B u + c, (n, latent_dim)."""
        return z + self.v * (self.r * z).sum(-1, keepdim=True) + self._drive(u)

    def invert(self, z_next: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return A⁻¹(ẑ − B u − c), (n, latent_dim), by Sherman and Morrison, and log |det A|, (n,)."""
        undriven = z_next - self._drive(u)
        determinant = 1 + (self.v * self.r).sum(-1)
        safe = torch.where(determinant.abs() < 1e-3, torch.full_like(determinant, 1e-3), determinant)
        z = undriven - self.v * ((self.r * undriven).sum(-1) / safe)[:, None]
        return z, safe.abs().log()

    def _drive(self, u: Tensor) -> Tensor:
        return (self.B @ u[:, :, None])[..., 0] + self.c


class LocallyLinear(Learner):
    """A latent space with locally linear dynamics, ẑ = A(z) z + B(z) u + c(z), A = I + v(z) r(z)ᵀ.

    A subclass defines the bound that it maximises (`objective`). The moving part of an image is encoded as z,
    the content, unless `content_dim` is 0, as w. Batches of `update` hold the triples `observation` (uint8
    (n, h, w, c)), `action` (n, action_dim) and `next_observation`, and, where there are sets without actions,
    `passive`: uint8 (n, sets − 1, h, w, c), n images from each.

    Args:
        shape: (height, width, channels) of the images.
        latent_dim: dimension of z.
        action_dim: dimension of u.
        content_dim: dimension of w; 0 for a model without content.
        sets: observation sets, the one with actions included.
        gain: how far an action of 1 moves z under the gauge; with 0.1 z has a standard deviation of about 1
            where actions cover a tenth of the space.
        gauge: weight of the gauge (see the module docstring); 0 leaves the shared B free.
        pull: weight of the pull on A, B and c.
        blocked: whether blocked moves are separated from free ones.
        views: whether content also determines the background and the camera (`Views`).
        landmarks: how many encoded states to remember (see `survey`).
        learning_rate: its peak; it rises for 30% of the steps and then falls to 0. The decoder's is three
            times as high.
        steps: updates of the whole training.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, int, int] = (40, 40, 1),
        latent_dim: int = 2,
        action_dim: int = 2,
        content_dim: int = 0,
        sets: int = 1,
        gain: float = 0.1,
        gauge: float = 1.0,
        pull: float = 1.0,
        blocked: bool = True,
        views: bool = False,
        landmarks: int = 1000,
        learning_rate: float = 2e-3,
        steps: int = 2000,
    ) -> None:
        super().__init__()
        count(1, latent_dim=latent_dim, action_dim=action_dim, sets=sets, landmarks=landmarks, steps=steps)
        count(0, content_dim=content_dim)
        above(0, gain=gain, learning_rate=learning_rate)
        at_least(0, gauge=gauge, pull=pull)
        self.shape = image_shape(shape)
        self.latent_dim, self.action_dim = latent_dim, action_dim
        self.content_dim, self.sets = content_dim, sets
        self.gain, self.gauge, self.pull, self.blocked = gain, gauge, pull, blocked
        self.learning_rate, self.steps = learning_rate, steps
        self.landmark_count = landmarks
        self.encoder = ConvEncoder(self.shape)
        self.dynamics_head = nn.Linear(self.encoder.features, 2 * latent_dim)
        self.content_head = mlp(self.encoder.pooled_features, 32, 2 * content_dim) if content_dim else None
        self.decoder = BroadcastDecoder(self.shape, latent_dim, content_dim)
        if views and not content_dim:
            raise ValueError("views=True reads the camera off the content, but content_dim is 0")
        self.views = Views(self.shape, content_priors(sets, content_dim), latent_dim) if views else None
        self.B = nn.Parameter(gain * torch.eye(latent_dim, action_dim), requires_grad=gauge == 0)
        self.transition = mlp(latent_dim, 64, 64, latent_dim * (3 + action_dim))
        for parameter in (self.transition[-1].weight, self.transition[-1].bias):
            nn.init.zeros_(parameter)  # type: ignore[arg-type]
        self.obstacle = obstacle_classifier(latent_dim, OBSTACLE_DETAIL * gain)
        self.spread: Tensor
        self.updates: Tensor
        self.landmarks: Tensor
        self.content_means: Tensor
        self.register_buffer("spread", torch.tensor(10 * gain))
        self.register_buffer("updates", torch.tensor(0))
        self.register_buffer("landmarks", torch.zeros(landmarks, latent_dim))
        self.register_buffer("content_means", torch.zeros(sets, content_dim))

    # Interface

    @property
    def surveyed(self) -> bool:
        """Whether `survey` has been called: landmarks begin as zeros."""
        return bool(self.landmarks.any())

    def survey(self, triples: Mapping[str, NDArray[Any]], *, steps: int = 2000, seed: int = 0) -> None:
        """Learn from the training triples, after training, which states exist and where obstacles are.

        The latents of the first `landmarks` images are remembered as states that exist. The obstacle
        classifier learns to separate the landing points of blocked moves from all observed states.

        Args:
            triples: `observation`, `action` and `next_observation` as in a batch, n rows.
            steps: of the classifier's training, on 1,024 points each.
            seed: of the order of the points.
        """
        encoded = self.encode_all(np.concatenate([triples["observation"], triples["next_observation"]]))
        z, after = encoded.chunk(2)
        self.landmarks.copy_(z[torch.arange(self.landmark_count) % len(z)])
        if not self.blocked:
            return
        with torch.no_grad():
            landing = self.step(z, torch.as_tensor(triples["action"], device=z.device))
            self.spread.copy_((after - landing).norm(dim=-1).median().clamp_min(self.gain / 10))
            barred = 1 - self._freedom(z, after, landing)
        points = torch.cat([landing, z, after])
        labels = torch.cat([barred, torch.zeros_like(barred), torch.zeros_like(barred)])
        fit_obstacles(self.obstacle, points, labels, steps=steps, seed=seed)

    def encode_all(self, images: NDArray[np.uint8], batch: int = 1024) -> Tensor:
        """Encode any number of images in batches, without gradient."""
        return encode_all(self, images, batch)

    def calibrate(self, *images: NDArray[np.uint8]) -> None:
        """Set the background to mean images of training data; call it before training.

        Args:
            images: uint8 (n, h, w, c) for each set; without `views` all sets share the mean.
        """
        means = torch.stack([image_tensor(each).mean(0) for each in images])
        backgrounds = torch.logit(means.clamp(0.02, 0.98))
        self.encoder.mean.copy_(means.mean(0))
        self.decoder.background.data.copy_(backgrounds.mean(0))
        if self.views is not None:
            self.views.means.copy_(means)
            self.views.backgrounds.data.copy_(backgrounds - backgrounds.mean(0))

    def posterior(self, images: NDArray[np.uint8] | Tensor) -> "Independent":  # type: ignore[type-arg]
        """Return q(z | x) of uint8 images (n, h, w, c), a distribution over (n, latent_dim)."""
        dynamics = self._encode(image_tensor(images, self.B.device, self.shape)).dynamics
        return Independent(Normal(dynamics.mean, (dynamics.log_variance / 2).exp()), 1)

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return the posterior means of z, (n, latent_dim), of uint8 images (n, h, w, c)."""
        return self._encode(image_tensor(images, self.B.device, self.shape)).dynamics.mean

    def content(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return the posterior means of w, (n, content_dim), of uint8 images (n, h, w, c)."""
        return self._encode(image_tensor(images, self.B.device, self.shape)).content.mean

    def decode(self, z: Tensor, w: Tensor | None = None) -> Tensor:
        """Decode codes.

        Args:
            z: (n, latent_dim).
            w: (n, content_dim); None uses the mean content of the first set.

        Returns:
            Expected images, float (n, h, w, c) in [0, 1].
        """
        w = self.content_means[:1].expand(len(z), -1) if w is None else w
        return torch.sigmoid(self.render(self.see(z, w), w)).movedim(1, -1)

    def see(self, z: Tensor, w: Tensor) -> Tensor:
        """Return where cameras of contents w (n, content_dim) see z (n, latent_dim)."""
        return z if self.views is None else self.views.see(z, w)

    def place(self, seen: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """Return z from where it is seen, the inverse of `see`, and log |det| of the map's Jacobian (n,)."""
        return (seen, seen.new_zeros(len(seen))) if self.views is None else self.views.place(seen, w)

    def render(self, seen: Tensor, w: Tensor) -> Tensor:
        """Return the logits (n, c, h, w) of images, given what `see` returns."""
        logits: Tensor = self.decoder(seen, w)
        return logits if self.views is None else logits + self.views.background(w)

    def matrices(self, z: Tensor) -> Matrices:
        """Return A, B and c around points z (n, latent_dim): the linear dynamics of the papers' eq. 2."""
        d = self.latent_dim
        v, r, B, c = self.transition(z).split([d, d, d * self.action_dim, d], -1)
        return Matrices(v, r, self.B + self.gain * B.reshape(-1, d, self.action_dim), self.gain * c)

    def step(self, z: Tensor, u: Tensor) -> Tensor:
        """Return A(z) z + B(z) u + c(z), where free moves u (n, action_dim) lead from z (n, latent_dim)."""
        return self.matrices(z).apply(z, u)

    def linearize(self, z: Tensor, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the first-order expansion of `step` at (z, u), dA/dz, dB/dz and dc/dz included.

        Returns:
            A (n, latent_dim, latent_dim), B (n, latent_dim, action_dim) and c (n, latent_dim) with
            step(z, u) = A z + B u + c.
        """
        return expand(self.step, z, u)

    def obstruction(self, z: Tensor) -> Tensor:
        """Return the log odds (...) that no move can end at z (..., latent_dim); -10 without `blocked`."""
        return self.obstacle(z)[..., 0] if self.blocked else torch.full(z.shape[:-1], -10.0, device=z.device)

    def obstruction_between(self, z: Tensor, z_next: Tensor) -> Tensor:
        """Return the highest obstruction, log odds (n,), on the line from z to z_next, (n, latent_dim)."""
        parts = torch.linspace(0.25, 1, 4, device=z.device)[:, None, None]
        return self.obstruction(z + parts * (z_next - z)).amax(0)

    def predict(self, images: NDArray[np.uint8] | Tensor, actions: NDArray[np.float32] | Tensor) -> Tensor:
        """Predict the next images; moves that would end in an obstacle don't move.

        Args:
            images: uint8 (n, h, w, c).
            actions: (n, action_dim).

        Returns:
            Expected images, float (n, h, w, c) in [0, 1].
        """
        code = self._encode(image_tensor(images, self.B.device, self.shape))
        z = code.dynamics.mean
        z_next = self.step(z, torch.as_tensor(actions, dtype=z.dtype, device=z.device))
        stays = (self.obstruction(z_next) > 0)[:, None]
        return self.decode(torch.where(stays, z, z_next), code.content.mean)

    # Training

    @abstractmethod
    def objective(
        self, here: Encoding, after: Encoding, passive: Encoding, u: Tensor, free: Tensor, images: Tensor
    ) -> dict[str, Tensor]:
        """Return the terms of the negative bound, whose sum is minimised.

        Args:
            here: encodings of x, n rows.
            after: encodings of x', n rows.
            passive: encodings of the action-less images, set by set.
            u: actions (n, action_dim).
            free: weights of the moves (n,), 1 for free and 0 for blocked ones, without gradient.
            images: x, x' and the action-less images in [0, 1], concatenated.
        """

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step on a batch of triples and action-less images; return the terms of the loss and `free`.

        Raises:
            ValueError: `passive` has another number of sets than the learner.
        """
        triples = [batch["observation"], batch["next_observation"]]
        passive = batch.get("passive", triples[0][:, None][:, :0])
        if passive.shape[1] != self.sets - 1:
            raise ValueError(
                f"passive has the shape {tuple(passive.shape)}, "
                f"expected (n, {self.sets - 1}, height, width, channels) for {self.sets} sets"
            )
        passive = passive.transpose(0, 1).flatten(0, 1)
        images = image_tensor(torch.cat([*triples, passive]), self.B.device)
        u, n = batch["action"].float(), len(triples[0])
        here, after, others = self._encode(images).split([n, n, len(passive)])
        free = self._free(here, after, u)
        terms = self.objective(here, after, others, u, free, images)
        if self.gauge:
            terms["gauge"] = self.gauge * self._gauge_loss(here, after, u, free)
        if self.pull:
            terms["pull"] = (
                10 * self.pull * self.transition(here.dynamics.mean.detach()).square().sum(-1).mean()
            )
        self._descend(torch.stack(list(terms.values())).sum())
        self._remember_contents(after, others)
        return {**{name: term.detach() for name, term in terms.items()}, "free": free.mean()}

    def _encode(self, images: Tensor) -> Encoding:
        features, pooled = self.encoder(images)
        if self.content_head is None:
            seen, empty = self._seen(features), features[:, :0]
            return Encoding(features, seen, Gaussian(empty, empty), seen)
        mean, log_variance = self.content_head(pooled).chunk(2, -1)
        content = Gaussian(mean, (log_variance - 2).clamp(*LOG_VARIANCE))
        known = mean.detach()  # positions must not train the content
        if self.views is not None:
            features, _ = self.encoder(images, self.views.mean(known))
        seen = self._seen(features)
        place, stretch = self.place(seen.mean, known)
        wider = 2 / self.latent_dim * stretch[:, None]
        return Encoding(features, Gaussian(place, seen.log_variance + wider), content, seen)

    def _seen(self, features: Tensor) -> Gaussian:
        mean, log_variance = self.dynamics_head(features).chunk(2, -1)
        return Gaussian(mean, (log_variance - 4).clamp(*LOG_VARIANCE))

    def _residual(self, here: Encoding, after: Encoding, u: Tensor) -> Tensor:
        return after.dynamics.mean - here.dynamics.mean - u @ self.B.T

    @torch.no_grad()
    def _free(self, here: Encoding, after: Encoding, u: Tensor) -> Tensor:
        """Return how free the moves of a batch were; track the usual residual over batches."""
        if not self.blocked:
            return torch.ones(len(u), device=u.device)
        usual = self._residual(here, after, u).norm(dim=-1).median().clamp_min(self.gain / 10)
        self.spread.lerp_(usual, 0.02)
        return self._freedom(here.dynamics.mean, after.dynamics.mean, here.dynamics.mean + u @ self.B.T)

    def _freedom(self, z: Tensor, after: Tensor, landing: Tensor) -> Tensor:
        """Return about 1 for moves (n,) that ended within four usual residuals of their landing, else 0.

        A move that did not change z is not free, however large process noise makes the usual residual.
        """
        stayed = (after - z).norm(dim=-1) < 0.05 * (landing - z).norm(dim=-1)
        square = (after - landing).square().sum(-1) / self.spread.square()
        free: Tensor = torch.sigmoid(8 - square / 2) * ~stayed
        return free

    def _gauge_loss(self, here: Encoding, after: Encoding, u: Tensor, free: Tensor) -> Tensor:
        residual = self._residual(here, after, u) / self.gain  # in units of actions
        robust = functional.huber_loss(residual, torch.zeros_like(residual), reduction="none").sum(-1)
        tight = free * residual.square().sum(-1)
        centre = here.dynamics.mean.mean(0).square().sum()
        return (10 * robust + 25 * tight).mean() + centre

    def _descend(self, loss: Tensor) -> None:
        optimizer = self.optimizers["adam"]
        rate = self.learning_rate * _one_cycle(min(1.0, float(self.updates) / self.steps))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for group in optimizer.param_groups:
            group["lr"] = rate * group["pace"]
            nn.utils.clip_grad_norm_(group["params"], 50.0)
        optimizer.step()
        self.updates += 1

    @torch.no_grad()
    def _remember_contents(self, after: Encoding, others: Encoding) -> None:
        if self.content_dim:
            contents = [after.content.mean, *others.content.mean.chunk(max(1, self.sets - 1))]
            means = torch.stack([content.mean(0) for content in contents[: self.sets]])
            self.content_means.lerp_(means, 0.02)

    def _adam(self) -> dict[str, Optimizer]:
        """Return Adam; the decoder learns three times as fast, as the swap term relies on what it renders."""
        trained = [
            (name, p) for name, p in self.named_parameters() if p.requires_grad and "obstacle" not in name
        ]
        paces = {"decoder.": 3.0, "views.": 10.0, "": 1.0}
        groups: dict[str, list[nn.Parameter]] = {start: [] for start in paces}
        for name, parameter in trained:
            groups[next(start for start in paces if name.startswith(start))].append(parameter)
        chosen = [{"params": group, "pace": paces[start]} for start, group in groups.items() if group]
        return {"adam": torch.optim.Adam(chosen, self.learning_rate, fused=True)}


def content_priors(sets: int, content_dim: int) -> Tensor:
    """Return the means (sets, content_dim) of p(w): from 1 for the first set to −1 for the last."""
    return torch.linspace(1, -1, sets)[:, None].repeat(1, content_dim)


def reconstruction(logits: Tensor, images: Tensor) -> Tensor:
    """Return −log p(x | ·), (n,): the Bernoulli cross-entropy summed over pixels and channels."""
    loss = functional.binary_cross_entropy_with_logits(logits, images, reduction="none")
    return loss.flatten(1).sum(-1)


def _one_cycle(progress: float) -> float:
    """Return the learning rate's factor: it rises on a cosine for 30% of training, then falls to 0."""
    if progress < 0.3:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * progress / 0.3)) / 2
    return (1 + math.cos(math.pi * (progress - 0.3) / 0.7)) / 2

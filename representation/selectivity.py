"""Independently controllable factors: selectivity, with continuous factors."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from unknot.checks import above, at_least, count, one_of, within
from unknot.representation.interaction import Act, sample_actions
from unknot.representation.learner import Learner, check_images, descend, image_tensor
from unknot.representation.networks import Maps, image_shape

__all__ = ["KERNELS", "SPACES", "Selectivity", "contrast"]

SPACES = ("hypercube", "sphere", "simplex", "scaled_simplex")
"""Where factors lie: [-1, 1]^K by tanh; length 1; from 0 with sum 1; the last times a tanh in (-1, 1)."""
KERNELS = ("gaussian", "inner")
"""Similarities A(h', h, φ): exp(-‖h' - (h + φ)‖² / 2σ²), or max(0, ⟨h' - h, φ⟩)."""
SETTLING = (0.25, 0.6)
"""Shares of training between which the pull and the sharpness rise to their final values."""
DECODED_IMAGES = 32
"""Images of a batch that are decoded, at most; decoding costs more than encoding."""
LEAST_SIMILARITY = 1e-3
"""Lower bound of the inner product, so that its logarithm exists."""


class Selectivity(Learner):
    """A code h = f(s) and policies π(a | h, φ) that each cause their variation φ = Φ(h, z) of the code.

    Thomas et al., "Disentangling the independently controllable factors of variation by interacting with
    the world", 2018.

    It maximises the selectivity (eq. 1), in nats, for each of n factors φ of a state,

        S(h, φ) = E[log A(h', h, φ) - log mean_φ' A(h', h, φ')],    s' after actions from π(· | h, φ).

    Every transition serves all factors of its state: its weight for each is w = π(a | h, φ) / β(a | s), β the
    behaviour's probability (over k steps, products of both). ∇(w (S - V)) = w ∇S + w (S - V) ∇log π is the
    gradient of appendix D, with the importance weights of A.1. Gradients of S reach encoder and generator,
    those of log π reach policy, encoder and generator. Networks take two vectors as all products of their
    entries, with 1 appended to each (A.1; without the 1 the result would be 0 where one of them is 0).

    The paper's training is unstable. The additions, each with the value that turns it off:

    - `spread`: φ is generated around its noise: the outputs before squashing are spread z + Φ(h, z), so that
      the whole space is covered from the first step (0).
    - `sharpness`: the final factor of these outputs, which moves factors of the hypercube to its corners (1).
    - `pull`: the final weight of w r ‖h' - h - φ‖², w, φ and r = A / mean_φ' A without gradient. Selectivity
      alone fixes directions, not lengths. r excludes policies that can't cause φ and do something else (0).
    - `entropy`: weight that keeps policies from settling before codes have; it decays to 0 (0).
    - `autoencode_from`: until that share of training the decoder learns from codes without gradient, since
      early reconstruction folds the map (0).
    - `gain`: factor of the initial weights of the encoder's last layer, so that differences are not near zero
      (1).

    Batches are those of `interactions`, which determine k.

    Args:
        actions: number of actions.
        shape: (height, width, channels) of the images; height and width are multiples of 16.
        latent_dim: K, dimension of h and of φ.
        space: one of `SPACES`.
        kernel: one of `KERNELS`.
        width: σ of the Gaussian kernel.
        factors: n, at least 2, the number of φ sampled for a state.
        selectivity: weight of the selectivity; 0 leaves an autoencoder, if `autoencode_from` is 0 too.
        reconstruction: weight with which ‖s - g(f(s))‖², summed over pixels, reaches the encoder.
        entropy: weight of the policies' entropy in the first tenth of training.
        commit: share of training, above 0.1, at which that weight reaches 0.
        baseline: whether V is learnt; otherwise it is 0.
        batch_norm: whether convolutions are followed by batch normalisation, as in the paper.
        exploration: ε of `behaviour`.
        learning_rate: Adam's; it falls to 0 over the last fifth of training.
        steps: updates of the whole training.

    Raises:
        ValueError: an unknown space or kernel, or a number out of range.
    """

    def __init__(
        self,
        *,
        actions: int,
        shape: tuple[int, int, int] = (64, 64, 3),
        latent_dim: int = 2,
        space: str = "hypercube",
        kernel: str = "gaussian",
        width: float = 0.6,
        factors: int = 32,
        selectivity: float = 1.0,
        spread: float = 2.0,
        sharpness: float = 3.0,
        pull: float = 1.0,
        reconstruction: float = 0.02,
        autoencode_from: float = 0.6,
        entropy: float = 0.0,
        commit: float = 0.5,
        baseline: bool = False,
        batch_norm: bool = True,
        gain: float = 5.0,
        exploration: float = 0.1,
        learning_rate: float = 1e-3,
        steps: int = 2000,
    ) -> None:
        super().__init__()
        one_of("space", space, SPACES)
        one_of("kernel", kernel, KERNELS)
        count(2, actions=actions, factors=factors)
        count(1, latent_dim=latent_dim, steps=steps)
        within(0, 1, exploration=exploration)
        if not 0.1 < commit <= 1:
            raise ValueError(f"commit must be above 0.1 and at most 1, not {commit}")
        above(0, width=width, sharpness=sharpness, gain=gain, learning_rate=learning_rate)
        at_least(0, selectivity=selectivity, spread=spread, pull=pull, reconstruction=reconstruction)
        at_least(0, autoencode_from=autoencode_from, entropy=entropy)
        self.shape = image_shape(shape)
        self.actions, self.latent_dim, self.factors = actions, latent_dim, factors
        self.space, self.kernel, self.width = space, kernel, width
        self.selectivity, self.spread, self.sharpness, self.pull = selectivity, spread, sharpness, pull
        self.reconstruction, self.autoencode_from = reconstruction, autoencode_from
        self.entropy, self.commit, self.baseline = entropy, commit, baseline
        self.batch_norm, self.gain = batch_norm, gain
        self.exploration, self.learning_rate, self.steps = exploration, learning_rate, steps

        self.noise_dim = latent_dim + (space == "scaled_simplex")
        self.encoder = encoder(self.shape, latent_dim, batch_norm, gain)
        self.decoder = decoder(self.shape, latent_dim)
        self.generator = Bilinear(latent_dim, self.noise_dim, self.noise_dim)
        self.policy = Bilinear(latent_dim, latent_dim, actions)
        self.model = Bilinear(latent_dim, latent_dim, latent_dim)
        self.value = nn.Sequential(nn.Linear(latent_dim, 64), nn.ReLU(), nn.Linear(64, 1))
        self.updates: Tensor
        self.register_buffer("updates", torch.tensor(0))
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), learning_rate, fused=True)}

    # Interface

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return h, (n, latent_dim), of uint8 images (n, h, w, c); equal images are encoded once."""
        whole = check_images(images, self.shape)
        first, copies = distinct(whole)
        codes: Tensor = self.encoder(image_tensor(whole[first], self.updates.device))
        return codes[copies.to(codes.device)]

    def decode(self, h: Tensor) -> Tensor:
        """Decode codes h (n, latent_dim): images, float (n, h, w, c) in [0, 1]."""
        return torch.sigmoid(self.decoder(h)).movedim(1, -1)

    def generate(self, h: Tensor, count: int) -> Tensor:
        """Sample factors φ = Φ(h, z).

        Args:
            h: (..., latent_dim).
            count: n.

        Returns:
            (..., n, latent_dim).
        """
        z = torch.randn(*h.shape[:-1], count, self.noise_dim, device=h.device)
        raw = self.spread * z + self.generator(h[..., None, :], z)
        return squash((1 + (self.sharpness - 1) * self._ramp(*SETTLING)) * raw, self.space)

    def log_policy(self, h: Tensor, phi: Tensor, mask: Tensor) -> Tensor:
        """Return log π(a | h, φ) over the permitted actions.

        Args:
            h: (..., latent_dim).
            phi: (..., n, latent_dim).
            mask: bool (..., actions), true where permitted; at least one per row.

        Returns:
            (..., n, actions), very negative where not permitted.
        """
        logits: Tensor = self.policy(h[..., None, :], phi)
        return logits.masked_fill(~mask[..., None, :], -1e9).log_softmax(-1)

    def step(self, h: Tensor, phi: Tensor) -> Tensor:
        """Return T(h, φ), (..., latent_dim): the mean result of acting by φ (..., latent_dim) from h."""
        change: Tensor = self.model(h, phi)
        return h + change

    def log_similarity(self, h: Tensor, after: Tensor, phi: Tensor) -> Tensor:
        """Return log A(h', h, φ), (..., n), for h and h' (..., latent_dim) and φ (..., n, latent_dim)."""
        change = (after - h)[..., None, :]
        if self.kernel == "gaussian":
            return -(change - phi).square().sum(-1) / (2 * self.width**2)
        return (change * phi).sum(-1).clamp_min(LEAST_SIMILARITY).log()

    @torch.no_grad()
    def behaviour(self, observation: NDArray[np.uint8]) -> Act:
        """Sample a factor for each of n copies and act by it, ε-greedily: a `Behaviour`."""
        phi = self.generate(self._look(observation), 1)

        @torch.no_grad()
        def act(observation: NDArray[np.uint8], mask: Tensor) -> tuple[Tensor, Tensor]:
            mask = mask.to(phi.device)
            probabilities = self.log_policy(self._look(observation), phi, mask)[:, 0].exp()
            uniform = mask / mask.sum(1, keepdim=True)
            return sample_actions((1 - self.exploration) * probabilities + self.exploration * uniform)

        return act

    # Training

    @torch.no_grad()
    def assess(self, batch: Mapping[str, Tensor]) -> dict[str, float]:
        """Return the scalars of `update` that concern factors and policies, without training."""
        images = frames(batch)
        h = self.encode(images.flatten(0, 1)).reshape(*images.shape[:2], -1)
        return {name: float(term) for name, term in self._control(h, batch)[0].items()}

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one optimisation step on a batch of `interactions`.

        Returns:
            Means over the batch: `selectivity`; `information`, log π(a.. | φ) - log mean_φ' π(a.. | φ'), the
            policies' mutual information of factors and actions, at most log n, which bounds the selectivity
            (appendix C); `pull`, `model`, `entropy`; `reconstruction` of an image.
        """
        images = frames(batch)
        h = self.encode(images.flatten(0, 1)).reshape(*images.shape[:2], -1)
        terms, loss = self._control(h, batch) if self.selectivity else ({}, h.new_zeros(()))
        terms["reconstruction"] = self._reconstruction_error(
            h[:DECODED_IMAGES, 0], images[:DECODED_IMAGES, 0]
        )
        self._step(loss + terms["reconstruction"])
        return {name: term.detach() for name, term in terms.items()}

    def _control(self, h: Tensor, batch: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        """Return the terms that concern factors and policies, and their sum; h is (n, k + 1, latent_dim)."""
        before, after = h[:, 0], h[:, -1]
        phi = self.generate(before, self.factors)
        action, probability, mask = (
            steps_of(batch, name) for name in ("action", "probability", "action_mask")
        )
        log_policy = self.log_policy(h[:, :-1], phi[:, None], mask)
        taken = log_taken(log_policy, action)
        weight = (taken - probability.log().sum(1, keepdim=True)).exp()
        similarity = self.log_similarity(before, after, phi)
        selectivity = contrast(similarity)
        value = self.value(before.detach()) if self.baseline else torch.zeros_like(weight[:, :1])
        fixed = weight.detach()
        share = contrast(similarity.detach()).exp()
        gap = (after - before)[:, None] - phi.detach()
        surprise = after.detach()[:, None] - self.step(before.detach()[:, None], phi.detach())
        terms = {
            "selectivity": (weight * selectivity).mean(),
            "information": (fixed * contrast(taken.detach())).mean(),
            "pull": (fixed * share * gap.square().sum(-1)).mean(),
            "model": (fixed * surprise.square().sum(-1)).mean(),
            "entropy": -(log_policy.exp() * log_policy).sum(-1).mean(),
        }
        loss = (
            -self.selectivity * (weight * (selectivity - value.detach())).mean()
            + self.pull * self._ramp(*SETTLING) * terms["pull"]
            + terms["model"]
            - self.entropy * (1 - self._ramp(0.1, self.commit)) * terms["entropy"]
            + (fixed * (selectivity.detach() - value).square()).mean()
        )
        return terms, loss

    def _reconstruction_error(self, h: Tensor, images: Tensor) -> Tensor:
        """Return the reconstruction error; its gradient reaches the encoder with its current weight."""
        weight = self.reconstruction if self._ramp(0, 1) >= self.autoencode_from else 0.0
        code = h.detach() + weight * (h - h.detach())
        return (self.decode(code) - images / 255).square().flatten(1).sum(1).mean()

    def _step(self, loss: Tensor) -> None:
        optimizer = self.optimizers["adam"]
        for group in optimizer.param_groups:
            group["lr"] = self.learning_rate * (1 - self._ramp(0.8, 1))
        descend(loss, optimizer)
        self.updates += 1

    def _ramp(self, start: float, end: float) -> float:
        """Return the progress of training from one share of its steps to another, in [0, 1]."""
        return min(max((int(self.updates) / self.steps - start) / (end - start), 0.0), 1.0)

    def _look(self, observation: NDArray[np.uint8]) -> Tensor:
        """Encode in evaluation mode, and restore the mode."""
        training = self.training
        try:
            return self.eval().encode(observation)
        finally:
            self.train(training)


def contrast(logarithms: Tensor) -> Tensor:
    """Return log A_j - log mean_j' A_j' along the last axis, of length n: at most log n, 0 for equal ones."""
    return logarithms - logarithms.logsumexp(-1, keepdim=True) + math.log(logarithms.shape[-1])


def distinct(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first of each set of equal images, (m,), and for each image the one it equals, (n,)."""
    rows = images.flatten(1).contiguous().numpy(force=True)
    whole = rows.view(np.dtype((np.void, rows.shape[1])))[:, 0]
    _, first, copies = np.unique(whole, return_index=True, return_inverse=True)
    return torch.from_numpy(first), torch.from_numpy(copies)


def log_taken(log_policy: Tensor, action: Tensor) -> Tensor:
    """Return the log probability (n, m) by m policies (n, k, m, actions) of the k actions taken, (n, k)."""
    index = action[..., None, None].expand(*action.shape, log_policy.shape[2], 1)
    return log_policy.gather(-1, index)[..., 0].sum(1)


def anisotropy(changes: Tensor) -> Tensor:
    """Return tr C - log det C, C the mean product of changes (n, d); its minimum is at the identity."""
    spread = changes.mT @ changes / len(changes) + 1e-4 * torch.eye(changes.shape[1], device=changes.device)
    return spread.trace() - spread.logdet()


def squash(raw: Tensor, space: str) -> Tensor:
    """Map a generator's outputs (..., K), or (..., K + 1) for "scaled_simplex", to a space of factors."""
    if space == "hypercube":
        return raw.tanh()
    if space == "sphere":
        return functional.normalize(raw, dim=-1)
    if space == "simplex":
        return raw.softmax(-1)
    return raw[..., :-1].softmax(-1) * raw[..., -1:].tanh()


def frames(batch: Mapping[str, Tensor]) -> Tensor:
    """Return all observations of k steps, uint8 (n, k + 1, h, w, c)."""
    between = batch.get("between", batch["observation"][:, None][:, :0])
    return torch.cat([batch["observation"][:, None], between, batch["next_observation"][:, None]], 1)


def steps_of(batch: Mapping[str, Tensor], name: str) -> Tensor:
    """Return an entry of a batch with the axis k, which batches of one step lack."""
    return batch[name] if "between" in batch else batch[name][:, None]


# Networks


class Bilinear(nn.Module):
    """Two layers over all products of the entries of two vectors, 1 appended to each."""

    def __init__(self, first: int, second: int, outputs: int, hidden: int = 64) -> None:
        super().__init__()
        products = (first + 1) * (second + 1)
        self.layers = nn.Sequential(nn.Linear(products, hidden), nn.ReLU(), nn.Linear(hidden, outputs))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return (..., outputs) for (..., first) and (..., second)."""
        a, b = (functional.pad(vector, (0, 1), value=1.0) for vector in (a, b))
        result: Tensor = self.layers((a[..., :, None] * b[..., None, :]).flatten(-2))
        return result


def encoder(shape: tuple[int, int, int], outputs: int, batch_norm: bool, gain: float) -> nn.Sequential:
    """Return four convolutions with leaky ReLU, the first one over patches of 4, and a linear layer."""
    height, width, channels = shape
    if height % 16 or width % 16:
        raise ValueError(f"shape must have height and width in multiples of 16, not {shape}")
    layers: list[nn.Module] = []
    for before, after, kernel, stride in ((channels, 8, 4, 4), (8, 16, 3, 2), (16, 16, 3, 2), (16, 16, 3, 1)):
        layers.append(nn.Conv2d(before, after, kernel, stride, padding=kernel % 2))
        layers += [nn.BatchNorm2d(after)] if batch_norm else []
        layers.append(nn.LeakyReLU())
    linear = nn.Linear(16 * (height // 16) * (width // 16), outputs)
    linear.weight.data.mul_(gain)
    return nn.Sequential(*layers, nn.Flatten(), linear)


def decoder(shape: tuple[int, int, int], inputs: int) -> nn.Sequential:
    """Return the transposed architecture, with ReLU; it returns logits (n, c, h, w)."""
    height, width, channels = shape
    cells = (16, height // 16, width // 16)
    return nn.Sequential(
        nn.Linear(inputs, 64),
        nn.ReLU(),
        nn.Linear(64, math.prod(cells)),
        nn.ReLU(),
        Maps(*cells),
        nn.ConvTranspose2d(16, 16, 3, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 16, 4, 2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 8, 4, 2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(8, channels, 4, 4),
    )

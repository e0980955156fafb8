"""Independently controllable features: a latent coordinate and a policy for each."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from unknot.checks import above, at_least, count
from unknot.representation.learner import Learner, descend, image_tensor
from unknot.representation.networks import image_shape, mlp

__all__ = ["DiscreteSelectivity", "importance_weights", "information", "patch_encoder", "selectivity"]


class DiscreteSelectivity(Learner):
    r"""K coordinates of h and K policies, each of which changes its own coordinate; no autoencoder.

    The discrete case of Thomas, Beaudoin, Bengio et al., "Disentangling the independently controllable
    factors of variation by interacting with the world", 2018, appendix B.1. Factor k is the unit vector e_k,
    so that with A = max(0, ⟨h' − h, e_k⟩) eq. 1 rewards policy k for raising h_k more than any other
    coordinate. A factor is directed ("+x₁", "−y₂"), so K is the number of moves, not of axes.

    A transition serves all K policies, weighted by π_k(a | h) / β(a | s), β its behaviour. An action that
    changes nothing has h' = h and, for any weights, selectivity log 1 = 0. So behaviours may omit such
    actions, and a policy whose move is blocked gains nothing by taking another.

    Where the paper leaves something open:

    - max(0, x) is smoothed to softplus(x / `smoothness`) · `smoothness`. Otherwise a coordinate that
      initially falls would never learn.
    - Several features may learn one move and none another: the mode collapse that the paper reports.
      By its appendix C selectivity is a lower bound on the information between factor and outcome; `spread`
      is the weight of a part of that information, the entropy of the policies' mean: it is at most
      log(actions), which is reached only when all actions are equally likely.
    - Selectivity fixes neither the length of a step nor the parts of h that no action changes. `pull` moves
      the steps of a policy's coordinate towards 1, with the policy detached; its weight rises from 0 at 20%
      of training to its value at 50%. So h is linear in the factors that it follows. `shrink` is the weight
      of ‖h‖² / K, which removes from h everything that no action changes, such as the appearance of things.
    - The learning rate falls to 0 over the second half.

    `spread`, `pull` and `shrink` of 0 leave the paper's own objective.

    Args:
        shape: (height, width, channels) of the images; height and width are multiples of 8.
        actions: number of actions.
        features: K.
        steps: updates of the whole training.
        smoothness: width of the softplus, in units of h.
        spread: weight of the entropy of the policies' mean, in nats.
        pull: weight of the squared distance of steps to 1.
        shrink: weight of the mean square of h.
        learning_rate: of the encoder; the policies' is five times that.

    Raises:
        ValueError: a shape, a count or a weight out of range.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, int, int] = (40, 40, 1),
        actions: int = 8,
        features: int = 8,
        steps: int = 2500,
        smoothness: float = 0.1,
        spread: float = 1.0,
        pull: float = 1.0,
        shrink: float = 0.003,
        learning_rate: float = 3e-3,
    ) -> None:
        super().__init__()
        count(2, actions=actions, features=features)
        count(1, steps=steps)
        above(0, smoothness=smoothness, learning_rate=learning_rate)
        at_least(0, spread=spread, pull=pull, shrink=shrink)
        self.shape, self.actions, self.features, self.steps = image_shape(shape), actions, features, steps
        self.smoothness, self.spread, self.pull, self.shrink = smoothness, spread, pull, shrink
        self.learning_rate = learning_rate
        self.encoder = patch_encoder(self.shape, features)
        self.policies = nn.ModuleList(mlp(features, 32, actions) for _ in range(features))
        self.updates: Tensor
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.optimizers = {
            "encoder": torch.optim.Adam(
                self.encoder.parameters(), learning_rate, betas=(0.9, 0.99), fused=True
            ),
            "policies": torch.optim.Adam(
                self.policies.parameters(), 5 * learning_rate, betas=(0.9, 0.99), fused=True
            ),
        }

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return h (n, features) of uint8 images (n, height, width, channels)."""
        h: Tensor = self.encoder(image_tensor(images, self.updates.device, self.shape))
        return h

    def log_policies(self, h: Tensor) -> Tensor:
        """Return log π_k(a | h), (n, features, actions), at h (n, features); no gradient reaches h."""
        return torch.stack([policy(h.detach()) for policy in self.policies], 1).log_softmax(-1)

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step on transitions.

        Args:
            batch: `observation` and `next_observation`, uint8 (n, height, width, channels), `action`, int64
                (n,), and `probability`, (n,), with which the behaviour took it.

        Returns:
            `selectivity`, and `information`, its upper bound for these policies, in nats.
        """
        progress = int(self.updates) / self.steps
        images = torch.cat([batch["observation"], batch["next_observation"]])
        h, after = self.encode(images).chunk(2)
        step = after - h
        log_policies = self.log_policies(h)
        weights = importance_weights(log_policies, batch["action"], batch["probability"])
        reward = weights * selectivity(step, self.smoothness)
        mean_policy = log_policies.exp().mean(1)
        pull = self.pull * min(max((progress - 0.2) / 0.3, 0.0), 1.0)
        loss = (
            -reward.mean()
            - self.spread * torch.special.entr(mean_policy).sum(1).mean()
            + pull * (weights.detach() * (step - 1).square()).mean()
            + self.shrink * h.square().mean()
        )
        for name, factor in (("encoder", 1), ("policies", 5)):
            rate = factor * self.learning_rate * min(1.0, 2 * (1 - progress))
            self.optimizers[name].param_groups[0]["lr"] = rate
        descend(loss, *self.optimizers.values())
        self.updates += 1
        return {
            "selectivity": reward.detach().mean(),
            "information": information(log_policies.detach()).mean(),
        }


def selectivity(step: Tensor, smoothness: float) -> Tensor:
    """Return log A_k / mean_j A_j (eq. 1) of steps h' − h, with A_k = max(0, step_k), smoothed.

    Args:
        step: (n, features).
        smoothness: width of the softplus that stands for max(0, ·), in units of h.

    Returns:
        (n, features), in nats, at most log(features); 0 where nothing moves.
    """
    log_a = functional.softplus(step / smoothness).clamp_min(torch.finfo(step.dtype).tiny).log()
    return log_a - log_a.logsumexp(1, keepdim=True) + math.log(step.shape[1])


def importance_weights(log_policies: Tensor, action: Tensor, probability: Tensor) -> Tensor:
    """Return π_k(a | h) / β(a | s), (n, features).

    Args:
        log_policies: (n, features, actions).
        action: (n,), the actions taken.
        probability: (n,), with which they were taken.
    """
    chosen = action[:, None, None].expand(-1, log_policies.shape[1], 1)
    return log_policies.gather(2, chosen)[..., 0].exp() / probability[:, None]


def information(log_policies: Tensor) -> Tensor:
    """Return I(k; a | h), k uniform, in nats: (n,).

    An outcome contains no more information on k than the action, so selectivity is at most this (appendix C).

    Args:
        log_policies: (n, features, actions).
    """
    policies = log_policies.exp()
    shared: Tensor = torch.special.entr(policies.mean(1)).sum(1)
    own: Tensor = torch.special.entr(policies).sum(2).mean(1)
    return shared - own


def patch_encoder(shape: tuple[int, int, int], latent_dim: int) -> nn.Sequential:
    """Return a network from images (n, channels, height, width) in [0, 1] to codes (n, latent_dim).

    The first convolution has 8 × 8 pixels and stride 4, the second 4 × 4 and stride 2: where a grid's cells
    are 8 pixels wide, filters see every cell at the same offsets. The last layer's initial weights are five
    times larger than usual, so that steps in h are not all near 0.

    Args:
        shape: (height, width, channels) of the images; height and width are multiples of 8.
        latent_dim: dimension of the codes.

    Raises:
        ValueError: another shape.
    """
    height, width, channels = shape
    if height < 8 or width < 8 or height % 8 or width % 8:
        raise ValueError(f"shape must have height and width in multiples of 8, not {tuple(shape)}")
    last = nn.Linear(128, latent_dim)
    with torch.no_grad():
        last.weight.mul_(5)
    return nn.Sequential(
        nn.Conv2d(channels, 16, 8, stride=4, padding=2),
        nn.LeakyReLU(0.1),
        nn.Conv2d(16, 32, 4, stride=2, padding=1),
        nn.LeakyReLU(0.1),
        nn.Flatten(),
        nn.Linear(32 * (height // 8) * (width // 8), 128),
        nn.LeakyReLU(0.1),
        last,
    )

"""JADE: two autoencoders whose codes of content are matched by class and share a classifier."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from unknot.checks import above, at_least, count, flag
from unknot.models.image.bottleneck_classifiers import BottleneckClassifier
from unknot.models.image.bottleneck_networks import (
    encoder,
    mirrored_decoder,
    primary_widths,
    secondary_widths,
)
from unknot.models.image.networks import gaussian_kl
from unknot.representation.gaussian import Gaussian
from unknot.representation.learner import image_tensor
from unknot.representation.networks import image_shape

__all__ = ["JADE"]


FIRST_LOG_VARIANCE = -2.0


class _Bound(NamedTuple):
    """The terms of a lower bound on log p(x, l), (n,) each in nats, and q(z2 | x)."""

    reconstruction: Tensor
    label: Tensor
    kl: Tensor
    content: Gaussian


class JADE(BottleneckClassifier):
    r"""Joint autoencoders for disentanglement, of a primary set with few labels and a secondary with many.

    Karimi, Banijamali, Wong and Ghodsi, 2017. Each image of either set has a code of content, from which its
    label is read, and a code of style; both reconstruct it. The objective (eq. 2) is

        L(x, l) + L(y, l) - KL(q(z2 | x, l) || q(z4 | y, l)),

    the last term for pairs of one class. The paper leaves open whether the encoders see the label; ours
    don't, since there is none at test time: q(z2 | x, l) is q(z2 | x), and l chooses the pairs.

    With all weights 1 the objective is the paper's. Then reading a label saves at most log 10 nats, and a
    code that carries it costs as much; `label_weight` plays the part of α in Kingma et al. (2014).

    Args:
        other_shape: (height, width, channels) of the secondary images.
        style_dim: dimensions of the code of style.
        label_weight: weight of log p(l | z2) and log p(l | z4).
        match_weight: weight of the KL between the codes of content of two images of one class.
        anchored: the codes of the secondary set are where those of the primary set go: the KL between them
            has no gradient to the secondary set, whose labels are many. False is the paper's.
        kl_weight: weight of the KL of all codes from the prior.
        variance: of the Gaussian pixels.
        warm_up: updates in which `match_weight` and `kl_weight` rise from 0 to their values; before labels
            are read at all, matching makes all codes equal.
        **settings: of `BottleneckClassifier`.

    ```
    @inproceedings{karimi2017jade,
      title={{JADE}: Joint Autoencoders for Dis-Entanglement},
      author={Karimi, Amir-Hossein and Banijamali, Ershad and Wong, Alexander and Ghodsi, Ali},
      booktitle={NIPS Workshop on Learning Disentangled Representations}, year={2017}}
    ```
    """

    def __init__(
        self,
        *,
        other_shape: tuple[int, int, int] = (32, 32, 1),
        style_dim: int = 10,
        label_weight: float = 1.0,
        match_weight: float = 1.0,
        anchored: bool = False,
        kl_weight: float = 1.0,
        variance: float = 1.0,
        warm_up: int = 0,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        count(1, style_dim=style_dim)
        at_least(0, label_weight=label_weight, match_weight=match_weight, kl_weight=kl_weight)
        above(0, variance=variance)
        count(0, warm_up=warm_up)
        flag(anchored=anchored)
        self.other_shape, self.style_dim = image_shape(other_shape), style_dim
        self.label_weight, self.match_weight, self.kl_weight = label_weight, match_weight, kl_weight
        self.anchored, self.variance, self.warm_up = anchored, variance, warm_up
        codes = self.latent_dim + style_dim
        widths, other_widths = primary_widths(self.width), secondary_widths(self.width)
        self.encoder = encoder(self.shape, widths, 2 * codes, self.batch_norm)
        self.decoder = mirrored_decoder(self.shape, widths, codes, self.batch_norm)
        self.other_encoder = encoder(self.other_shape, other_widths, 2 * codes, self.batch_norm)
        self.other_decoder = mirrored_decoder(self.other_shape, other_widths, codes, self.batch_norm)
        for each in (self.encoder, self.other_encoder):
            _start_precise(each[-1], codes)
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), self.learning_rate, fused=True)}

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return means of q(z2, z1 | x), content first, (n, latent_dim + style_dim), of primary images."""
        return self._moments(self.encoder, self._tensor(images))[0]

    def encode_other(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return means of q(z4, z3 | y), content first, (n, latent_dim + style_dim), of secondary images."""
        return self._moments(self.other_encoder, self._other_tensor(images))[0]

    def decode(self, codes: Tensor) -> Tensor:
        """Decode codes (n, latent_dim + style_dim): primary images, float (n, h, w, c) in [0, 1]."""
        images: Tensor = self.decoder(codes).sigmoid().movedim(1, -1)
        return images

    def decode_other(self, codes: Tensor) -> Tensor:
        """Decode codes (n, latent_dim + style_dim): secondary images, float (n, h, w, c) in [0, 1]."""
        images: Tensor = self.other_decoder(codes).sigmoid().movedim(1, -1)
        return images

    def other_logits(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return logits (n, classes) of uint8 images (n, h, w, c) of the secondary set."""
        logits: Tensor = self.labels(self.encode_other(images)[:, : self.latent_dim])
        return logits

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one step.

        Args:
            batch: `observation`, uint8 (n, h, w, c), and `label`, int64 (n,), of the primary set; `other` and
                `other_label`, as many, of the secondary one. Rows whose labels are equal are pairs.

        Returns:
            Means in nats of each set: `reconstruction`, -log p of the pixels up to a constant;
            `cross_entropy`; `kl` from the prior; those of the secondary set begin with `other_`. `match`: the
            mean KL of the pairs.
        """
        images, others = self._tensor(batch["observation"]), self._other_tensor(batch["other"])
        x = self._bound(self.encoder, self.decoder, images, batch["label"])
        y = self._bound(self.other_encoder, self.other_decoder, others, batch["other_label"])
        terms = {"match": self._match(x.content, y.content, batch["label"] == batch["other_label"])}
        for prefix, bound in (("", x), ("other_", y)):
            terms[f"{prefix}reconstruction"] = bound.reconstruction.mean()
            terms[f"{prefix}cross_entropy"] = bound.label.mean()
            terms[f"{prefix}kl"] = bound.kl.mean()
        self._step(self._loss(terms))
        return {name: term.detach() for name, term in terms.items()}

    def _match(self, content: Gaussian, other: Gaussian, same: Tensor) -> Tensor:
        """Return the mean KL of the pairs, rows of one class (n,), between the two sets' codes of content."""
        pairs = same.float()
        divergence = content.kl(other.detach() if self.anchored else other)
        return (pairs * divergence).sum() / pairs.sum().clamp(min=1)

    def _loss(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Return the negative of eq. 2, of an update of the warm-up with a share of two weights."""
        risen = min(1.0, int(self.updates) / self.warm_up) if self.warm_up else 1.0
        loss = risen * self.match_weight * terms["match"]
        for prefix in ("", "other_"):
            loss = loss + terms[f"{prefix}reconstruction"] + risen * self.kl_weight * terms[f"{prefix}kl"]
            loss = loss + self.label_weight * terms[f"{prefix}cross_entropy"]
        return loss

    def _bound(
        self, encode: torch.nn.Module, decode: torch.nn.Module, images: Tensor, labels: Tensor
    ) -> _Bound:
        """Return the terms of eq. 1 of images (n, c, h, w) with labels (n,), from one sample of the code."""
        mean, log_variance = self._moments(encode, images)
        z = Gaussian(mean, log_variance).sample()
        errors = (decode(z).sigmoid() - images).square().flatten(1).sum(1) / (2 * self.variance)
        content = slice(0, self.latent_dim)
        return _Bound(
            errors,
            functional.cross_entropy(self.labels(z[:, content]), labels, reduction="none"),
            gaussian_kl(mean, log_variance).sum(1),
            Gaussian(mean[:, content], log_variance[:, content]),
        )

    def _moments(self, encode: torch.nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = encode(images).chunk(2, 1)
        return mean, log_variance

    def _other_tensor(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        return image_tensor(images, next(self.parameters()).device, self.other_shape)


@torch.no_grad()
def _start_precise(last: torch.nn.Module, codes: int) -> None:
    """Let the variances of all codes begin at `FIRST_LOG_VARIANCE`, so that codes tell images apart."""
    assert isinstance(last, torch.nn.Linear)
    last.weight[codes:] = 0
    last.bias[codes:] = FIRST_LOG_VARIANCE

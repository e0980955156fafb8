"""The warm-up of variational autoencoders: few factors are learnt first, each on its own dimension.

While it lasts, pixels have a small weight and the decoder has PyTorch's small initial weights, so that only
position and size are worth encoding. Then the decoder is reinitialised, collapsed dimensions are
reinitialised, and the encoder is frozen while the decoder learns to read it. The remaining factors go to free
dimensions.
"""

import torch
from torch import Tensor, nn

from unknot.models.image.networks import gaussian_kl, he_initialise

__all__ = ["COLLAPSED_KL", "FROZEN_UPDATES", "WARM_UP_PIXEL_WEIGHT", "end_warm_up", "reinitialise_collapsed"]

WARM_UP_PIXEL_WEIGHT = 0.25
"""Weight of the reconstruction error during the warm-up."""
FROZEN_UPDATES = 300
"""Updates after the warm-up with a frozen encoder."""
COLLAPSED_KL = 0.1
"""Mean KL in nats below which a dimension counts as collapsed."""
REINITIALISED_STD = 0.7
"""Standard deviation, over the images, of a reinitialised dimension's posterior means."""
REINITIALISED_LOG_VARIANCE = -1.0
"""Log variance of the posterior in a reinitialised dimension."""


def end_warm_up(encoder: nn.Sequential, decoder: nn.Module, images: Tensor) -> None:
    """Reinitialise the decoder and the encoder's collapsed dimensions.

    Args:
        encoder: see `reinitialise_collapsed`.
        decoder: its weights become those of `he_initialise`.
        images: see `reinitialise_collapsed`.

    Raises:
        ValueError: a single image.
    """
    decoder.apply(he_initialise)
    reinitialise_collapsed(encoder, images)


@torch.no_grad()
def reinitialise_collapsed(encoder: nn.Sequential, images: Tensor) -> None:
    """Give dimensions that have collapsed to the prior random weights, so that they distinguish images again.

    The weights of the last layer are sampled and scaled so that the means of q(z | x) have a standard
    deviation of 0.7 over the images; log variances become -1.

    Args:
        encoder: its last layer gives means and log variances, side by side.
        images: a batch in [0, 1], (n, c, h, w), n at least 2.

    Raises:
        ValueError: a single image, which has no standard deviation.
    """
    if len(images) < 2:
        raise ValueError(f"images must be at least 2 where a warm-up ends, not {len(images)}")
    last = encoder[-1]
    assert isinstance(last, nn.Linear)
    features = encoder[:-1](images)
    mean, log_variance = last(features).chunk(2, 1)
    collapsed = torch.nonzero(gaussian_kl(mean, log_variance).mean(0) < COLLAPSED_KL)[:, 0]
    weight = torch.randn(len(collapsed), last.in_features, device=images.device)
    means = features @ weight.mT
    scale = REINITIALISED_STD / means.std(0).clamp_min(1e-6)
    last.weight[collapsed], last.bias[collapsed] = weight * scale[:, None], -means.mean(0) * scale
    variances = collapsed + mean.shape[1]
    last.weight[variances], last.bias[variances] = 0.0, REINITIALISED_LOG_VARIANCE

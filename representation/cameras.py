"""Backgrounds and cameras of observation sets, as `LocallyLinear` learns them with `views`."""

import torch
from torch import Tensor, nn

__all__ = ["Views"]


class Views(nn.Module):
    """The still background of each observation set, and the position of its camera over the plane.

    Content determines the set of an image: a softmax over the sets, initialised to the posterior of the set
    under the content priors. A camera is a projective map from codes to their positions in its picture, since
    two pinhole cameras that look at one plane differ by such a map. The first set's camera is the identity.
    The others start there too, so that training finds the nearest match of distributions even if mirrored or
    rotated ones exist.

    Args:
        shape: (height, width, channels) of the images.
        priors: (sets, content_dim), the means of the content priors, unit Gaussians.
        code_dim: dimension of the codes.
    """

    def __init__(self, shape: tuple[int, int, int], priors: Tensor, code_dim: int) -> None:
        super().__init__()
        height, width, channels = shape
        sets, content_dim = priors.shape
        self.means: Tensor
        self.register_buffer("means", torch.zeros(sets, channels, height, width))
        self.backgrounds = nn.Parameter(torch.zeros(sets, channels, height, width))
        self.cameras = nn.Parameter(torch.zeros(sets - 1, code_dim + 1, code_dim + 1))
        self.shares = nn.Linear(content_dim, sets)
        self.shares.weight.data.copy_(priors)
        self.shares.bias.data.copy_(-priors.square().sum(1) / 2)

    def mean(self, content: Tensor) -> Tensor:
        """Return the mean images (n, c, h, w) of the sets that contents (n, content_dim) belong to."""
        return torch.einsum("ns,schw->nchw", self._shares(content), self.means)

    def background(self, content: Tensor) -> Tensor:
        """Return what backgrounds add to the logits of decoded images, (n, c, h, w)."""
        return torch.einsum("ns,schw->nchw", self._shares(content), self.backgrounds)

    def place(self, seen: Tensor, content: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes (n, code_dim) from where they are seen, and log |det| of the Jacobians, (n,)."""
        return _project(self._cameras(content), seen)

    def see(self, code: Tensor, content: Tensor) -> Tensor:
        """Return where codes (n, code_dim) are seen: the inverse of `place`."""
        return _project(torch.linalg.inv(self._cameras(content)), code)[0]

    def _shares(self, content: Tensor) -> Tensor:
        shares: Tensor = self.shares(content).softmax(-1)
        return shares

    def _cameras(self, content: Tensor) -> Tensor:
        moved = torch.einsum("ns,sij->nij", self._shares(content)[:, 1:], self.cameras)
        return torch.eye(self.cameras.shape[-1], device=moved.device) + moved


def _project(maps: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Return points (n, d) under projective maps (n, d + 1, d + 1), and log |det| of the Jacobians (n,)."""
    dim = points.shape[-1]
    after = (maps[:, :, :dim] @ points[:, :, None])[..., 0] + maps[:, :, dim]
    depth = after[:, dim:].clamp_min(0.1)  # a camera sees nothing behind itself
    log_determinant = torch.linalg.slogdet(maps).logabsdet - (dim + 1) * depth[:, 0].log()
    return after[:, :dim] / depth, log_determinant

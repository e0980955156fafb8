"""Verification: do two images show one identity?"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from unknot.models.image.embedding import Embedding
from unknot.representation.learner import encode_all

__all__ = ["Verifier"]

Images = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Verifier:
    """An embedding whose distances tell identities apart, in the place of FaceNet.

    Schroff, Kalenichenko and Philbin, "FaceNet: a unified embedding for face recognition and clustering",
    2015: two images match if ‖f(x¹) - f(x²)‖² ≤ τ, f on the unit sphere.
    """

    embedding: Embedding
    """Trained on other identities than it verifies."""
    threshold: float = float("nan")
    """τ; see `unknot.representation.metrics.identities.best_threshold`."""

    def embed(self, images: Images | Tensor) -> Floats:
        """Return f of uint8 images (n, h, w, c): (n, dimensions), of length 1."""
        codes = encode_all(self.embedding, images, 500)
        return functional.normalize(codes, dim=1).double().numpy(force=True)

    @torch.no_grad()
    def distances(self, one: Images, other: Images) -> Floats:
        """Return ‖f(x¹) - f(x²)‖² of pairs of uint8 images (n, h, w, c): (n,), in [0, 4]."""
        squared: Floats = ((self.embed(one) - self.embed(other)) ** 2).sum(1)
        return squared

    def matches(self, one: Images, other: Images) -> NDArray[np.bool_]:
        """Return which pairs match: (n,)."""
        return self.distances(one, other) <= self.threshold

"""The plain VAE beside the multi-entity VAE: one vector for the whole scene."""

from typing import Any

import torch
from torch import Tensor, nn

from unknot.models.objects.entity import Entities, EntityAutoencoder, Images, kl_of
from unknot.representation.gaussian import Gaussian

__all__ = ["SceneVAE"]


class SceneVAE(EntityAutoencoder):
    """The baseline of Nash et al. (appendix A): encoder, g and h of the multi-entity VAE around one vector.

    The encoder's maps are projected to one Gaussian of entities × entity_dim dimensions; g decodes it as if
    it were a single entity. So code, networks and training are as large as those of `MultiEntityVAE`.

    Args:
        **settings: of `EntityAutoencoder`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.project = nn.Linear(2 * self.entity_dim * self.grid**2, 2 * self.vector_dim)
        self.optimizers = {"adam": torch.optim.Adam(self.parameters(), self.learning_rate, fused=True)}

    @property
    def vector_dim(self) -> int:
        """Dimension of the scene's vector."""
        return self.entities * self.entity_dim

    def entities_of(self, images: Images) -> Entities:
        """Return the scene's vector as one entity."""
        mean, log_variance = self._scene(self._tensor(images))
        kl = kl_of(mean, log_variance)
        return Entities(mean, log_variance, kl, kl[..., None])

    def _scene(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.project(self.encoder(images).flatten(1))[:, None].chunk(2, 2)
        return mean, log_variance

    def _bound(self, images: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        mean, log_variance = self._scene(images)
        return Gaussian(mean, log_variance).sample(), kl_of(mean, log_variance).sum(1), {}

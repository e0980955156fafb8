"""The learners that weight files can be of: data alone.

A weight file names a class, never a module. `unknot.representation.load_learner` imports the module that this
table gives for the class; a class that has no row is refused. `unknot.representation.register_learner` adds a
learner of one's own.
"""

__all__ = ["LEARNERS"]

LEARNERS: dict[str, str] = {
    "RCE": "unknot.representation.rce",
    "E2C": "unknot.representation.e2c",
    "Selectivity": "unknot.representation.selectivity",
    "SceneSelectivity": "unknot.representation.scene_selectivity",
    "MultistepSelectivity": "unknot.representation.multistep_selectivity",
    "DiscreteSelectivity": "unknot.representation.discrete_selectivity",
    "Autoencoder": "unknot.representation.autoencoder",
    "LatentMoves": "unknot.representation.latent_moves",
    "GraspNet": "unknot.representation.grasp_net",
    "VAE": "unknot.models.image.vae",
    "CapacityVAE": "unknot.models.image.capacity",
    "DIPVAE": "unknot.models.image.dip",
    "FactorVAE": "unknot.models.image.factor",
    "BetaTCVAE": "unknot.models.image.tc",
    "InfoGAN": "unknot.models.image.infogan",
    "PCA": "unknot.models.image.pca",
    "FactorGenerator": "unknot.models.image.factor_generator",
    "StackedNetworks": "unknot.models.stacked",
    "PenalisedAutoencoder": "unknot.models.image.penalised_autoencoder",
    "Embedding": "unknot.models.image.embedding",
}
"""Class name to module."""

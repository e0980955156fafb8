"""The learners that weight files can hold, and the agents that plan with them: data alone.

A weight file names a class, never a module. `unknot.representation.load_learner` imports the module that
`LEARNERS` gives for the class and refuses a class without a row. `unknot.representation.register_learner`
adds a learner of your own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["LEARNERS", "PLANNING_AGENTS", "PlanningRow"]

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
    "MultiEntityVAE": "unknot.models.objects.multi_entity",
    "SceneVAE": "unknot.models.objects.whole_scene",
    "SlotAttention": "unknot.models.objects.slot_attention",
    "IndependentPredictor": "unknot.models.video.independent_predictor",
    "CompetingExperts": "unknot.models.image.competition",
    "SwitchExperts": "unknot.models.image.switch",
    "RoutedExperts": "unknot.models.image.routed",
    "Classifier": "unknot.models.image.classifier",
    "SingleClassifier": "unknot.models.image.bottleneck_classifiers",
    "PairedClassifier": "unknot.models.image.bottleneck_classifiers",
    "JADE": "unknot.models.image.jade",
    "JADEDecoder": "unknot.models.image.jade_decoder",
    "MoCoGAN": "unknot.models.video.mocogan",
    "VGAN": "unknot.models.video.vgan",
    "SequentialVAE": "unknot.models.video.sequential_vae",
    "SDGAN": "unknot.models.image.sdgan",
    "SDBEGAN": "unknot.models.image.sdbegan",
    "AdaGVAE": "unknot.models.image.ada_gvae",
    "FactorReader": "unknot.models.image.factor_reader",
    "SentenceAutoencoder": "unknot.models.text.autoencoder",
    "LanguageModel": "unknot.models.text.language_model",
    "SentenceClassifier": "unknot.models.text.classifier",
    "ARAE": "unknot.models.text.arae",
    "AttributeTransfer": "unknot.models.text.attribute_transfer",
    "CrossAlignedAutoencoder": "unknot.models.text.cross_aligned",
    "DenoisingAdversarialAutoencoder": "unknot.models.text.denoising",
    "MultitaskAutoencoder": "unknot.models.text.multitask",
    "MMDTraversal": "unknot.models.text.traversal",
}
"""The module of each class, by the class's name."""


@dataclass(frozen=True)
class PlanningRow:
    """An agent that plans with the learners of a run."""

    module: str
    kind: str
    """The agent's class."""
    model: str
    """The model folder that it loads by default, below the run's seed folder."""
    home: Mapping[str, Any] = field(default_factory=dict)
    """Options of the environment in which it acts if none are given."""
    alone: tuple[str, ...] = ()
    """Of these, the options whose values its learners know alone."""
    worlds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Options of the environment in which other models learnt, by model: there each is the default."""


_PATH = ("unknot.agents.latent_path", "LatentPathAgent")
_IMAGE = {"goal": "image"}
PLANNING_AGENTS: dict[tuple[str, str], PlanningRow] = {
    ("agents", "unknot/Maze-v0"): PlanningRow(*_PATH, "mazes/planning", {"size": 8, **_IMAGE}, ("size",)),
    ("agents", "unknot/MnistGrid-v0"): PlanningRow(*_PATH, "digits/planning", {"size": 5}, ("size",)),
    ("controllable-factors", "unknot/Maze-v0"): PlanningRow(
        *_PATH, "planning/reach", {"size": 8, **_IMAGE}, ("size",)
    ),
    ("dynamics-content", "unknot/Planar-v0"): PlanningRow(
        "unknot.agents.planning", "PlanningAgent", "published", worlds={"solid": {"collision": "solid"}}
    ),
    ("grasping", "unknot/Grasp-v0"): PlanningRow("unknot.agents.grasping", "GraspAgent", "geometry"),
    ("grasping", "unknot/GraspReach-v0"): PlanningRow("unknot.agents.grasping", "ReachAgent", "geometry"),
}
"""The agent that plans with the learners of a run, by experiment and environment.

`unknot.agents.named.find_agent` looks agents up here.
"""

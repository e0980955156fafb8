"""Experiments: each repeats a paper with an environment, a learner and a planner, and ends in its table.

`EXPERIMENTS` is the table of all: name, module and what it shows. `Experiment` is its contract.
`unknot.running` runs them; it alone reads and writes the files of a seed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from unknot.report import Headline, Table

__all__ = ["EXPERIMENTS", "Entry", "Experiment", "Illustrated"]

Metrics = dict[str, Any]
"""What a seed measured, as JSON."""


class Experiment(Protocol):
    """What the module of an experiment, or of a part of one, offers; some are `Illustrated`."""

    Settings: type[Any]
    """A frozen dataclass. It refuses values out of range (ValueError). Its fields become flags."""
    PRESETS: dict[str, Any]
    """Settings by name: "smoke" (under a minute), "default", "paper", perhaps others."""

    def run(self, settings: Any, folder: Path, seed: int, resume: bool) -> Metrics:
        """Train and measure one seed; return its metrics.

        Args:
            settings: of the experiment.
            folder: the seed's. Models, checkpoints and figures go below it.
            seed: the seed.
            resume: go on with what is in the folder.
        """

    def evaluate(self, settings: Any, folder: Path, seed: int, full: bool) -> Metrics:
        """Recompute the metrics of a seed from its weights, of the models it has; write nothing.

        Args:
            settings: that the seed was run with.
            folder: the seed's.
            seed: the seed.
            full: as the run measured; else on less, which takes less time.

        Raises:
            FileNotFoundError: a model whose training has not ended.
            WeightsError: weights that can't be used.
        """

    def tabulate(self, seeds: list[Metrics]) -> "list[Table]":
        """Make the tables from the metrics of each seed, the paper's own first."""

    def headlines(self, seeds: list[Metrics]) -> "tuple[Headline, ...]":
        """Return the paper's main figures beside ours, the most important first, from the same."""


@runtime_checkable
class Illustrated(Experiment, Protocol):
    """An experiment that shows what no single seed does: means, standard deviations, all folds at once."""

    def plot(self, seeds: list[Metrics]) -> "dict[str, Figure]":
        """Plot figures from the metrics of each seed, by the names of their files in `figures/`."""


@dataclass(frozen=True)
class Entry:
    """A row of `EXPERIMENTS`."""

    module: str
    """The module that offers the experiment."""
    summary: str
    """What it shows, a phrase."""
    paper: str | None
    """Title and authors; None for a comparison that is no paper's."""


EXPERIMENTS: dict[str, Entry] = {
    "dynamics-content": Entry(
        "unknot.experiments.dynamics_content",
        "plan from pixels in the planar world, in a set of images that came without actions",
        "Disentangling dynamics and content for control and planning, Banijamali et al., 2017",
    ),
    "controllable-factors": Entry(
        "unknot.experiments.controllable_factors",
        "find what actions control, each factor by itself, in mazes and with digits; plan with it",
        "Disentangling the independently controllable factors of variation by interacting with the world, "
        "Thomas et al., 2017",
    ),
    "covariance-penalty": Entry(
        "unknot.experiments.covariance_penalty",
        "uncorrelated codes of as many dimensions as are needed, by a penalty on a layer's covariance",
        "Disentanglement by penalizing correlation, Kågebäck and Mogren, 2017",
    ),
    "f-statistic": Entry(
        "unknot.experiments.f_statistic",
        "embeddings whose single dimensions tell the attributes that make an identity",
        "Discovering disentangled representations with the F statistic loss, Ridgeway and Mozer, 2017",
    ),
    "grasping": Entry(
        "unknot.experiments.grasping",
        "grasp objects never seen, by imagining their geometry from one view",
        "Learning 6-DOF grasping interaction via deep 3D geometry-aware representations, Yan et al., 2017",
    ),
    "factor-vae": Entry(
        "unknot.experiments.factor_vae",
        "independent codes of shapes by a discriminator, beside β-VAE and β-TCVAE",
        "Disentangling by factorising, Kim and Mnih, 2017",
    ),
    "dci": Entry(
        "unknot.experiments.dci",
        "disentanglement, completeness and informativeness of InfoGAN's codes of teapots",
        "A framework for the quantitative evaluation of disentangled representations, "
        "Eastwood and Williams, 2017",
    ),
    "dip-vae": Entry(
        "unknot.experiments.dip_vae",
        "codes of shapes whose covariance is near the identity, beside β-VAE",
        "Variational inference of disentangled latents from unlabeled observations, Kumar et al., 2017",
    ),
    "capacity-vae": Entry(
        "unknot.experiments.capacity_vae",
        "which factors of shapes a growing capacity is spent on, and in what order",
        "Understanding disentangling in β-VAE, Burgess et al., 2017",
    ),
    "quantifying-beta": Entry(
        "unknot.experiments.quantifying_beta",
        "what β does to four autoencoders: disentanglement of shapes, classification of digits",
        "Quantifying the effects of enforcing disentanglement on variational autoencoders, "
        "Peychev et al., 2017",
    ),
    "multi-entity-vae": Entry(
        "unknot.experiments.multi_entity_vae",
        "scenes as sets of vectors, one for each sprite: count, exchange and traverse them",
        "The multi-entity variational autoencoder, Nash et al., 2017",
    ),
    "causal-mechanisms": Entry(
        "unknot.experiments.causal_mechanisms",
        "experts that compete for changed digits until each undoes one mechanism, without labels",
        "Learning independent causal mechanisms, Parascandolo et al., 2017",
    ),
    "sd-gan": Entry(
        "unknot.experiments.sd_gan",
        "generate photographs of identities never seen, who and how in codes of their own, from pairs",
        "Semantically decomposing the latent spaces of generative adversarial networks, Donahue et al., 2017",
    ),
    "jade": Entry(
        "unknot.experiments.jade",
        "classify street digits with 1,000 labels by the help of MNIST, content and style apart",
        "JADE: joint autoencoders for dis-entanglement, Karimi et al., 2017",
    ),
    "mocogan": Entry(
        "unknot.experiments.mocogan",
        "videos of shapes and characters whose content and motion are separate codes",
        "On decomposing motion and content for video generation, Tulyakov et al., 2017",
    ),
    "video-prediction": Entry(
        "unknot.experiments.video_prediction",
        "video as factors that each predict their own future: moving digits, cars on a street",
        "Disentangling video with independent prediction, Whitney and Fergus, 2017",
    ),
    "arae": Entry(
        "unknot.experiments.arae",
        "sentences with the opposite sentiment or another topic, by codes that do not tell it",
        "Adversarially regularized autoencoders for unaligned text style-transfer, Zhao et al., 2017",
    ),
    "multitask": Entry(
        "unknot.experiments.multitask",
        "codes of sentences that also have to give a translation and parts of speech, clustered by syntax",
        "Natural language multitasking: analyzing and improving syntactic saliency of hidden "
        "representations, Brunner et al., 2017",
    ),
    "sentiment-traversal": Entry(
        "unknot.experiments.sentiment_traversal",
        "sentences with the opposite sentiment, by codes that move from one sentiment's to the other's",
        "Disentangled representations for manipulation of sentiment in text, Larsson et al., 2017",
    ),
    "attribute-transfer": Entry(
        "unknot.experiments.attribute_transfer",
        "sentences with the opposite sentiment and the same content, by attention and kept nouns",
        "Improved neural text attribute transfer with non-parallel data, Melnyk et al., 2017",
    ),
    "agents": Entry(
        "unknot.experiments.agents",
        "how many environment steps PPO and planning need, from pixels, true factors and learnt codes",
        None,
    ),
    "encoders": Entry(
        "unknot.experiments.encoders",
        "every environment encoder that ships, by every metric of disentanglement",
        None,
    ),
}
"""The experiments by the names of their commands."""

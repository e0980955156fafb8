"""Experiments: each repeats a paper with an environment, a learner and a planner, and ends in its table.

A row of `EXPERIMENTS` is a name, the module that has it, and what it shows; `unknot.running` says what such a
module offers.
"""

EXPERIMENTS: dict[str, tuple[str, str]] = {
    "dynamics-content": (
        "unknot.experiments.dynamics_content",
        "plan from pixels in the planar world, in a set of images that came without actions",
    ),
    "controllable-factors": (
        "unknot.experiments.controllable_factors",
        "find what actions control, each by itself, in mazes and moved digits; plan with it",
    ),
    "agents": (
        "unknot.experiments.agents",
        "how many environment steps PPO and planning need, from pixels, true factors and learnt codes",
    ),
    "dci": (
        "unknot.experiments.dci",
        "disentanglement, completeness and informativeness of InfoGAN's codes of teapots",
    ),
    "covariance-penalty": (
        "unknot.experiments.covariance_penalty",
        "uncorrelated codes of as many dimensions as need be, by a penalty on any layer's covariance",
    ),
    "factor-vae": (
        "unknot.experiments.factor_vae",
        "independent codes of shapes by a discriminator, beside β-VAE and β-TCVAE",
    ),
    "dip-vae": (
        "unknot.experiments.dip_vae",
        "codes of shapes whose covariance is near the identity, beside β-VAE",
    ),
    "capacity-vae": (
        "unknot.experiments.capacity_vae",
        "which factors of shapes a growing capacity is spent on, and in what order",
    ),
    "quantifying-beta": (
        "unknot.experiments.quantifying_beta",
        "what β does to four autoencoders: disentanglement of shapes, classification of digits",
    ),
    "encoders": (
        "unknot.experiments.encoders",
        "every environment encoder that ships, by every metric of disentanglement",
    ),
    "f-statistic": (
        "unknot.experiments.f_statistic",
        "embeddings whose single dimensions tell the attributes that make an identity",
    ),
    "grasping": (
        "unknot.experiments.grasping",
        "grasp what was never seen, by imagining its geometry from one view",
    ),
}

__all__ = ["EXPERIMENTS"]

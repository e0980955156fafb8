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
    "covariance-penalty": (
        "unknot.experiments.covariance_penalty",
        "uncorrelated codes of as many dimensions as need be, by a penalty on any layer's covariance",
    ),
}

__all__ = ["EXPERIMENTS"]

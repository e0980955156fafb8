"""Learners: they turn images into codes, and predict in codes what actions do.

`Learner` is the contract, `train` the one training loop. A learner never opens an environment.
"""

from unknot.files import require

require("learn", "torch")

from unknot.representation.e2c import E2C  # noqa: E402
from unknot.representation.learner import WEIGHTS, Learner, load_learner, save_learner  # noqa: E402
from unknot.representation.locally_linear import LocallyLinear  # noqa: E402
from unknot.representation.rce import RCE  # noqa: E402
from unknot.representation.training import CHECKPOINT, minibatches, train  # noqa: E402

__all__ = [
    "CHECKPOINT",
    "E2C",
    "RCE",
    "WEIGHTS",
    "Learner",
    "LocallyLinear",
    "load_learner",
    "minibatches",
    "save_learner",
    "train",
]

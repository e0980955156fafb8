"""Learners: they turn images into codes, and predict the effects of actions on codes.

`Trainable` is the contract of every trained model, `Learner` of those that also encode. `train` is the one
training loop. Metrics measure codes on a `FactorSource`. A learner never opens an environment.
"""

from unknot.checks import require

require("learn", "torch")

from unknot.files import WEIGHTS  # noqa: E402
from unknot.representation.e2c import E2C  # noqa: E402
from unknot.representation.learner import (  # noqa: E402
    Learner,
    Trainable,
    descend,
    encode_all,
    load_learner,
    register_learner,
    save_learner,
)
from unknot.representation.locally_linear import LocallyLinear  # noqa: E402
from unknot.representation.rce import RCE  # noqa: E402
from unknot.representation.source import FactorSource  # noqa: E402
from unknot.representation.training import CHECKPOINT, minibatches, train  # noqa: E402

__all__ = [
    "CHECKPOINT",
    "E2C",
    "RCE",
    "WEIGHTS",
    "FactorSource",
    "Learner",
    "LocallyLinear",
    "Trainable",
    "descend",
    "encode_all",
    "load_learner",
    "minibatches",
    "register_learner",
    "save_learner",
    "train",
]

"""Every learner refuses sizes and rates of zero by name."""

import importlib
import inspect
from typing import Any

import pytest

from unknot.learners import LEARNERS

SIZES = (
    "actions", "code_dim", "critic_updates", "discriminator_layers", "discriminator_updates",
    "discriminator_width", "features", "growth", "hidden", "horizon", "latent_dim", "names", "steps", "width",
)  # fmt: skip
RATES = ("learning_rate", "discriminator_rate", "gain", "noise")
LEAST: dict[Any, int] = {
    "actions": 2, "names": 2, ("DiscreteSelectivity", "features"): 2,
    ("SingleClassifier", "width"): 4, ("PairedClassifier", "width"): 4, ("JADE", "width"): 4,
    ("JADEDecoder", "width"): 4,
}  # fmt: skip
"""Sizes whose least value is not 1, everywhere or in a learner."""
MAY_BE_ZERO = [
    (name, "noise")
    for name in ("VAE", "CapacityVAE", "DIPVAE", "FactorVAE", "BetaTCVAE", "AdaGVAE", "LatentMoves")
] + [
    ("LatentMoves", "actions"),
    ("SentenceAutoencoder", "noise"),
    ("ARAE", "noise"),
    ("JADEDecoder", "noise"),
    ("IndependentPredictor", "steps"),
]
KERNEL_WIDTHS = [(name, "width") for name in ("Selectivity", "SceneSelectivity", "MultistepSelectivity")]
"""Widths that are no number of units."""
SENTENCES = [name for name, module in LEARNERS.items() if module.startswith("unknot.models.text.")]
REQUIRED: dict[str, dict[str, Any]] = {
    "Selectivity": {"actions": 4},
    "SceneSelectivity": {"actions": 4},
    "MultistepSelectivity": {"actions": 4},
    "LatentMoves": {"moves": 3, "actions": 4, "centre": [0.0, 0.0]},
    "FactorGenerator": {"factors": {"x": (0.0, 1.0)}},
    "FactorReader": {"sizes": {"yaw": 3}},
    **{name: {"vocabulary": (".", "a", "b")} for name in SENTENCES},
    "StackedNetworks": {"sizes": [2, 2, 2], "weights": [1.0], "penalties": ["l1"], "steps": 1},
}
"""Arguments that have no default."""


def taken(kind: type) -> set[str]:
    """Return the names that the constructors of a class and of its bases take."""
    return {name for base in kind.__mro__ for name in inspect.signature(base.__init__).parameters}  # type: ignore[misc]


@pytest.mark.parametrize("name", LEARNERS)
def test_sizes_and_rates_of_zero_are_refused_by_name(name: str) -> None:
    kind: Any = getattr(importlib.import_module(LEARNERS[name]), name)
    for argument in sorted(taken(kind) & {*SIZES, *RATES}):
        if (name, argument) in MAY_BE_ZERO:
            continue
        is_rate = argument in RATES or (name, argument) in KERNEL_WIDTHS
        least = LEAST.get((name, argument), LEAST.get(argument, 1))
        bound = "above 0" if is_rate else f"at least {least}"
        with pytest.raises(ValueError, match=f"^{argument} must be {bound}, not 0$"):
            kind(**REQUIRED.get(name, {}) | {argument: 0})


@pytest.mark.parametrize("name", LEARNERS)
def test_no_number_may_be_negative(name: str) -> None:
    kind: Any = getattr(importlib.import_module(LEARNERS[name]), name)
    for base in kind.__mro__:
        for argument, parameter in inspect.signature(base.__init__).parameters.items():
            if isinstance(parameter.default, int | float) and not isinstance(parameter.default, bool):
                with pytest.raises(ValueError, match=f"^{argument} must be .*, not -0.5$"):
                    kind(**REQUIRED.get(name, {}) | {argument: -0.5})

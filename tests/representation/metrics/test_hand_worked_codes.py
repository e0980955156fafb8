"""Every metric on codes worked out by hand."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from numpy.typing import NDArray

from unknot.representation.metrics import METRICS, Score, dci, factor_vae, higgins, higgins_2, sap
from unknot.representation.metrics.evaluation import ON_CODES, ON_FACTORS

Floats = NDArray[np.float64]

GRID = np.indices((8, 8, 8, 8)).reshape(4, -1).T.astype(np.float64)
"""Every combination of four numbers from 0 to 7: the factors a and b, and two that are noise to them."""
FACTORS = GRID[:, :2]
NAMES = np.array([True, True])
"""Marks the factors as categorical."""

CODES: dict[str, Callable[[Floats], Floats]] = {
    "perfect": lambda g: g[:, :2],
    "permuted, scaled, turned round": lambda g: g[:, [1, 0]] * [-3, 0.1] + [0, 7],
    "rotated": lambda g: g[:, :2] @ [[1, 1], [1, -1]],
    "one factor twice": lambda g: g[:, [0, 0, 1]],
    "constant": lambda g: np.full((len(g), 3), 0.1),
    "noise": lambda g: g[:, 2:],
    "longer by a constant": lambda g: np.insert(g[:, :2], 1, 0.1, axis=1),
    "longer by noise": lambda g: g[:, [0, 2, 1, 3]],
    "one factor only": lambda g: g[:, :1],
    "one factor and noise": lambda g: g[:, [0, 2]],
    "one bit of each": lambda g: g[:, :2] // 4,
}
ONES = dict.fromkeys(CODES, 1.0)
NOTHING = {"constant": 0.0, "noise": 0.0}


# Counts are exact on the grid.


HALF_KNOWN = {"one factor only": 1 / 2, "one factor and noise": 1 / 2}
# One bit of three known: a third. A single dimension leads the score 0 in place of a second one.
MIG = ONES | NOTHING | HALF_KNOWN | {"rotated": 0, "one factor twice": 1 / 2, "one bit of each": 1 / 3}
# A dimension with equal information on both factors is not modular; one with information on one factor is,
# even if others have it too. Dimensions with exactly no information, noise or constants, are left out.
MODULARITY = ONES | NOTHING | {"rotated": 0}
# The rotated code's areas are below 0.95.
ATTRIBUTE_AUC = ONES | NOTHING | HALF_KNOWN | {"rotated": 0}
# Of eight names, ordered dimensions separate the first and the last from the others; a bit separates none.
NAMES_AUC = {code: value / 4 for code, value in ATTRIBUTE_AUC.items()} | {"one bit of each": 0}
# Without factors noise is as good a code as any. With two equal dimensions one of three correlations is 1;
# the other entries of the covariance are 0.
MAPC = ONES | {"constant": 0, "one factor twice": 2 / 3}
CVR = ONES | {"constant": 0, "one factor twice": 3 / 5}
# Two of p dimensions of equal variance have 2/p of it, and 90% takes all; scaled by 3 and 0.1 one is enough.
TDV = ONES | {"constant": 0, "one factor twice": 2 / 3, "longer by noise": 2 / 4}
UD90 = dict.fromkeys(CODES, 0.0) | {"permuted, scaled, turned round": 1 / 2, "longer by a constant": 1 / 3}
# The correlation's eigenvalues are 2, 0 and 1: W₂² / tr C = (2 · 3 - 2 (√2 + 0 + 1)) / 3.
UNSUPERVISED = dict.fromkeys(CODES, 0.0) | {"one factor twice": -(4 - 2 * np.sqrt(2)) / 3}

COUNTED = {
    "mig": MIG,
    "modularity": MODULARITY,
    "attribute_auc": ATTRIBUTE_AUC,
    "mapc": MAPC,
    "cvr": CVR,
    "tdv": TDV,
    "ud90": UD90,
    "unsupervised": UNSUPERVISED,
}
COUNTED_OF_NAMES = {"mig": MIG, "modularity": MODULARITY, "attribute_auc": NAMES_AUC}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("name", COUNTED)
def test_metrics_that_count(name: str, code: str) -> None:
    codes = CODES[code](GRID)
    if name in ON_FACTORS:
        score = ON_FACTORS[name](codes, FACTORS)
    else:
        score = ON_CODES[name](codes, **{"top": 2} if name == "tdv" else {})
    assert score.value == pytest.approx(COUNTED[name][code], abs=1e-9)
    assert score.interval[0] <= score.value <= score.interval[1]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("name", COUNTED_OF_NAMES)
def test_metrics_that_count_categories(name: str, code: str) -> None:
    score = ON_FACTORS[name](CODES[code](GRID), FACTORS, NAMES)
    assert score.value == pytest.approx(COUNTED_OF_NAMES[name][code], abs=1e-9)


def test_areas_of_the_rotated_code() -> None:
    """With a over 3 and a' not, P(a + b > a' + b') + P(a + b = a' + b') / 2 = 1 - E(8 - a + a')² / 128.

    The difference a - a' is 1 to 7 in 1, 2, 3, 4, 3, 2, 1 of 16 cases: the mean square is 18.5.
    """
    areas = ON_FACTORS["attribute_auc"](CODES["rotated"](GRID), FACTORS).parts["areas"]
    assert areas == pytest.approx([1 - 18.5 / 128] * 2)


# Scores on the half of the grid that tests are 0 or 1, except for chance.


# The correlation of 0..7 with whether it is over 3 is 2 / √(21/4), its square 16/21.
SAP = MIG | {"one bit of each": 16 / 21}
# Of eight names all are predicted, or one in eight by chance; a bit predicts two of them.
NAMES_SAP = {code: 7 / 8 * value for code, value in MIG.items()} | {"one bit of each": 2 / 8 - 1 / 8}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(("kinds", "expected"), [(None, SAP), (NAMES, NAMES_SAP)], ids=["numbers", "names"])
def test_sap(kinds: Any, expected: Mapping[str, float], code: str) -> None:
    assert sap(CODES[code](GRID), FACTORS, kinds).value == pytest.approx(expected[code], abs=0.03)


# DCI


Range = tuple[float, float]
EXACTLY_NONE, NONE, HALF, ALL = (0.0, 1e-12), (0.0, 0.02), (0.49, 0.52), (0.98, 1.0)
SHARED = (0.6845, 0.705)
"""Of two equal dimensions trees split on either. Halves are least complete: (1 - log 2 / log 3 + 1) / 2."""
BIT = 1 - np.sqrt(5 / 21)
"""It leaves 5/21 of the variance of 0..7."""

# Disentanglement, completeness, informativeness. Trees' importances are normalised for each factor, learnt or
# not. So all dimensions of noise have equal information on all factors. Where a code lacks b, one dimension
# has 1 for either factor; two have (p, 1 - p) for b beside a's (1, 0): D = 0.31 where p is 1/2, as neither
# determines b, 0.39 and 0.24 where it is 0.4 and 0.6.
TREES: dict[str, tuple[Range, Range, float]] = {
    "perfect": (ALL, ALL, 1),
    "permuted, scaled, turned round": (ALL, ALL, 1),
    "rotated": (NONE, NONE, 1),
    "one factor twice": (ALL, SHARED, 1),
    "constant": (EXACTLY_NONE, EXACTLY_NONE, 0),
    "noise": (NONE, NONE, 0),
    "longer by a constant": (ALL, ALL, 1),
    "longer by noise": (ALL, ALL, 1),
    "one factor only": (NONE, ALL, 1 / 2),
    "one factor and noise": ((0.24, 0.39), HALF, 1 / 2),
    "one bit of each": (ALL, ALL, BIT),
}
# A penalty, or a least gain that isn't small, gives no importance to a factor that can't be learnt, b.
CHOSEN = TREES | {"one factor only": (ALL, HALF, 1 / 2), "one factor and noise": (ALL, HALF, 1 / 2)}
# Coordinates descend in their order: of equal ones the first takes all. Of noise a single weight survives the
# penalty (with other seeds none): disentangled, and of no use.
LASSO = CHOSEN | {"one factor twice": (ALL, ALL, 1), "noise": (ALL, HALF, 0)}
DCI: dict[str, Mapping[str, tuple[Range, Range, float]]] = {
    "random_forest": TREES,
    "gradient_boosting": TREES,
    "random_forest_splits": CHOSEN | {"noise": (EXACTLY_NONE, EXACTLY_NONE, 0)},
    "lasso": LASSO,
}
# Of names that a bit doesn't distinguish, 1 in 4 is right. A split of those by the other bit gains 2/n or so
# by chance, n = 3277 that train; the bit's own gains 1/8, 200 times as much: D = 1 - H(1/200) = 0.95.
NAMES_DCI = TREES | {"one bit of each": ((0.93, 0.98), (0.93, 0.98), 1 / 4)}
NAMES_DCI |= {code: (*NAMES_DCI[code][:2], 1 / 8) for code in NOTHING}
NAMES_DCI |= {code: (*NAMES_DCI[code][:2], 9 / 16) for code in HALF_KNOWN}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("regressor", DCI)
def test_dci(regressor: str, code: str) -> None:
    score = dci(CODES[code](GRID), FACTORS, regressor=regressor)
    check_dci(score, *DCI[regressor][code])


@pytest.mark.parametrize("code", CODES)
def test_dci_of_categories(code: str) -> None:
    check_dci(dci(CODES[code](GRID), FACTORS, NAMES), *NAMES_DCI[code])


def check_dci(score: Score, disentangled: Range, complete: Range, informative: float) -> None:
    """Check the three; the test set, a tenth of the grid, may be a little easier or harder than the rest."""
    assert disentangled[0] <= score.value <= disentangled[1]
    assert complete[0] <= score.parts["completeness"] <= complete[1]
    assert score.parts["informativeness"] == pytest.approx(informative, abs=0.07)


# Metrics that fix factors


class Images:
    """A source of a and b, whose images, four pixels, show them beside noise."""

    factor_space = spaces.Dict(a=spaces.Discrete(8), b=spaces.Discrete(8))

    def __init__(self) -> None:
        self.noise = np.random.default_rng(1)

    def sample_factors(self, n: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        return {name: rng.integers(8, size=n) for name in self.factor_space}

    def render_factors(self, factors: Mapping[str, Any]) -> NDArray[np.uint8]:
        noise = self.noise.integers(8, size=(2, len(factors["a"])))
        pixels: NDArray[Any] = np.stack([factors["a"], factors["b"], *noise], axis=1)
        return pixels[:, None, :, None].astype(np.uint8)


# Half is predicted by chance. The rotated code's dimensions, both of which move with either factor, add
# nothing.
CHANCE = {"constant": 1 / 2, "noise": 1 / 2, "rotated": 1 / 2}
FIXED: dict[Callable[..., Score], Mapping[str, float]] = {
    # A dimension alone votes always; beside noise, for its own factor and in half of the other's votes.
    factor_vae: ONES | CHANCE | {"one factor only": 1 / 2, "one factor and noise": 3 / 4},
    # The classifier sees both that a is shared and that it isn't.
    higgins: ONES | CHANCE,
    # A changed number has another bit in 4 cases of 7; otherwise nothing differs, and half is predicted by
    # chance.
    higgins_2: ONES | CHANCE | {"one bit of each": 11 / 14},
}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("metric", FIXED)
def test_fixed_factors(metric: Callable[..., Score], code: str) -> None:
    score = metric(lambda images: CODES[code](images[:, 0, :, 0].astype(np.float64)), Images())
    expected = FIXED[metric][code]
    assert score.value == pytest.approx(expected, abs=0.01 if expected == 1 else 0.1)


def test_no_metric_is_left_out() -> None:
    dcis = {"dci", "dci_lasso", "dci_splits", "dci_boosting"}
    known = {*COUNTED, "sap", *dcis, *(metric.__name__ for metric in FIXED)}
    assert known == {*METRICS}, "add to COUNTED the metric's value on each of CODES, worked by hand"


def test_a_constant_has_no_weight_in_a_linear_model() -> None:
    """Its standard deviation is 0 up to rounding: 0.1 is not a binary fraction."""
    score = dci(CODES["longer by a constant"](GRID), FACTORS, NAMES, regressor="lasso")
    assert score.parts["weights"][1] == 0


def test_a_code_of_more_dimensions_than_images_is_measured() -> None:
    score = factor_vae(lambda images: images[:, 0, :, 0].astype(float), Images(), images=2)
    assert score.parts["votes"].shape == (4, 2)


@pytest.mark.parametrize("metric", [higgins, higgins_2, factor_vae])
def test_chance_is_the_share_of_the_most_frequent_factor(metric: Callable[..., Score]) -> None:
    score = metric(lambda images: images[:, 0, :, 0].astype(float), Images())
    assert 0.5 <= score.parts["chance"] < 0.6


@pytest.mark.parametrize(
    ("metric", "argument", "least"),
    [
        (higgins, "train_examples", 2),
        (higgins, "test_examples", 1),
        (higgins, "pairs", 1),
        (higgins_2, "train_examples", 2),
        (higgins_2, "test_examples", 1),
        (factor_vae, "train_votes", 1),
        (factor_vae, "test_votes", 1),
        (factor_vae, "images", 2),
    ],
)
def test_too_few_samples_are_refused(metric: Callable[..., Score], argument: str, least: int) -> None:
    with pytest.raises(ValueError, match=f"{argument} must be at least {least}, not {least - 1}"):
        metric(lambda images: images, Images(), **{argument: least - 1})

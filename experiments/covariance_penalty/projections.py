"""Section 3.2: a linear autoencoder of ten dimensions finds the four behind a random projection (Figs. 1, 2).

x = Ω z with z of four independent Gaussian features. The paper does not give the width of x; here it is ten,
as that of the code. Standard deviations of z are uniform in [0.5, 1.5], entries of Ω standard normal.
Networks for all λ, both penalties and all projections train side by side.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from torch import Tensor

from unknot.checks import settings_at_least
from unknot.experiments.common.figures import hinton_figure
from unknot.experiments.common.runs import train_model
from unknot.experiments.common.tables import mean, over_seeds
from unknot.experiments.covariance_penalty.measures import PENALTY_NAMES, average, measure, plot_curves
from unknot.files import WEIGHTS
from unknot.models.stacked import StackedNetworks
from unknot.report import Headline, Table, mean_std, save_figures, verdict
from unknot.representation import load_learner, minibatches

FEATURES, WIDTH, CODE, SAMPLES, BATCH = 4, 10, 10, 10_000, 250
LAMBDAS = [0.0, *np.logspace(-3, 0, 8).tolist()]
PENALTIES = ("covariance", "l1")
LEAST_VARIANCE, MOST_DIMENSIONS = 0.95, FEATURES
"""TdV at least, and UD90% at most, of a code that has found the number of features: our reading."""


@dataclass(frozen=True)
class Settings:
    """Settings of the part."""

    repeats: int = 10
    """Random projections, for each λ and penalty."""
    steps: int = 5000
    """Updates of the autoencoders."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        settings_at_least(self, repeats=1, steps=1)


PRESETS = {"default": Settings(), "smoke": Settings(repeats=1, steps=20), "paper": Settings(steps=400_000)}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train the autoencoders of one seed, measure them and plot Figs. 1 and 2."""
    order = [(penalty, weight) for penalty in PENALTIES for weight in LAMBDAS]

    def make() -> StackedNetworks:
        return StackedNetworks(
            sizes=[WIDTH, CODE, WIDTH],
            weights=[weight for _, weight in order for _ in range(settings.repeats)],
            penalties=[penalty for penalty, _ in order for _ in range(settings.repeats)],
            steps=settings.steps,
        )

    features, inputs = project(settings.repeats, seed)
    batches = _batches(inputs, seed, len(order))
    learner = train_model(make, batches, settings.steps, folder, seed, resume)
    metrics = evaluate(settings, folder, seed, full=True)
    figures = {"projections": _figure(metrics["curves"]), "hinton": _diagrams(learner, features, inputs)}
    save_figures(figures, folder)
    return metrics


def project(repeats: int, seed: int) -> tuple[Tensor, Tensor]:
    """Sample features and project them.

    Returns:
        z (samples, repeats, features), and x (samples, repeats, width), each repeat by a projection of its
        own.
    """
    rng = np.random.default_rng(seed)
    scales = rng.uniform(0.5, 1.5, (repeats, FEATURES))
    features = rng.standard_normal((SAMPLES, repeats, FEATURES)) * scales
    projections = rng.standard_normal((repeats, FEATURES, WIDTH))
    inputs = np.einsum("nrf,rfw->nrw", features, projections)
    return torch.from_numpy(features).float(), torch.from_numpy(inputs).float()


def _batches(inputs: Tensor, seed: int, groups: int) -> Callable[[int], dict[str, Tensor]]:
    """Make a source of batches in which every group of networks sees every projection."""
    rows = minibatches({"x": inputs}, BATCH, seed)

    def batch_at(step: int) -> dict[str, Tensor]:
        x = rows(step)["x"].repeat(1, groups, 1)
        return {"input": x, "target": x}

    return batch_at


@torch.no_grad()
def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the codes of all samples: for each penalty and λ the mean over the projections."""
    learner = load_learner(folder / WEIGHTS, kind=StackedNetworks)
    _, inputs = project(settings.repeats, seed)
    every = inputs.repeat(1, len(PENALTIES) * len(LAMBDAS), 1)
    errors, codes = learner.errors(every, every), learner.last_hidden(every)
    measured = iter([
        {"error": float(error), **measure(code.numpy(), FEATURES)}
        for error, code in zip(errors, codes.movedim(1, 0), strict=True)
    ])  # fmt: skip
    curves = {
        penalty: [
            {"lambda": weight, **average([next(measured) for _ in range(settings.repeats)])}
            for weight in LAMBDAS
        ]
        for penalty in PENALTIES
    }
    components = [PCA(CODE).fit_transform(x.numpy()) for x in inputs.movedim(1, 0)]
    pca = average([{"error": 0.0, **measure(code, FEATURES)} for code in components])  # it loses nothing
    return {"curves": curves, "pca": pca}


def _figure(curves: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(9, 6), layout="constrained")
    for panel, name in zip(figure.subplots(2, 2).flat, ("mapc", "cvr", "tdv", "ud90"), strict=True):
        plot_curves(panel, curves, name)
        panel.set_xscale("symlog", linthresh=1e-6)
    return figure


@torch.no_grad()
def _diagrams(learner: StackedNetworks, features: Tensor, inputs: Tensor) -> Figure:
    """Plot how the codes of the first projection vary with each feature: without a penalty, by the greatest.

    A square is the covariance of a dimension with a feature of standard deviation 1, so that collapsed
    dimensions have none. A code without linear correlation may still be any rotation of the features.
    """
    codes = learner.last_hidden(inputs.repeat(1, len(PENALTIES) * len(LAMBDAS), 1))
    feature = features[:, 0] / features[:, 0].std(0)
    shown = {"no penalty": 0, f"{PENALTY_NAMES['covariance']}, λ = {LAMBDAS[-1]:g}": len(LAMBDAS) - 1}
    matrices = {}
    for text, k in shown.items():
        code = codes[:, k * inputs.shape[1]]
        matrices[text] = ((code - code.mean(0)).T @ feature / len(code)).numpy()
    figure = hinton_figure(matrices, size=(5.5, 4.8))
    figure.suptitle("covariance with features of standard deviation 1", fontsize=10)
    return figure


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Make the tables of errors and dimensions over λ, one for each penalty."""
    return [_table(seeds, penalty) for penalty in PENALTIES]


def headlines(seeds: list[dict[str, Any]]) -> tuple[Headline, ...]:
    """Return how many dimensions the code uses at the greatest λ of L_Σ, and what they hold."""
    curves = over_seeds(seeds, "curves", "covariance")

    def found(codes: list[dict[str, float]]) -> str:
        return f"{mean_std(over_seeds(codes, 'ud90'), 1)} and {mean_std(over_seeds(codes, 'tdv'), 3)}"

    return (
        Headline(
            measure=f"Dimensions of {CODE} that hold 90% of the variance; share of the top {FEATURES}",
            paper="3 and 1 (curves)",
            ours=f"{found([curve[-1] for curve in curves])} (λ = {LAMBDAS[-1]:g})",
            floor=f"{found([curve[0] for curve in curves])} (no penalty)",
            ceiling=f"{found(over_seeds(seeds, 'pca'))} (principal components)",
            target=f"at most {MOST_DIMENSIONS} and at least {LEAST_VARIANCE}",
            met=_found(seeds)[-1],
        ),
    )


def _table(seeds: list[dict[str, Any]], penalty: str) -> Table:
    rows = [
        (f"λ = {weight:.2g}", *_cells([seed["curves"][penalty][k] for seed in seeds]))
        for k, weight in enumerate(LAMBDAS)
    ]
    rows.append(("PCA (oracle)", *_cells(over_seeds(seeds, "pca"))))
    return Table(
        f"Penalizing correlation: a code of {CODE} dimensions for {FEATURES} features behind a random "
        f"projection, by {PENALTY_NAMES[penalty]} (Figs. 1, 2)",
        ("", "MSE × 10⁶", "MAPC", "CVR", "TdV", "UD90%"),
        tuple(rows),
        (
            "CVR is 1 for a code without linear correlation, 10 at most; TdV is the share of the variance in "
            f"the top {FEATURES} dimensions; UD90% counts those that hold 90% of it. Trivial baseline: λ = "
            "0; oracle: principal components.",
            "The paper plots curves and gives no numbers: L_Σ reaches CVR 1, TdV 1 and UD90% 4 (3 at the "
            "largest λ) at less error than L1.",
            *([_target(seeds)] if penalty == "covariance" else []),
        ),
    )


def _found(seeds: list[dict[str, Any]]) -> tuple[float, float, bool]:
    """Return TdV and UD90% at the greatest λ of L_Σ, and whether they say that the features were found."""
    last = [seed["curves"]["covariance"][-1] for seed in seeds]
    tdv, ud90 = mean(last, "tdv"), mean(last, "ud90")
    return tdv, ud90, tdv >= LEAST_VARIANCE and ud90 <= MOST_DIMENSIONS


def _target(seeds: list[dict[str, Any]]) -> str:
    tdv, ud90, met = _found(seeds)
    return (
        f"Target: {FEATURES} dimensions of {CODE} found at the greatest λ, by our reading a TdV of at least "
        f"{LEAST_VARIANCE} and a UD90% of at most {MOST_DIMENSIONS}: {tdv:.3f} and {ud90:.1f}, "
        f"{verdict(met)}."
    )


def _cells(codes: list[dict[str, float]]) -> tuple[str, ...]:
    errors = mean_std([1e6 * code["error"] for code in codes], 2)
    digits = {"mapc": 2, "cvr": 2, "tdv": 3, "ud90": 1}
    others = (mean_std([code[name] for code in codes], count) for name, count in digits.items())
    return (errors, *others)

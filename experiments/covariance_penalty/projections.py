"""Section 3.2: a linear autoencoder of ten dimensions finds the four behind a random projection (Figs. 1, 2).

x = Ω z with z of four independent Gaussian features. The paper does not say how wide x is: ten here, as the
code; deviations of z are uniform in [0.5, 1.5], entries of Ω standard normal. Networks for all λ, both
penalties and all projections train side by side.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from torch import Tensor

from unknot.experiments.covariance_penalty.measures import PENALTY_NAMES, average, draw_curves, measure
from unknot.models.stacked import StackedNetworks
from unknot.report import Table, mean_std, save_figures, verdict
from unknot.representation import WEIGHTS, load_learner, minibatches, train
from unknot.representation.metrics import hinton

if TYPE_CHECKING:
    from unknot.experiments.covariance_penalty import Settings

FEATURES, WIDTH, CODE, SAMPLES, BATCH = 4, 10, 10, 10_000, 250
LAMBDAS = [0.0, *np.logspace(-3, 0, 8).tolist()]
PENALTIES = ("covariance", "l1")
VARIANCE, DIMENSIONS = 0.95, FEATURES
"""TdV at least, and UD90% at most, of a code that has found how many features there are: our reading."""


def run(settings: "Settings", folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train the autoencoders of one seed, measure them and draw Figs. 1 and 2."""
    torch.manual_seed(seed)
    order = [(penalty, weight) for penalty in PENALTIES for weight in LAMBDAS]
    learner = StackedNetworks(
        sizes=[WIDTH, CODE, WIDTH],
        weights=[weight for _, weight in order for _ in range(settings.repeats)],
        penalties=[penalty for penalty, _ in order for _ in range(settings.repeats)],
        steps=settings.projection_steps,
    )
    features, inputs = project(settings.repeats, seed)
    train(
        learner,
        _batches(inputs, seed, len(order)),
        settings.projection_steps,
        folder=folder,
        resume=resume,
        description=f"seed {seed}: projections",
    )
    metrics = evaluate(settings, folder, seed)
    figures = {"projections": _figure(metrics["curves"]), "hinton": _diagrams(learner, features, inputs)}
    save_figures(figures, folder)
    return metrics


def project(repeats: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw features and project them.

    Returns:
        z (samples, repeats, features), and x (samples, repeats, width), each repeat by a projection of its
        own.
    """
    rng = np.random.default_rng(seed)
    deviations = rng.uniform(0.5, 1.5, (repeats, FEATURES))
    features = rng.standard_normal((SAMPLES, repeats, FEATURES)) * deviations
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
def evaluate(settings: "Settings", folder: Path, seed: int) -> dict[str, Any]:
    """Measure the codes of all samples: for each penalty and λ the mean over the projections."""
    learner = load_learner(folder / WEIGHTS)
    assert isinstance(learner, StackedNetworks)
    _, inputs = project(settings.repeats, seed)
    every = inputs.repeat(1, len(PENALTIES) * len(LAMBDAS), 1)
    errors, codes = learner.errors(every, every), learner.encode(every)
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
        draw_curves(panel, curves, name)
        panel.set_xscale("symlog", linthresh=1e-6)
    return figure


@torch.no_grad()
def _diagrams(learner: StackedNetworks, features: Tensor, inputs: Tensor) -> Figure:
    """Draw how the codes of the first projection vary with each feature: without a penalty, by the greatest.

    A square is the covariance of a dimension with a feature of deviation 1, so that silent dimensions have
    none. A code without linear correlation may still be any rotation of the features.
    """
    codes = learner.encode(inputs.repeat(1, len(PENALTIES) * len(LAMBDAS), 1))
    shown = {0: "no penalty", len(LAMBDAS) - 1: f"{PENALTY_NAMES['covariance']}, λ = {LAMBDAS[-1]:g}"}
    figure = Figure(figsize=(5.5, 4.8), layout="constrained")
    figure.suptitle("covariance with features of deviation 1", fontsize=10)
    for panel, (k, title) in zip(figure.subplots(1, len(shown)), shown.items(), strict=True):
        code, feature = codes[:, k * inputs.shape[1]], features[:, 0] / features[:, 0].std(0)
        hinton(panel, ((code - code.mean(0)).T @ feature / len(code)).numpy())
        panel.set_title(title)
    return figure


def tabulate(metrics: list[dict[str, Any]]) -> list[Table]:
    """Make the tables of errors and dimensions over λ, one for each penalty."""
    return [_table(metrics, penalty) for penalty in PENALTIES]


def _table(metrics: list[dict[str, Any]], penalty: str) -> Table:
    rows = [
        (f"λ = {weight:.2g}", *_cells([seed["curves"][penalty][k] for seed in metrics]))
        for k, weight in enumerate(LAMBDAS)
    ]
    rows.append(("PCA (ceiling)", *_cells([seed["pca"] for seed in metrics])))
    return Table(
        f"Penalizing correlation: a code of {CODE} dimensions for {FEATURES} features behind a random "
        f"projection, by {PENALTY_NAMES[penalty]} (Figs. 1, 2)",
        ("", "MSE × 10⁶", "MAPC", "CVR", "TdV", "UD90%"),
        tuple(rows),
        (
            "CVR is 1 for a code without linear correlation, 10 at most; TdV is the share of the variance in "
            f"the top {FEATURES} dimensions; UD90% counts those that hold 90% of it. λ = 0 is the floor.",
            "The paper draws curves and gives no numbers: L_Σ comes to CVR 1, TdV 1 and UD90% 4 (3 at the "
            "largest λ) at less error than L1.",
            *([_found(metrics)] if penalty == "covariance" else []),
        ),
    )


def _found(metrics: list[dict[str, Any]]) -> str:
    """Return a sentence on whether the greatest λ of L_Σ leaves as many dimensions as there are features."""
    last = average([seed["curves"]["covariance"][-1] for seed in metrics])
    met = last["tdv"] >= VARIANCE and last["ud90"] <= DIMENSIONS
    return (
        f"Bar: {FEATURES} dimensions of {CODE} found at the greatest λ, by our reading a TdV of at least "
        f"{VARIANCE} and a UD90% of at most {DIMENSIONS}: {last['tdv']:.3f} and {last['ud90']:.1f}, "
        f"{verdict(met)}."
    )


def _cells(codes: list[dict[str, float]]) -> tuple[str, ...]:
    errors = mean_std([1e6 * code["error"] for code in codes], 2)
    digits = {"mapc": 2, "cvr": 2, "tdv": 3, "ud90": 1}
    others = (mean_std([code[name] for code in codes], count) for name, count in digits.items())
    return (errors, *others)

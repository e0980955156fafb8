"""Tables 1 and 2, the paper's rows beside ours."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from unknot.experiments.common.runs import UNTRAINED
from unknot.experiments.common.tables import cell, mean, over_seeds, title
from unknot.experiments.dci.data import FACTORS
from unknot.report import Headline, Table, mean_std, verdict

REGRESSORS = {"lasso": "Lasso (Table 1)", "random_forest": "Random forests (Table 2)"}
METHODS = {"beta": "β-VAE, β"}
TITLES = {
    "noise": "noise (trivial baseline)",
    UNTRAINED: "untrained (trivial baseline)",
    "pca": "PCA",
    "vae": "VAE",
    "infogan": "InfoGAN",
    "factors": "true factors (oracle)",
}
WHERE = {"errors": "seen", "unseen_errors": "left out"}
"""The teapots on which errors are measured."""
PUBLISHED: Mapping[tuple[str, str], Mapping[str, tuple[float, ...]]] = {
    ("lasso", "pca"): {
        "errors": (0.99, 0.72, 0.42, 0.47, 0.46, 0.59),
        "unseen_errors": (1.01, 1.78, 0.77, 0.91, 0.91, 1.05),
        "dimensions": (0.16, 0.38, 0.42, 0.14, 0.63, 0.16),
        "scores": (0.20, 0.83, 0.54, 0.14, 0.20, 0.19, 0.38),
    },
    ("lasso", "infogan"): {
        "errors": (0.50, 0.09, 0.09, 0.13, 0.09, 0.18),
        "unseen_errors": (0.49, 0.20, 0.35, 0.21, 0.16, 0.28),
        "dimensions": (0.83, 0.64, 0.65, 0.93, 0.80, 0.80),
        "scores": (0.77, 0.56, 0.85, 0.80, 0.63, 0.78, 0.72),
    },
    ("random_forest", "pca"): {
        "errors": (0.65, 0.41, 0.27, 0.34, 0.34, 0.40),
        "unseen_errors": (0.71, 1.12, 0.86, 0.87, 0.81, 0.87),
        "dimensions": (0.19, 0.38, 0.47, 0.53, 0.87, 0.15),
        "scores": (0.35, 0.11, 0.45, 0.37, 0.49, 0.49, 0.38),
    },
    ("random_forest", "infogan"): {
        "errors": (0.29, 0.06, 0.06, 0.08, 0.07, 0.11),
        "unseen_errors": (0.30, 0.17, 0.30, 0.19, 0.14, 0.22),
        "dimensions": (0.96, 0.90, 0.91, 0.93, 0.89, 0.96),
        "scores": (0.93, 0.63, 0.97, 0.95, 0.92, 0.96, 0.89),
    },
}
"""Tables 1 and 2: errors and their mean; disentanglement of each dimension; as scores the mean of that,
then completeness and its mean."""


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Return Tables 1 and 2 of the paper, each as tables of errors, of dimensions and of scores."""
    tables = (_errors_table, _dimensions_table, _scores_table)
    return [make(seeds, regressor) for regressor in REGRESSORS for make in tables]


def headlines(seeds: list[dict[str, Any]]) -> tuple[Headline, ...]:
    """Return the disentanglement of InfoGAN's codes by random forests, which should be above PCA's."""
    key = ("random_forest", "disentanglement")
    values = {name: cell(seeds, "models", name, *key) for name in ("infogan", "pca", "noise", "factors")}
    paper, other = (PUBLISHED[key[0], name]["scores"][0] for name in ("infogan", "pca"))
    return (
        Headline(
            measure="Disentanglement of InfoGAN, random forests",
            paper=f"{paper:.2f} (PCA {other:.2f}), best of ten",
            ours=values["infogan"],
            floor=f"{values['noise']} (noise)",
            ceiling=f"{values['factors']} (true factors)",
            target=f"above PCA's {values['pca']}",
            met=mean(seeds, "models", "infogan", *key) > mean(seeds, "models", "pca", *key),
        ),
    )


def _errors_table(seeds: list[dict[str, Any]], regressor: str) -> Table:
    rows, best = [], _best(seeds, regressor)
    for name in seeds[0]["models"]:
        for key, where in WHERE.items():
            rows.append((_title(name), where, *_cells(seeds, name, regressor, key)))
            rows += _published(name, regressor, key, where)
    return Table(
        f"{REGRESSORS[regressor]}: errors",
        ("code", "teapots", *FACTORS, "mean"),
        tuple(rows),
        (
            "Root mean square errors over the factor's standard deviation among those teapots, mean ± "
            f"standard deviation over {len(seeds)} seeds: on teapots like those learnt from, and on red ones "
            "from above, which neither models nor regressors learnt from. To predict the mean has error 1.",
            "InfoGAN's mean error below PCA's, as in the paper: "
            f"{_compared(seeds, regressor, 'errors')}; on teapots left out: "
            f"{_compared(seeds, regressor, 'unseen_errors')}. The most disentangled seed by itself: "
            f"{_compared(best, regressor, 'errors')}; {_compared(best, regressor, 'unseen_errors')}.",
        ),
    )


def _scores_table(seeds: list[dict[str, Any]], regressor: str) -> Table:

    def row(title: str, name: str, seeds: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
        disentanglement = cell(seeds, "models", name, regressor, "disentanglement")
        return (title, disentanglement, *_cells(seeds, name, regressor, "completenesses"))

    rows, best = [], _best(seeds, regressor)
    for name in seeds[0]["models"]:
        rows.append(row(_title(name), name, seeds))
        if name == "infogan":
            rows.append(row(f"{_title(name)}, best of {len(seeds)}", name, best))
        rows += _published(name, regressor, "scores")
    return Table(
        f"{REGRESSORS[regressor]}: disentanglement and completeness",
        ("code", "disentanglement", *(f"completeness: {name}" for name in FACTORS), "mean"),
        tuple(rows),
        (
            "Disentanglement: the weighted mean over the dimensions. The paper's InfoGAN is the best of ten.",
            "InfoGAN above PCA, as in the paper: disentanglement "
            f"{_compared(seeds, regressor, 'disentanglement', above=True)}, completeness "
            f"{_compared(seeds, regressor, 'completenesses', above=True)}. The most disentangled seed by "
            f"itself: {_compared(best, regressor, 'disentanglement', above=True)}; "
            f"{_compared(best, regressor, 'completenesses', above=True)}.",
        ),
    )


def _dimensions_table(seeds: list[dict[str, Any]], regressor: str) -> Table:
    rows = list[tuple[str, ...]]()
    width = max(len(model[regressor]["disentanglements"]) for model in seeds[0]["models"].values())
    for name in seeds[0]["models"]:
        found = np.array(over_seeds(seeds, "models", name, regressor, "disentanglements"))
        weights = np.array(over_seeds(seeds, "models", name, regressor, "weights"))
        order = np.argsort(-weights, axis=1)
        each = np.take_along_axis(found, order, 1).T
        rows.append((_title(name), *map(mean_std, each), *[""] * (width - len(each))))
        rows += _published(name, regressor, "dimensions")
    return Table(
        f"{REGRESSORS[regressor]}: disentanglement of each dimension",
        ("code", *(f"{place}." for place in range(1, width + 1))),
        tuple(rows),
        ("In falling order of their weight in the average, seed by seed; the paper's in its own order.",),
    )


def _best(seeds: Sequence[Mapping[str, Any]], regressor: str) -> list[Mapping[str, Any]]:
    """Return the seed whose InfoGAN is the most disentangled, which is what the paper shows."""
    return [max(seeds, key=lambda seed: seed["models"]["infogan"][regressor]["disentanglement"])]


def _title(name: str) -> str:
    return TITLES.get(name) or title(name, METHODS)


def _published(name: str, regressor: str, key: str, *where: str) -> list[tuple[str, ...]]:
    """Return the paper's row of a model, if it has one."""
    values = PUBLISHED.get((regressor, name), {}).get(key)
    return [(f"{_title(name)}, paper", *where, *(f"{value:.2f}" for value in values))] if values else []


def _cells(seeds: Sequence[Mapping[str, Any]], name: str, regressor: str, key: str) -> list[str]:
    """Return "mean ± standard deviation" of a number of each factor, and of their mean, over seeds."""
    table = np.array(over_seeds(seeds, "models", name, regressor, key))  # seeds, factors
    return [mean_std(column) for column in (*table.T, table.mean(1))]


def _compared(seeds: Sequence[Mapping[str, Any]], regressor: str, key: str, above: bool = False) -> str:
    """Return InfoGAN's mean and PCA's, and whether the first is below the second, or above it."""
    infogan, pca = (mean(seeds, "models", name, regressor, key) for name in ("infogan", "pca"))
    return f"{infogan:.2f} against {pca:.2f}, {verdict(infogan > pca if above else infogan < pca)}"

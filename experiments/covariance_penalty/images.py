"""Section 3.4: a convolutional autoencoder of natural images, its code penalised (Table 1, Fig. 4).

CIFAR-10 where a folder of it is named, else pieces of three photographs, which say less: an error on them
compares with no published one. A fixed number of updates stands for the paper's early stopping: within the
default's length the error on the test images still falls.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from unknot.experiments.common.runs import run_models
from unknot.experiments.covariance_penalty.measures import PENALTY_NAMES, average, draw_curves, measure
from unknot.models.data.natural import NaturalImages, natural_images
from unknot.models.image.penalised_autoencoder import PenalisedAutoencoder
from unknot.models.traversals import COLUMNS, SPAN, as_images, image_rows, there_and_back, traverse
from unknot.report import Table, mean_std, save_figure, save_figures, save_gif, verdict
from unknot.representation import WEIGHTS, load_learner, minibatches, train

if TYPE_CHECKING:
    from unknot.experiments.covariance_penalty import Settings

CODE, BATCH, TOP, SHOWN = 84, 100, 10, 8
VARIED = 500
"""Images whose codes say how much a dimension varies, for traversals."""
TABLE_WEIGHT = 0.08
CURVE = (0.02, 0.08, 0.32, 1.28, 5.12)
"""Every second λ of the paper's curve."""
ROWS = {"plain": "no penalty", "covariance-0.08": "L_Σ, λ = 0.08", "l1-0.08": "L1, λ = 0.08"}
PAPER = {"plain": ("0.0365", "20.00"), "covariance-0.08": ("0.0398", "6.56"), "l1-0.08": ("0.0569", "4.03")}
"""The paper's MSE and CVR, on CIFAR-10."""


def run(settings: "Settings", folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train the autoencoders of one seed and measure them; one that has its `metrics.json` is complete."""
    images = _images(settings, seed)

    def make(name: str, path: Path) -> dict[str, float]:
        learner = _train(settings, images, name, path, seed, resume)
        if name in ROWS:
            _save_traversals(learner, images.test[:VARIED], path)
        return _measure(images, path)

    metrics = _collect(run_models(_names(settings, seed), folder, make))
    metrics |= {"pca": _components(images), "source": images.source}
    save_figures(_figures(metrics, images, folder), folder)
    return metrics


def evaluate(settings: "Settings", folder: Path, seed: int) -> dict[str, Any]:
    """Measure the autoencoders of one seed once more."""
    images = _images(settings, seed)
    metrics = _collect({name: _measure(images, folder / name) for name in _names(settings, seed)})
    return metrics | {"pca": _components(images), "source": images.source}


def _images(settings: "Settings", seed: int) -> NaturalImages:
    return natural_images(settings.cifar, settings.train_images, settings.test_images, seed)


def _names(settings: "Settings", seed: int) -> list[str]:
    """Return the models of a seed: those of the table, and those of the curves for the first seeds."""
    if seed >= settings.curves:
        return list(ROWS)
    return [*ROWS, *(f"{name}-{w}" for name in PENALTY_NAMES for w in CURVE if w != TABLE_WEIGHT)]


def _train(
    settings: "Settings", images: NaturalImages, name: str, folder: Path, seed: int, resume: bool
) -> PenalisedAutoencoder:
    penalty, _, weight = name.partition("-")
    torch.manual_seed(seed)
    learner = PenalisedAutoencoder(
        code_dim=CODE,
        penalty=penalty if weight else "covariance",
        weight=float(weight or 0),
    )
    train(
        learner,
        minibatches({"observation": images.train}, BATCH, seed),
        settings.image_steps,
        folder=folder,
        resume=resume,
        description=f"seed {seed}: {name}",
    )
    return learner


@torch.no_grad()
def _measure(images: NaturalImages, folder: Path) -> dict[str, float]:
    learner = load_learner(folder / WEIGHTS)
    assert isinstance(learner, PenalisedAutoencoder)
    parts = np.array_split(images.test, -(-len(images.test) // 500))
    codes = [learner.encode(part) for part in parts]
    squares = [
        (learner.decode(code).numpy() - part / 255).reshape(len(part), -1).__pow__(2).mean(1)
        for code, part in zip(codes, parts, strict=True)
    ]
    return {"error": float(np.concatenate(squares).mean()), **measure(torch.cat(codes).numpy(), TOP)}


def _components(images: NaturalImages) -> dict[str, float]:
    """Measure principal components: the best linear code, and free of correlation on what it is fitted to."""
    train, test = (part.reshape(len(part), -1) / np.float32(255) for part in (images.train, images.test))
    pca = PCA(min(CODE, len(train)), svd_solver="randomized", random_state=0).fit(train)
    codes = pca.transform(test)
    error = np.square(pca.inverse_transform(codes) - test).mean()
    return {"error": float(error), **measure(codes, TOP)}


def _collect(models: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Put models into the rows of the table, and into curves that begin without a penalty, if any."""
    metrics: dict[str, Any] = {"models": {name: models[name] for name in ROWS}}
    if len(models) > len(ROWS):
        metrics["curves"] = {
            name: [models["plain"], *(models[f"{name}-{weight}"] for weight in CURVE)]
            for name in PENALTY_NAMES
        }
    return metrics


def _figures(metrics: dict[str, Any], images: NaturalImages, folder: Path) -> dict[str, Figure]:
    figures = {"reconstructions": _reconstructions(images, folder)}
    if "curves" in metrics:
        figure = figures["images"] = Figure(figsize=(9, 3.4), layout="constrained")
        for panel, name in zip(figure.subplots(1, 2), ("cvr", "ud90"), strict=True):
            draw_curves(panel, metrics["curves"], name)
    return figures


@torch.no_grad()
def _reconstructions(images: NaturalImages, folder: Path) -> Figure:
    figure = Figure(figsize=(SHOWN, len(ROWS) + 1))
    panels = figure.subplots(len(ROWS) + 1, SHOWN)
    shown = images.test[:SHOWN]
    drawn = {"test images": shown / 255}
    for name, title in ROWS.items():
        learner = load_learner(folder / name / WEIGHTS)
        assert isinstance(learner, PenalisedAutoencoder)
        drawn[title] = learner.decode(learner.encode(shown)).clamp(0, 1).numpy()
    for row, (title, pictures) in zip(panels, drawn.items(), strict=True):
        row[0].set_title(title, fontsize=8, loc="left")
        for panel, picture in zip(row, pictures, strict=True):
            panel.imshow(picture)
            panel.axis("off")
    return figure


@torch.no_grad()
def _save_traversals(learner: PenalisedAutoencoder, images: NDArray[np.uint8], folder: Path) -> None:
    """Write traversals of the dimensions that vary most, as a picture and as a GIF."""
    codes = learner.encode(images)
    variances = codes.var(0)
    dims = variances.argsort(descending=True)[:TOP].tolist()
    titles = [f"z{dim}: {variances[dim] / variances.sum():.0%} of variance" for dim in dims]
    rows = traverse(learner, codes[:1], _values(codes[:, dims], COLUMNS), dims)[:, :, 0]
    redrawn = as_images(learner.decode(codes[:COLUMNS]))
    frames = there_and_back(learner, codes[:3], _values(codes[:, dims], 2 * COLUMNS), dims)
    with SummaryWriter(str(folder)) as writer:
        drawn = {"images": images[:COLUMNS], "redrawn": redrawn}
        figure = image_rows({**drawn, **dict(zip(titles, rows, strict=True))})
        save_figure(figure, folder / "figures/traversals.png", writer)
        save_gif(frames, folder / "figures/traversals.gif", writer)


def _values(codes: Tensor, count: int) -> NDArray[np.float64]:
    """Return values for traversals of codes (n, d), over `SPAN` deviations to either side: (d, count)."""
    mean, deviation = (each.numpy()[:, None] for each in (codes.mean(0), codes.std(0)))
    values: NDArray[np.float64] = mean + np.linspace(-SPAN, SPAN, count) * deviation
    return values


def tabulate(metrics: list[dict[str, Any]]) -> list[Table]:
    """Make Table 1, the paper's numbers beside ours."""
    rows = []
    for name, title in ROWS.items():
        rows.append((title, *_cells([seed["models"][name] for seed in metrics]), *PAPER[name]))
    rows.append(("PCA (linear, uncorrelated)", *_cells([seed["pca"] for seed in metrics]), "", ""))
    return [
        Table(
            f"Penalizing correlation: autoencoders of natural images, {CODE} dimensions (Table 1)",
            ("", "MSE", "CVR", "UD90%", "paper's MSE", "paper's CVR"),
            tuple(rows),
            (
                f"Images: {metrics[0]['source']}; the paper's are CIFAR-10, so that its errors compare only "
                "there. MSE per value in [0, 1], on images that were not trained on.",
                *_reached(metrics),
            ),
        )
    ]


def _reached(metrics: list[dict[str, Any]]) -> list[str]:
    """Return sentences on the correlation that is left, against the error: beside L1 and beside the paper."""
    plain, ours, other = (average([seed["models"][name] for seed in metrics]) for name in ROWS)
    beside = ours["cvr"] < other["cvr"] and ours["error"] < other["error"]
    (plain_error, plain_cvr), (error, cvr), _ = (map(float, PAPER[name]) for name in ROWS)
    costs, gains = ours["error"] / plain["error"], plain["cvr"] / ours["cvr"]
    paper_costs, paper_gains = error / plain_error, plain_cvr / cvr
    equal = gains >= paper_gains and costs <= paper_costs
    return [
        "Bar: CVR against error (Fig. 4), by our reading that L_Σ leaves less correlation at less error than "
        f"L1 of the same λ: CVR {ours['cvr']:.2f} at {ours['error']:.4f} against {other['cvr']:.2f} at "
        f"{other['error']:.4f}, {verdict(beside)}.",
        f"The paper's L_Σ divides CVR by {paper_gains:.1f} at {paper_costs:.2f} times the error without a "
        f"penalty; ours by {gains:.1f} at {costs:.2f}, {verdict(equal)}.",
    ]


def _cells(models: list[dict[str, float]]) -> tuple[str, ...]:
    digits = {"error": 4, "cvr": 2, "ud90": 1}
    return tuple(mean_std([model[name] for model in models], count) for name, count in digits.items())

"""Four directed factors of a maze's agent (section 4.1, Fig. 2).

A maze of 6 × 6 cells with one block, seen as 64 × 64 pixels, and six actions: down, left, right, up, `up`
once more, and down and left at once. The latent plane should hold four variations h' - h, one a direction,
both `up`s in one and none for down-left, and the agent's row and column should be linear in h.

Models, on the same number of transitions: ours; the paper's recipe as it is written (REINFORCE with a learnt
baseline, actions by the policies of single factors, the autoencoder from the first step, a kernel of width
√K; nothing of what ours adds); an autoencoder of the same networks; the same networks untrained.

Ours acts uniformly and meets walls. If only permitted actions are taken in training, policies do something
else at a wall, which more than half of the cells are at, and drag codes away. What is measured is measured
with permitted actions alone, as in the paper's figure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

import unknot  # noqa: F401  (registers the environments)
from unknot.checks import settings_at_least
from unknot.envs.maze_world import PAPER as LAYOUT
from unknot.experiments.common.runs import first_or_all, load_model, model_folder, run_models
from unknot.report import Table, mean_std, save_figure
from unknot.representation import WEIGHTS, load_learner, save_learner, train
from unknot.representation.interaction import interactions, sample_actions
from unknot.representation.metrics import evaluate_codes
from unknot.representation.selectivity import Selectivity

__all__ = [
    "MODELS",
    "PAPER",
    "SMOKE",
    "Settings",
    "evaluate",
    "find_modes",
    "linear_fit",
    "purities",
    "run",
    "tabulate",
    "worst_angle",
]

Floats = NDArray[np.floating[Any]]

ACTIONS = ("down", "left", "right", "up", "up_again", "down_left")
MERGED = (0, 1, 2, 3, 3, 4)
"""What an action does: both `up`s do the same."""
COLOURS = ("black", "navy", "green", "deeppink", "orange", "deepskyblue")
COPIES = 128
"""Mazes of a batch."""
START, FRESH = 1_000_000, 500_000
"""What is added to a seed for the next start, and for transitions that training hasn't seen."""
SAMPLES = 1000
"""Variations that are sampled, as in the paper."""
BANDWIDTH = 0.25
"""Of the kernel density, as a share of the variations' root mean square length."""
SHARE = 0.05
"""Share of the variations that makes a peak of their density a mode."""
METRICS = ("mig", "dci", "sap")
TURN = torch.tensor([[1.0, 1.0], [1.0, -1.0]]) / 2**0.5
"""From h to the diagonals of the square of factors, along which a variation at its corner lies."""

MODELS: dict[str, dict[str, Any]] = {
    "selectivity": {"factors": 16, "entropy": 0.1},
    "as published": {
        "baseline": True,
        "width": 2**0.5,
        "spread": 0.0,
        "sharpness": 1.0,
        "pull": 0.0,
        "autoencode_from": 0.0,
        "entropy": 0.01,
        "gain": 1.0,
    },
    "autoencoder": {"selectivity": 0.0, "reconstruction": 1.0, "autoencode_from": 0.0},
    "random": {},
}
"""Settings of each model's learner, ours first; the last is not trained."""


@dataclass(frozen=True)
class Settings:
    """Settings of the part."""

    steps: int = 1200
    """Updates of each model, on 128 transitions each."""
    starts: int = 3
    """How often ours is trained from new weights; the start with the highest selectivity is kept."""
    baselines: int = 3
    """Seeds whose baselines are trained as well; later ones train ours alone."""
    samples: int = 2000
    """Scenes on which disentanglement is measured."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to train on or to measure."""
        settings_at_least(self, steps=1, starts=1, baselines=0, samples=1)


SMOKE = Settings(steps=8, starts=2, samples=100)
PAPER = Settings(steps=50_000, samples=10_000)


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed, a folder each; one with a `metrics.json` is complete."""

    def make(name: str, path: Path) -> dict[str, Any]:
        learner = train_model(settings, name, path, seed, resume)
        if name != "random":
            save_figure(draw(learner, seed), folder / "figures" / f"maze-{path.name}.png")
        return _measure_all(learner, settings, name, path, seed)

    return run_models(first_or_all(MODELS, settings.baselines, seed), folder, make)


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure again from the weights; it is quick, `full` or not.

    Raises:
        FileNotFoundError: a model whose training has not ended.
        WeightsError: weights that can't be used.
    """
    metrics = {}
    for name in first_or_all(MODELS, settings.baselines, seed):
        learner = cast(Selectivity, load_model(folder, name))
        metrics[name] = _measure_all(learner, settings, name, model_folder(folder, name), seed)
    return metrics


def _measure_all(
    learner: Selectivity, settings: Settings, name: str, folder: Path, seed: int
) -> dict[str, Any]:
    """Measure a model; of ours also tell which starts meet the bar by themselves, kept or not."""
    result = measure(learner, settings, seed)
    if name != "selectivity":
        return result
    starts = [load_learner(path / WEIGHTS) for path in sorted(folder.glob("start-*"))]
    return result | {"starts": [measure_plane(cast(Selectivity, start), seed)["met"] for start in starts]}


def train_model(
    settings: Settings, name: str, folder: Path, seed: int, resume: bool, layout: str = "paper"
) -> Selectivity:
    """Train a model; of ours keep the start with the highest selectivity, which knows no factors."""
    if name != "selectivity":
        return _train(settings, name, folder, seed, resume, layout)
    found, scores = [], []
    for start in range(settings.starts):
        found.append(_train(settings, name, folder / f"start-{start}", seed + START * start, resume, layout))
        scores.append(selectivity_reached(found[-1], seed, layout))
    best = found[int(np.argmax(scores))]
    save_learner(best, folder / WEIGHTS)
    return best


def _train(settings: Settings, name: str, folder: Path, seed: int, resume: bool, layout: str) -> Selectivity:
    """Train one of `MODELS` from one start, or write an untrained one."""
    torch.manual_seed(seed)
    learner = Selectivity(actions=len(ACTIONS), steps=settings.steps, **MODELS[name])
    if name == "random":
        save_learner(learner.eval(), folder / WEIGHTS)
        return learner
    published = {"behaviour": learner.behaviour} if name == "as published" else {"masked": False}
    env = make_maze(COPIES, layout)
    label = f"maze, {name}, {folder.name}" if folder.name.startswith("start") else f"maze, {name}"
    batch_at = interactions(env, seed, **published)
    train(learner, batch_at, settings.steps, folder=folder, resume=resume, description=label)
    env.close()
    return learner


def selectivity_reached(learner: Selectivity, seed: int, layout: str) -> float:
    """Return the mean selectivity, in nats, over transitions that training hasn't seen."""
    env = make_maze(COPIES, layout)
    torch.manual_seed(seed)
    batch_at = interactions(env, seed + FRESH, masked=False)
    reached = np.mean([learner.assess(batch_at(number))["selectivity"] for number in range(30)])
    env.close()
    return float(reached)


def make_maze(copies: int, layout: str = "paper") -> Any:
    """Make mazes of 6 × 6 cells, all of one layout: the paper's has a block, the open one none."""
    return gym.make_vec(
        "unknot/Maze-v0", num_envs=copies, size=6, layout=layout, task="none", actions=ACTIONS
    )


# Measuring


@dataclass(frozen=True)
class Variations:
    """What was seen when an action was taken."""

    change: Floats
    """h' - h, (n, latent_dim)"""
    action: NDArray[np.int64]
    """(n,)"""


@torch.no_grad()
def measure(learner: Selectivity, settings: Settings, seed: int) -> dict[str, Any]:
    """Measure what the paper's Fig. 2 shows, and how disentangled h is."""
    env = make_maze(COPIES)
    torch.manual_seed(seed)
    assessed = learner.assess(interactions(env, seed + FRESH, masked=False)(0))
    codings = {"": learner.encode, "_turned": lambda images: learner.encode(images) @ TURN}
    scores = {
        name + suffix: score.value
        for suffix, encode in codings.items()
        for name, score in evaluate_codes(
            encode, env.unwrapped, METRICS, seed, samples=settings.samples
        ).items()
    }
    env.close()
    reached = {name: assessed[name] for name in ("selectivity", "information")}
    return measure_plane(learner, seed) | {"bound": float(np.log(learner.factors))} | reached | scores


@torch.no_grad()
def measure_plane(learner: Selectivity, seed: int) -> dict[str, Any]:
    """Measure what the bar is about: modes, their actions, the linear map, the angles."""
    positions, codes, effects = survey(learner)
    variations = sample_variations(learner, seed)
    modes = find_modes(variations.change)
    pure, owners = purities(modes, variations.action)
    result = {
        "modes": len(pure),
        "purity": min(pure, default=0.0),
        "diagonal": MERGED[ACTIONS.index("down_left")] in owners,
        "rows": linear_fit(codes, positions[:, 0]),
        "columns": linear_fit(codes, positions[:, 1]),
        "angle": worst_angle(effects),
    }
    return result | {"met": meets_bar(result)}


def meets_bar(metrics: Mapping[str, Any]) -> bool:
    """Whether the modes, their actions, the linear map and the angles are as they should be."""
    return bool(
        metrics["modes"] == 4
        and metrics["purity"] >= 0.95
        and not metrics["diagonal"]
        and min(metrics["rows"], metrics["columns"]) >= 0.98
        and metrics["angle"] <= 10
    )


def survey(learner: Selectivity) -> tuple[NDArray[np.int64], Floats, dict[str, Floats]]:
    """Return free cells (n, 2), their codes (n, latent_dim), and each action's mean h' - h where it acts."""
    cells = np.argwhere([[sign != "#" for sign in row] for row in LAYOUT])
    env = make_maze(len(cells))
    effects = {}
    for index, action in enumerate(ACTIONS):
        before, _ = env.reset(seed=0, options={"factors": {"agent": cells}})
        codes = learner.encode(before).numpy(force=True)
        after, *_, info = env.step(np.full(len(cells), index))
        moved = (info["factors"]["agent"] != cells).any(1)
        effects[action] = (learner.encode(after).numpy(force=True) - codes)[moved].mean(0)
    env.close()
    return cells, codes, effects


@torch.no_grad()
def sample_variations(learner: Selectivity, seed: int) -> Variations:
    """Sample a factor in each of 1,000 states, and act by its policy, once."""
    env = make_maze(SAMPLES)
    before, info = env.reset(seed=seed + 1_000_000)
    torch.manual_seed(seed)
    h = learner.encode(before)
    mask = torch.as_tensor(info["action_mask"]).bool()
    action, _ = sample_actions(learner.log_policy(h, learner.generate(h, 1), mask)[:, 0].exp())
    after, *_ = env.step(action.numpy(force=True))
    env.close()
    return Variations((learner.encode(after) - h).numpy(force=True), action.numpy(force=True))


def find_modes(points: Floats, bandwidth: float = BANDWIDTH, share: float = SHARE) -> NDArray[np.int64]:
    """Return, for each of n points (n, d), the mode of their kernel density that it climbs to (mean shift).

    Args:
        points: the points.
        bandwidth: of the Gaussian kernel, as a share of their root mean square length.
        share: of all points, below which a mode is none.

    Returns:
        (n,): modes counted from 0, the largest first; -1 where a point climbs to none.
    """
    width = kernel_width(points, bandwidth)
    peaks = points.copy()
    for _ in range(50):
        weights = np.exp(-np.square(peaks[:, None] - points).sum(-1) / (2 * width**2))
        peaks = weights @ points / weights.sum(1, keepdims=True)
    labels = np.full(len(points), -1)
    for peak in peaks:
        near = (np.linalg.norm(peaks - peak, axis=1) < width) & (labels < 0)
        labels[near] = labels.max() + 1
    sizes = np.bincount(labels)
    order = [mode for mode in np.argsort(-sizes, kind="stable") if sizes[mode] >= share * len(points)]
    ranks = np.full(len(sizes), -1)
    ranks[order] = np.arange(len(order))
    result: NDArray[np.int64] = ranks[labels]
    return result


def kernel_width(points: Floats, bandwidth: float) -> float:
    """Return the width of the Gaussian kernel of a density of points (n, d)."""
    return float(bandwidth * np.sqrt(np.square(points).sum(1).mean()) + 1e-12)


def purities(modes: NDArray[np.int64], actions: NDArray[np.int64]) -> tuple[list[float], list[int]]:
    """Return for each mode the share of its commonest action, both `up`s counted as one, and that action."""
    done = np.array(MERGED)[actions]
    counts = [np.bincount(done[modes == mode]) for mode in range(modes.max() + 1)]
    return [float(count.max() / count.sum()) for count in counts], [int(count.argmax()) for count in counts]


def linear_fit(codes: Floats, values: NDArray[Any]) -> float:
    """Return R² of values (n,) read from codes (n, d) by a linear map."""
    inputs = np.c_[codes, np.ones(len(codes))]
    residual = inputs @ np.linalg.lstsq(inputs, values, rcond=None)[0] - values
    return float(1 - np.square(residual).sum() / np.square(values - values.mean()).sum())


def worst_angle(effects: Mapping[str, Floats]) -> float:
    """Return by how many degrees left or right, and up or down, are at most off a right angle."""
    cosines = [
        effects[side] @ effects[way] / (np.linalg.norm(effects[side]) * np.linalg.norm(effects[way]) + 1e-12)
        for side in ("left", "right")
        for way in ("up", "down")
    ]
    return float(np.degrees(np.abs(np.arcsin(np.clip(cosines, -1, 1)))).max())


# What is shown


def draw(learner: Selectivity, seed: int) -> Figure:
    """Draw the density of 1,000 variations by action, and the codes of all cells (the paper's Fig. 2)."""
    cells, codes, _ = survey(learner)
    variations = sample_variations(learner, seed)
    figure = Figure(figsize=(9, 4.2))
    density, plane = figure.subplots(1, 2)
    points = variations.change
    reach = 1.3 * np.abs(points).max() + 1e-6
    axis = np.linspace(-reach, reach, 80)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    width = kernel_width(points, BANDWIDTH)
    heights = np.exp(-np.square(grid[:, None] - points).sum(-1) / (2 * width**2)).mean(1)
    density.contourf(axis, axis, heights.reshape(80, 80), 12, cmap="Greys")
    for index, action in enumerate(ACTIONS):
        chosen = variations.action == index
        density.scatter(*points[chosen].T, s=6, color=COLOURS[index], label=f"{action} ({chosen.sum()})")
    density.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=3, frameon=False)
    density.set_title("h' − h of 1,000 sampled factors")
    for a, b in _neighbours(cells):
        plane.plot(*codes[[a, b]].T, color="lightgrey", zorder=0)
    plane.scatter(*codes.T, c=np.c_[cells / cells.max(), np.full(len(cells), 0.5)], s=30)
    plane.set_title("h of every cell")
    for panel in (density, plane):
        panel.set_aspect("equal")
    return figure


def _neighbours(cells: NDArray[np.int64]) -> list[tuple[int, int]]:
    distance = np.abs(cells[:, None] - cells).sum(-1)
    return [(int(a), int(b)) for a, b in np.argwhere(distance == 1) if a < b]


def tabulate(metrics: list[dict[str, Any]]) -> list[Table]:
    """Make the tables over seeds: what the paper's Fig. 2 shows, and how disentangled h is."""
    found = {name: [seed[name] for seed in metrics if name in seed] for name in MODELS}
    found = {name: seeds for name, seeds in found.items() if seeds}
    goal = ("asked for", "4", "≥ 0.95", "none", "≥ 0.98", "≥ 0.98", "≤ 10°", "9 of 10")
    return [
        Table(
            "Independently controllable factors: the maze (section 4.1)",
            (
                "model",
                "modes",
                "purity",
                "down-left's own mode",
                "R² rows",
                "R² columns",
                "off 90°",
                "seeds that meet the bar",
            ),
            (*(_plane_row(name, seeds) for name, seeds in found.items()), goal),
            (
                "The paper shows four modes, both `up`s in one and none for down-left, and calls x and y "
                "recoverable from h; it gives no number.",
                _told_of_starts([start for seed in metrics for start in seed["selectivity"]["starts"]]),
                "Modes: peaks of the density of 1,000 h' − h with 5% of them at least; purity: of the mode "
                "where an action's share is least.",
            ),
        ),
        Table(
            "The maze: selectivity and metrics of disentanglement",
            (
                "model",
                "selectivity, nats",
                "information, nats",
                *(f"{name.upper()}, turned" for name in METRICS),
            ),
            tuple(_metrics_row(name, seeds) for name, seeds in found.items()),
            (
                "Selectivity is at most the information of factors and actions, that at most log n = "
                f"{metrics[0]['selectivity']['bound']:.2f} (appendix C). Where a wall stops the action that "
                "a factor stands for, neither can be had.",
                "MIG, DCI, SAP: of h as it is, then turned by 45°, for all models alike: factors lie at the "
                "corners of a square, so directions are its diagonals, and no axis of h is a direction.",
            ),
        ),
    ]


def _told_of_starts(met: list[bool]) -> str:
    if not met:
        return "The start that is kept is the one of highest selectivity; here it came alone."
    return (
        "Ours is the start of highest selectivity among a few, which looks at no factor; "
        f"of all {len(met)} starts, {sum(met)} meet the bar by themselves."
    )


def _over(seeds: list[dict[str, Any]], key: str, digits: int = 2) -> str:
    return mean_std([seed[key] for seed in seeds], digits)


def _plane_row(name: str, seeds: list[dict[str, Any]]) -> tuple[str, ...]:
    diagonal, met = (f"{sum(seed[key] for seed in seeds)} of {len(seeds)}" for key in ("diagonal", "met"))
    return (
        name,
        _over(seeds, "modes", 1),
        _over(seeds, "purity"),
        diagonal,
        _over(seeds, "rows", 3),
        _over(seeds, "columns", 3),
        _over(seeds, "angle", 1),
        met,
    )


def _metrics_row(name: str, seeds: list[dict[str, Any]]) -> tuple[str, ...]:
    trained = name not in ("autoencoder", "random")
    return (
        name,
        *(_over(seeds, key) if trained else "" for key in ("selectivity", "information")),
        *(f"{_over(seeds, metric)}, {_over(seeds, metric + '_turned')}" for metric in METRICS),
    )

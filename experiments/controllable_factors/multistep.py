"""Embeddings of policies of three steps, and a latent model of where they lead (section 4.2, Fig. 3).

An open maze of 6 × 6 cells, seen as 64 × 64 pixels, in which an agent takes three permitted steps. From a
start, φ = Φ(h, z) names a policy, and T(h, φ) should say where it leads: decoded, it should show the agent at
the cell it then gets to. The paper's authors "suffer from mode collapsing of some factors", so what policies
reach is measured: the entropy of the cells reached by sampled φ, and how much of it φ decides, which a random
walk has none of.

Models, on the same number of transitions: ours; the paper's setting as it is written (the kernel
max(0, ⟨h' - h, φ⟩), policies that see h and φ, actions by the policies of single factors, REINFORCE with a
learnt baseline, the autoencoder from the first step; nothing of what ours adds); ours, untrained.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from numpy.typing import NDArray
from torch import Tensor

import unknot  # noqa: F401  (registers the environments)
from unknot.checks import settings_at_least
from unknot.experiments.common.runs import first_or_all, load_model, run_models
from unknot.report import Table, mean_std, save_figure
from unknot.representation import WEIGHTS, save_learner, train
from unknot.representation.interaction import interactions, sample_actions
from unknot.representation.multistep_selectivity import MultistepSelectivity
from unknot.representation.selectivity import Selectivity

__all__ = [
    "MODELS",
    "PAPER",
    "SMOKE",
    "Board",
    "Settings",
    "diversity",
    "evaluate",
    "propagate",
    "run",
    "survey",
    "tabulate",
]

SIZE = 6
ACTIONS = ("down", "left", "right", "up")
HORIZON = 3
COPIES = 128
"""Mazes of a batch."""
FACTORS = 128
"""Factors that are sampled from each start to measure what they reach."""
FIRST_TRIAL = 1_000_000
"""Seed of the first held-out trial; training's are made otherwise."""
ACCURACY, ENTROPY = 0.95, 0.8
"""The bar: shares of trials, and of the logarithm of the number of cells that can be reached."""

MODELS: dict[str, dict[str, Any]] = {
    "three steps": {},
    "as published": {
        "kernel": "inner",
        "baseline": True,
        "spread": 0.0,
        "sharpness": 1.0,
        "pull": 0.0,
        "autoencode_from": 0.0,
        "entropy": 0.01,
        "gain": 1.0,
    },
    "untrained": {},
}
"""Settings of each model's learner, ours first; the last is not trained."""


@dataclass(frozen=True)
class Settings:
    """Settings of the part."""

    steps: int = 2200
    """Updates of each model, on 128 times three transitions each."""
    baselines: int = 1
    """Seeds whose baselines are trained as well; later ones train ours alone."""
    trials: int = 1000
    """Trials in which T(h, φ) is compared with what happens."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to train on or to measure."""
        settings_at_least(self, steps=1, baselines=0, trials=1)


SMOKE = Settings(steps=10, trials=50)
PAPER = Settings(steps=50_000, trials=10_000)


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed, a folder each; one with a `metrics.json` is complete."""

    def make(name: str, path: Path) -> dict[str, Any]:
        learner = _train(settings, name, path, seed, resume)
        if name != "untrained":
            save_figure(draw(learner, seed), folder / "figures" / f"multistep-{path.name}.png")
        return measure(learner, settings, seed)

    return run_models(first_or_all(MODELS, settings.baselines, seed), folder, make)


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure again from the weights; it is quick, `full` or not.

    Raises:
        FileNotFoundError: a model whose training has not ended.
        WeightsError: weights that can't be used.
    """
    return {
        name: measure(cast(Selectivity, load_model(folder, name)), settings, seed)
        for name in first_or_all(MODELS, settings.baselines, seed)
    }


def _train(settings: Settings, name: str, folder: Path, seed: int, resume: bool) -> Selectivity:
    torch.manual_seed(seed)
    kind = Selectivity if name == "as published" else MultistepSelectivity
    learner = kind(actions=len(ACTIONS), steps=settings.steps, **MODELS[name])
    if name == "untrained":
        save_learner(learner.eval(), folder / WEIGHTS)
        return learner
    env = make_maze(COPIES)
    batch_at = interactions(env, seed, steps=HORIZON, behaviour=learner.behaviour)
    label = f"seed {seed}: multistep, {name}"
    train(learner, batch_at, settings.steps, folder=folder, resume=resume, description=label)
    env.close()
    return learner


def make_maze(copies: int) -> Any:
    """Make open mazes."""
    return gym.make_vec(
        "unknot/Maze-v0", num_envs=copies, size=SIZE, layout="open", task="none", actions=ACTIONS
    )


# Measuring


@dataclass(frozen=True)
class Board:
    """What can be seen and done at each cell."""

    images: NDArray[np.uint8]
    """(cells, h, w, c)"""
    mask: Tensor
    """bool (cells, actions), true where permitted"""
    after: Tensor
    """int64 (cells, actions): the cell an action leads to"""

    def reachable(self) -> Tensor:
        """Return how many cells can be where three permitted steps end, (cells,)."""
        walk = propagate(self, self.mask / self.mask.sum(1, keepdim=True), torch.arange(len(self.mask)))
        return (walk > 0).sum(1)


def survey() -> Board:
    """Look at every cell and try every action there."""
    cells = np.argwhere(np.ones((SIZE, SIZE)))
    env = make_maze(len(cells))
    after = []
    for action in range(len(ACTIONS)):
        images, info = env.reset(seed=0, options={"factors": {"agent": cells}})
        mask = torch.as_tensor(info["action_mask"]).bool()
        *_, moved = env.step(np.full(len(cells), action))
        after.append(torch.from_numpy(cell_numbers(moved)))
    env.close()
    return Board(images, mask, torch.stack(after, 1))


def cell_numbers(info: Mapping[str, Any]) -> NDArray[np.int64]:
    """Return the number of each agent's cell, row by row."""
    numbers: NDArray[np.int64] = info["factors"]["agent"] @ np.array([SIZE, 1])
    return numbers


def propagate(board: Board, policy: Tensor, start: Tensor, steps: int = HORIZON) -> Tensor:
    """Return the probabilities (n, cells) of being at each cell after some steps.

    Args:
        board: the board.
        policy: (n, cells, actions) or (cells, actions), probabilities of permitted actions.
        start: int64 (n,), cells.
        steps: how many.
    """
    cells = len(board.mask)
    where = torch.nn.functional.one_hot(start, cells).float()
    into = board.after.flatten().expand(len(start), -1)
    for _ in range(steps):
        flow = (where[..., None] * policy).flatten(1)
        where = torch.zeros_like(where).scatter_add(1, into, flow)
    return where


def diversity(outcomes: Tensor, reachable: Tensor) -> dict[str, float]:
    """Measure what is reached, over starts.

    Args:
        outcomes: (starts, n, cells), where each of n equally likely policies leads.
        reachable: (starts,), how many cells can be reached, at least 2.

    Returns:
        Means over starts: `entropy` of the cells reached, and `information`, by how much knowing the policy
        lowers it, both as shares of the logarithm of the number reachable; `behaviours`, the number of
        distinct ones that would have that information, exp(it).
    """
    total = torch.special.entr(outcomes.mean(1)).sum(-1)
    known = torch.special.entr(outcomes).sum(-1).mean(1)
    most = reachable.log()
    return {
        "entropy": float((total / most).mean()),
        "information": float(((total - known) / most).mean()),
        "behaviours": float((total - known).exp().mean()),
    }


@torch.no_grad()
def measure(learner: Selectivity, settings: Settings, seed: int) -> dict[str, Any]:
    """Measure predictions of where three steps lead, and what is reached."""
    board = survey()
    torch.manual_seed(seed)
    reachable, codes = board.reachable(), learner.encode(board.images)
    start = torch.arange(len(codes)).repeat_interleave(FACTORS)
    phi = learner.generate(codes, FACTORS).flatten(0, 1)
    outcomes = propagate(board, policies(learner, board, codes, start, phi), start)
    begun, ended, predicted = try_out(learner, settings.trials, seed)
    drawn = torch.as_tensor(board.images).flatten(1) / 255
    shown = torch.cdist(learner.decode(predicted).flatten(1), drawn).argmin(1).numpy()
    nearest = torch.cdist(predicted, codes).argmin(1).numpy()
    walk = propagate(board, board.mask / board.mask.sum(1, keepdim=True), torch.arange(len(codes)))
    result = {
        "accuracy": float((shown == ended).mean()),
        "latent": float((nearest == ended).mean()),
        "still": float((begun == ended).mean()),
        "guess": float((1 / reachable).mean()),
        "reachable": float(reachable.float().mean()),
        "walk": diversity(walk[:, None], reachable)["entropy"],
        **diversity(outcomes.reshape(len(codes), FACTORS, -1), reachable),
    }
    return result | {"met": bool(result["accuracy"] >= ACCURACY and result["entropy"] >= ENTROPY)}


def policies(learner: Selectivity, board: Board, codes: Tensor, start: Tensor, phi: Tensor) -> Tensor:
    """Return what policies of factors (n, K), begun at cells (n,), do at every cell: (n, cells, actions)."""
    left = aim(learner, phi[:, None], codes[start][:, None], codes)
    left = left.expand(-1, len(codes), -1)
    return learner.log_policy(codes, left[..., None, :], board.mask)[..., 0, :].exp()


def aim(learner: Selectivity, phi: Tensor, start: Tensor, now: Tensor) -> Tensor:
    """Return what a policy is given at `now`: φ, or for ours what of it is left to do."""
    return phi - (now - start) if isinstance(learner, MultistepSelectivity) else phi


def try_out(
    learner: Selectivity, trials: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Tensor]:
    """Sample a factor in each trial, predict, and act by it for three steps.

    Returns:
        Cells at the start and the end, (trials,) each, and T(h, φ), (trials, K).
    """
    env = make_maze(trials)
    observation, info = env.reset(seed=FIRST_TRIAL + seed)
    begun, start = cell_numbers(info), learner.encode(observation)
    phi = learner.generate(start, 1)[:, 0]
    for _ in range(HORIZON):
        now, mask = learner.encode(observation), torch.as_tensor(info["action_mask"]).bool()
        left = aim(learner, phi, start, now)
        action, _ = sample_actions(learner.log_policy(now, left[:, None], mask)[:, 0].exp())
        observation, *_, info = env.step(action.numpy(force=True))
    env.close()
    return begun, cell_numbers(info), learner.step(start, phi)


# What is shown


@torch.no_grad()
def draw(learner: Selectivity, seed: int, shown: int = 12) -> Figure:
    """Draw three steps by a factor, and other factors with decoded predictions (the paper's Fig. 3)."""
    torch.manual_seed(seed)
    env = make_maze(1)
    observation, info = env.reset(seed=FIRST_TRIAL, options={"factors": {"agent": np.array([[2, 3]])}})
    start = learner.encode(observation)
    phi = learner.generate(start, 300)[0]
    chosen = phi[:1]
    frames = [observation[0]]
    for _ in range(HORIZON):
        now, mask = learner.encode(observation), torch.as_tensor(info["action_mask"]).bool()
        left = aim(learner, chosen, start, now)
        action, _ = sample_actions(learner.log_policy(now, left[:, None], mask)[:, 0].exp())
        observation, *_, info = env.step(action.numpy(force=True))
        frames.append(observation[0])
    env.close()

    figure = Figure(figsize=(10, 6))
    grid = figure.add_gridspec(HORIZON + 1, 2, width_ratios=(1, 4.5))
    for step, frame in enumerate(frames):
        panel = figure.add_subplot(grid[step, 0])
        panel.imshow(frame)
        panel.set_xticks([])
        panel.set_yticks([])
        panel.set_ylabel(f"t + {step}" if step else "t", fontsize=8)
    plane = figure.add_subplot(grid[:, 1])
    axes = torch.linalg.svd(phi - phi.mean(0), full_matrices=False)[2][:2].T
    points = ((phi - phi.mean(0)) @ axes).numpy(force=True)
    plane.scatter(points[:, 0], points[:, 1], s=12, color="grey")
    reach = np.abs(points).max() + 1e-6
    picked = sorted(spread_out(points, shown), key=lambda row: math.atan2(points[row, 1], points[row, 0]))
    pictures = learner.decode(learner.step(start, phi[picked])).numpy(force=True)
    for row, picture, angle in zip(
        picked, pictures, np.linspace(-math.pi, math.pi, len(picked), endpoint=False), strict=True
    ):
        acted = row == 0
        box = AnnotationBbox(
            OffsetImage(picture, zoom=0.6),
            (points[row, 0], points[row, 1]),
            xybox=(2.3 * reach * math.cos(angle), 2.1 * reach * math.sin(angle)),
            boxcoords="data",
            bboxprops={"edgecolor": "green" if acted else "black", "linewidth": 3 if acted else 0.5},
            arrowprops={"arrowstyle": "<-", "color": "green" if acted else "grey"},
            pad=0.1,
        )
        plane.add_artist(box)
    plane.set(xlim=(-2.7 * reach, 2.7 * reach), ylim=(-2.5 * reach, 2.5 * reach), xticks=[], yticks=[])
    plane.set_title("φ(h, z), principal components, and T(h, φ), decoded; green: acted", fontsize=10)
    return figure


def spread_out(points: NDArray[np.floating[Any]], count: int) -> list[int]:
    """Choose rows of points (n, d) far apart: the first, then ever the farthest from those chosen."""
    chosen = [0]
    for _ in range(min(count, len(points)) - 1):
        gaps = np.linalg.norm(points[:, None] - points[chosen], axis=-1).min(1)
        chosen.append(int(gaps.argmax()))
    return chosen


def tabulate(metrics: list[dict[str, Any]]) -> list[Table]:
    """Make the table over seeds."""
    ours = [seed["three steps"] for seed in metrics]

    def over(key: str) -> str:
        return mean_std([seed[key] for seed in ours], 3)

    found = {name: [seed[name] for seed in metrics if name in seed] for name in MODELS}
    rows = [_row(name, seeds) for name, seeds in found.items() if seeds]
    floors = (
        ("no prediction, T(h, φ) = h", over("still"), "", "", "", "", ""),
        ("a random reachable cell; a random walk", over("guess"), "", over("walk"), "0", "1", ""),
        ("ceiling", "1", "1", "1", "1", over("reachable"), ""),
        ("asked for", f"≥ {ACCURACY}", "", f"≥ {ENTROPY}", "", "", "9 of 10"),
    )
    return [
        Table(
            "Independently controllable factors: embeddings of three steps (section 4.2)",
            (
                "model",
                "decoded T(h, φ) shows the true cell",
                "T(h, φ) is nearest to the true cell's code",
                "entropy of the cells reached",
                "information of φ and the cell",
                "distinct behaviours",
                "seeds that meet the bar",
            ),
            (*rows, *floors),
            (
                "The paper shows one prediction that comes true, reports mode collapse, and gives no number.",
                "Trials start at new cells with new φ, though all 36 cells are seen in training. Entropy and "
                "information are shares of the logarithm of the number of cells where three steps can end, "
                "averaged over starts. A random walk reaches them, too, but no φ decides which: distinct "
                "behaviours are exp(information).",
            ),
        )
    ]


def _row(name: str, seeds: list[dict[str, Any]]) -> tuple[str, ...]:
    def over(key: str, digits: int = 3) -> str:
        return mean_std([seed[key] for seed in seeds], digits)

    return (
        name,
        *(over(key) for key in ("accuracy", "latent", "entropy", "information")),
        over("behaviours", 1),
        f"{sum(seed['met'] for seed in seeds)} of {len(seeds)}",
    )

"""Two digits on a grid, from pixels alone and without an autoencoder (appendix B.1 and Fig. 4).

A model learns by moving digits of MNIST's training split, one action at a time, and is measured on scenes
whose digits come from the test split. For each of x₁, y₁, x₂ and y₂ some latent coordinate has to follow it:
|correlation| of at least 0.95, in at least 9 of 10 seeds, and 0.98 if possible.

Digits and moves are the paper's. It does not give sizes; here they are 5 × 5 cells of 8 pixels, and as many
features as there are moves, 8, since a factor has a direction. `Settings()` takes about three minutes per
seed on one core, baselines included.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import VectorEnv
from matplotlib.figure import Figure
from numpy.typing import NDArray

import unknot  # noqa: F401  (registers the environments)
from unknot.checks import settings_at_least
from unknot.experiments.common.digits import check_digits, digits_of, keep_digits
from unknot.experiments.common.tables import cell, how_many, where_measured
from unknot.report import Headline, Table, save_figure
from unknot.representation import WEIGHTS, Learner, load_learner, save_learner, train
from unknot.representation.autoencoder import Autoencoder
from unknot.representation.discrete_selectivity import DiscreteSelectivity, information
from unknot.representation.interaction import interactions
from unknot.representation.metrics.dci import dci
from unknot.representation.metrics.linear import correlations

SIZE = 5
PIXELS = 40
ACTIONS = ("+y₁", "−x₁", "+x₁", "−y₁", "+y₂", "−x₂", "+x₂", "−y₂")
"""What each action changes; y is the row, counted downwards."""
FACTORS = ("x1", "y1", "x2", "y2")
BAR, AIM = 0.95, 0.98
"""The target |correlation|, and a higher one to aim at."""
QUICK_SCENES = 500
"""Scenes of an evaluation that is not full."""
FIRST_SCENE = 1_000_000
"""Seed of the scenes that are measured; the same for every seed and model."""

MODELS: dict[str, str] = {
    "selectivity": "selectivity (ours)",
    "bare": "the paper's objective alone",
    "autoencoder": "autoencoder",
    "random": "random encoder",
}
"""Models by name, and their names in the table: one network, the same data, the same number of updates.

`bare` has none of our additions (see `DiscreteSelectivity`); `random` has no updates.
"""


@dataclass(frozen=True)
class Settings:
    """Settings of the part."""

    steps: int = 2500
    """Updates of each model."""
    batch: int = 128
    """Transitions of an update."""
    scenes: int = 2000
    """Scenes of the test split that correlations are measured on."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to train on or to measure."""
        settings_at_least(self, steps=1, batch=1, scenes=50)


PRESETS = {
    "default": Settings(),
    "smoke": Settings(steps=20, batch=16, scenes=100),
    "paper": Settings(steps=20_000, batch=256, scenes=10_000),
}
"""The paper gives its batch, and not how long it trained."""


@dataclass(frozen=True)
class Scenes:
    """Scenes that learners are measured on."""

    images: NDArray[np.uint8]
    """(n, 40, 40, 1)."""
    factors: NDArray[np.int64]
    """(n, 4): `FACTORS`, in cells."""
    source: str
    """Whose digits they are: "mnist", or "digits" for scikit-learn's."""


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed, each in a folder of its own."""
    keep_digits(folder)
    learners = {name: _train(name, settings, folder / name, seed, resume) for name in MODELS}
    scenes = sample_scenes(settings.scenes)
    learner = load_learner(folder / "selectivity" / WEIGHTS, kind=DiscreteSelectivity)
    save_figure(feature_curves(learner, scenes), folder / "figures" / "features.png")
    save_figure(policy_chart(learner, scenes), folder / "figures" / "policies.png")
    return _measure_all(learners, scenes, seed)


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the models of one seed on 500 scenes at most unless `full`; baselines may be missing.

    Raises:
        FileError: the models learnt from other digits than this machine has.
    """
    check_digits(folder)
    names = [name for name in MODELS if name == "selectivity" or (folder / name / WEIGHTS).exists()]
    learners = {name: load_learner(folder / name / WEIGHTS) for name in names}
    count = settings.scenes if full else min(settings.scenes, QUICK_SCENES)
    return _measure_all(learners, sample_scenes(count), seed)


# Training


def _train(name: str, settings: Settings, folder: Path, seed: int, resume: bool) -> Learner:
    torch.manual_seed(seed)
    learner = _learner(name, settings)
    if name == "random":
        save_learner(learner, folder / WEIGHTS)
        return learner.eval()
    batch_at = interactions(_environment("train", settings.batch), seed)
    train(learner, batch_at, settings.steps, folder=folder, resume=resume, description=f"seed {seed}: {name}")
    return learner


def _learner(name: str, settings: Settings) -> Learner:
    shape = (PIXELS, PIXELS, 1)
    if name == "autoencoder":
        return Autoencoder(shape=shape, latent_dim=len(ACTIONS))
    sizes: dict[str, Any] = {"shape": shape, "actions": len(ACTIONS), "steps": settings.steps}
    if name == "bare":
        return DiscreteSelectivity(**sizes, spread=0, pull=0, shrink=0)
    return DiscreteSelectivity(**sizes)


def _environment(split: str, copies: int) -> VectorEnv[Any, Any, Any]:
    return gym.make_vec(
        "unknot/MnistGrid-v0", num_envs=copies, task="none", split=split, size=SIZE, pixels=PIXELS
    )


def sample_scenes(count: int) -> Scenes:
    """Sample scenes of the test split, digits and places uniformly."""
    env = _environment("test", count)
    images, info = env.reset(seed=FIRST_SCENE)
    cells = [info["factors"][digit][:, axis] for digit in ("first", "second") for axis in (1, 0)]
    return Scenes(images, np.stack(cells, 1), env.unwrapped.simulation.source)  # type: ignore[attr-defined]


# Measuring


def _measure_all(learners: Mapping[str, Learner], scenes: Scenes, seed: int) -> dict[str, Any]:
    models = {name: measure(learner, scenes) for name, learner in learners.items()}
    return {"seed": seed, "source": scenes.source, "scenes": len(scenes.images), "models": models}


@torch.no_grad()
def measure(learner: Learner, scenes: Scenes) -> dict[str, Any]:
    """Measure how well single coordinates of h follow single factors.

    Returns:
        `correlation`, by factor the largest |r| of a coordinate; `best`, which coordinate that is; `least`,
        the smallest of the four; `dci`, disentanglement of the four. With policies also `purity`, the
        probability of a policy's usual action, mean over scenes and policies; `moves`, how many actions are
        the usual one of some policy; `information` of factor and action in nats, at most log 8.
    """
    h = learner.encode(scenes.images)
    codes = h.double().numpy(force=True)
    r = np.abs(correlations(codes, scenes.factors))
    result: dict[str, Any] = {
        "correlation": dict(zip(FACTORS, r.max(0).tolist(), strict=True)),
        "best": dict(zip(FACTORS, r.argmax(0).tolist(), strict=True)),
        "least": float(r.max(0).min()),
        "dci": dci(codes, scenes.factors.astype(float)).value,
    }
    if isinstance(learner, DiscreteSelectivity):
        log_policies = learner.log_policies(h)
        mean = log_policies.exp().mean(0)
        result["purity"] = float(mean.amax(1).mean())
        result["moves"] = len(set(mean.argmax(1).tolist()))
        result["information"] = float(information(log_policies).mean())
    return result


# Pictures


@torch.no_grad()
def feature_curves(learner: DiscreteSelectivity, scenes: Scenes) -> Figure:
    """Plot each latent coordinate over each factor: means over the scenes (the paper's Fig. 4)."""
    h = learner.encode(scenes.images)
    codes = h.numpy(force=True)
    moves = learner.log_policies(h).exp().mean(0).argmax(1).tolist()
    figure = Figure(figsize=(10, 3))
    panels = figure.subplots(1, len(FACTORS), sharey=True)
    for panel, factor, values in zip(panels, FACTORS, scenes.factors.T, strict=True):
        cells = np.unique(values)
        curves = np.stack([codes[values == cell].mean(0) for cell in cells])
        for k, curve in enumerate(curves.T):
            panel.plot(cells, curve, marker=".", label=f"$h_{k}$: {ACTIONS[moves[k]]}")
        panel.set_xlabel(f"${factor[0]}_{factor[1]}$ in cells")
        panel.set_xticks(cells)
    panels[0].set_ylabel("mean latent, test digits")
    panels[-1].legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), title="latent: its policy")
    return figure


@torch.no_grad()
def policy_chart(learner: DiscreteSelectivity, scenes: Scenes) -> Figure:
    """Plot what each policy does: its mean over the scenes, one row per policy."""
    policies = learner.log_policies(learner.encode(scenes.images)).exp().mean(0).numpy(force=True)
    figure = Figure(figsize=(4, 3.4))
    panel = figure.subplots()
    image = panel.imshow(policies, cmap="Greys", vmin=0, vmax=1)
    panel.set_xticks(range(len(ACTIONS)), ACTIONS, fontsize=8)
    panel.set_yticks(range(len(policies)), [rf"$\pi_{k}$" for k in range(len(policies))])
    panel.set_xlabel("action")
    figure.colorbar(image, label="probability, mean over scenes")
    return figure


# The table


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Make the tables: how codes follow factors, and what the policies do."""
    return [_factor_table(seeds), _policy_table(seeds)]


def _factor_table(seeds: list[dict[str, Any]]) -> Table:
    rows = []
    for name, title in MODELS.items():
        if not (models := where_measured(seeds, "models", name)):
            continue
        r = (cell(models, "correlation", factor, digits=3) for factor in FACTORS)
        reached = (how_many(_reached(models, bar)) for bar in (BAR, AIM))
        rows.append((title, *r, cell(models, "least", digits=3), *reached, cell(models, "dci")))
    return Table(
        "Digits: |correlation| of the best latent with each factor",
        ("model", "x₁", "y₁", "x₂", "y₂", "least", f"seeds ≥ {BAR}", f"seeds ≥ {AIM}", "DCI"),
        tuple(rows),
        (
            f"Mean ± standard deviation over {len(seeds)} seeds; {seeds[0]['scenes']} scenes with digits of "
            f"the test split, which no training saw. Digits are {digits_of(seeds)}. DCI: "
            "disentanglement of the four.",
            "Trivial baseline: the random encoder. Upper bound: 1. A seed counts if all four factors do.",
            f"Target: at least {BAR} for all four, in 9 of 10 seeds; hoped for: {AIM}.",
            "The paper shows at least one latent that follows each factor nearly linearly (B.1, Fig. 4), "
            "and gives no numbers.",
        ),
    )


def _policy_table(seeds: list[dict[str, Any]]) -> Table:
    rows = []
    for name in ("selectivity", "bare", "random"):
        if not (models := where_measured(seeds, "models", name)):
            continue
        rows.append((MODELS[name], *(cell(models, key) for key in ("purity", "moves", "information"))))
    return Table(
        "Digits: what the eight policies do",
        ("model", "purity", "distinct moves", "information"),
        tuple(rows),
        (
            "Purity: the probability of a policy's usual action. Distinct moves: how many of 8 actions are "
            "the usual one of some policy. Information of policy and action in nats, at most log 8 = 2.08.",
        ),
    )


def headlines(seeds: list[dict[str, Any]]) -> tuple[Headline, ...]:
    """Return how well single latents follow the worst of the four factors."""
    ours, untrained = (where_measured(seeds, "models", name) for name in ("selectivity", "random"))
    met = _reached(ours, BAR)
    return (
        Headline(
            measure="|correlation| of the best latent with the worst of four factors",
            paper="nearly linear curves, no number",
            ours=cell(ours, "least", digits=3),
            floor=f"{cell(untrained, 'least', digits=3) if untrained else 'unknown'}, a random encoder",
            ceiling="1, by definition",
            target=f"at least {BAR} in 9 of 10 seeds (ours: {how_many(met)})",
            met=sum(met) >= 0.9 * len(met),
        ),
    )


def _reached(models: list[dict[str, Any]], bar: float) -> list[bool]:
    """Return in which seeds every factor's |correlation| reaches the bar."""
    return [model["least"] >= bar for model in models]

"""Four directed factors of a maze's agent (section 4.1, Fig. 2).

A maze of 6 × 6 cells with one block, seen as 64 × 64 pixels, and six actions: down, left, right, up, `up`
once more, and down and left at once. The latent plane should hold four variations h' - h, one for each
direction: both `up`s in one, none for down-left. The agent's row and column should be linear in h.

Models, on the same number of transitions: ours; the paper's recipe as it is written (REINFORCE with a learnt
baseline, actions by the policies of single factors, the autoencoder from the first step, a kernel of width
√K; none of our additions); an autoencoder of the same networks; the same networks untrained.

Ours acts uniformly and meets walls. With permitted actions alone in training, policies do something else at a
wall, which more than half of the cells are at, and drag codes away. Everything is measured with permitted
actions alone, as in the paper's figure.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unknot.checks import settings_at_least
from unknot.envs.maze_world import PAPER_ACTIONS as ACTIONS
from unknot.experiments.common.runs import first_or_all, load_model, model_folder, run_models
from unknot.experiments.controllable_factors.maze_figures import plot_plane
from unknot.experiments.controllable_factors.maze_measures import UNSEEN, measure, measure_plane
from unknot.experiments.controllable_factors.maze_tables import headlines, tabulate
from unknot.experiments.controllable_factors.mazes import AS_PUBLISHED, COPIES, make_maze
from unknot.report import save_figure
from unknot.representation import WEIGHTS, load_learner, save_learner, train
from unknot.representation.interaction import interactions
from unknot.representation.selectivity import Selectivity

__all__ = ["MODELS", "PRESETS", "Settings", "evaluate", "headlines", "run", "tabulate", "train_model"]

NEXT_START = 1_000_000
"""Added to a seed for each further start."""
COMPARED = 30
"""Batches on which starts are compared."""

MODELS: dict[str, dict[str, Any]] = {
    "selectivity": {"factors": 16, "entropy": 0.1},
    "as published": {"width": 2**0.5, **AS_PUBLISHED},
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
    """How often ours is trained from new weights; the start of highest selectivity is kept."""
    baselines: int = 3
    """Seeds that also train the baselines; later ones train ours alone."""
    samples: int = 2000
    """Scenes on which disentanglement is measured."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to train on or to measure."""
        settings_at_least(self, steps=1, starts=1, baselines=0, samples=1)


PRESETS = {
    "default": Settings(),
    "smoke": Settings(steps=4, starts=2, samples=100),
    "paper": Settings(steps=50_000, samples=10_000),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed, each in a folder of its name."""

    def make(name: str, path: Path) -> dict[str, Any]:
        learner = train_model(settings, name, path, seed, resume)
        if name != "random":
            save_figure(plot_plane(learner, seed), folder / "figures" / f"maze-{path.name}.png")
        return _measure(learner, settings, name, path, seed)

    return run_models(first_or_all(MODELS, settings.baselines, seed), folder, make)


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the models of one seed; it is quick, `full` or not."""
    names = first_or_all(MODELS, settings.baselines, seed)
    learners = {name: load_model(folder, name, Selectivity) for name in names}
    return {n: _measure(each, settings, n, model_folder(folder, n), seed) for n, each in learners.items()}


def _measure(learner: Selectivity, settings: Settings, name: str, folder: Path, seed: int) -> dict[str, Any]:
    """Measure a model; for ours also which starts meet the bar by themselves, kept or not."""
    result = measure(learner, settings.samples, seed)
    if name != "selectivity":
        return result
    starts = [load_learner(path / WEIGHTS, kind=Selectivity) for path in sorted(folder.glob("start-*"))]
    return result | {"starts": [measure_plane(start, seed)["met"] for start in starts]}


def train_model(
    settings: Settings, name: str, folder: Path, seed: int, resume: bool, layout: str = "paper"
) -> Selectivity:
    """Train a model; of ours keep the start of highest selectivity, a choice that uses no factor."""
    if name != "selectivity":
        return _train(settings, name, folder, seed, resume, layout)
    found, scores = [], []
    for start in range(settings.starts):
        path, own_seed = folder / f"start-{start}", seed + NEXT_START * start
        found.append(_train(settings, name, path, own_seed, resume, layout))
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
    env = make_maze(COPIES, layout, ACTIONS)
    label = f"maze, {name}, {folder.name}" if folder.name.startswith("start") else f"maze, {name}"
    batch_at = interactions(env, seed, **published)
    train(learner, batch_at, settings.steps, folder=folder, resume=resume, description=label)
    env.close()
    return learner


def selectivity_reached(learner: Selectivity, seed: int, layout: str) -> float:
    """Return the mean selectivity, in nats, over transitions that training has not seen."""
    env = make_maze(COPIES, layout, ACTIONS)
    torch.manual_seed(seed)
    batch_at = interactions(env, seed + UNSEEN, masked=False)
    reached = np.mean([learner.assess(batch_at(number))["selectivity"] for number in range(COMPARED)])
    env.close()
    return float(reached)

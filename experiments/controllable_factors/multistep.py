"""Embeddings of policies of three steps, and a latent model of where they lead (section 4.2, Fig. 3).

An open maze of 6 × 6 cells, seen as 64 × 64 pixels, in which an agent takes three permitted steps. From a
start, φ = Φ(h, z) names a policy, and T(h, φ) predicts where it leads: decoded, it should show the agent at
the cell it then reaches. The paper's authors "suffer from mode collapsing of some factors", so what policies
reach is measured as well: the entropy of the cells reached by sampled φ, and how much of it φ decides (for a
random walk, nothing).

Models, on the same number of transitions: ours; the paper's setting as it is written (the kernel
max(0, ⟨h' - h, φ⟩), policies that see h and φ, actions by the policies of single factors, REINFORCE with a
learnt baseline, the autoencoder from the first step; none of our additions); ours, untrained.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from unknot.checks import settings_at_least
from unknot.envs.maze_world import STEPS
from unknot.experiments.common.runs import first_or_all, load_model, run_models
from unknot.experiments.common.tables import cell, how_many, over_seeds, where_measured
from unknot.experiments.controllable_factors.mazes import AS_PUBLISHED, COPIES, make_maze
from unknot.experiments.controllable_factors.multistep_figures import plot_factors
from unknot.experiments.controllable_factors.multistep_measures import ACCURACY, ENTROPY, HORIZON, measure
from unknot.report import Headline, Table, save_figure
from unknot.representation import WEIGHTS, save_learner, train
from unknot.representation.interaction import interactions
from unknot.representation.multistep_selectivity import MultistepSelectivity
from unknot.representation.selectivity import Selectivity

MODELS: dict[str, dict[str, Any]] = {
    "three steps": {},
    "as published": {"kernel": "inner", **AS_PUBLISHED},
    "untrained": {},
}
"""Settings of each model's learner, ours first; the last is not trained."""


@dataclass(frozen=True)
class Settings:
    """Settings of the part."""

    steps: int = 2200
    """Updates of each model, on 128 times three transitions each."""
    baselines: int = 1
    """Seeds that also train the baselines; later ones train ours alone."""
    trials: int = 1000
    """Trials in which T(h, φ) is compared with the outcome."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to train on or to measure."""
        settings_at_least(self, steps=1, baselines=0, trials=1)


PRESETS = {
    "default": Settings(),
    "smoke": Settings(steps=4, trials=50),
    "paper": Settings(steps=50_000, trials=10_000),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed, each in a folder of its name."""

    def make(name: str, path: Path) -> dict[str, Any]:
        learner = _train(settings, name, path, seed, resume)
        if name != "untrained":
            save_figure(plot_factors(learner, seed), folder / "figures" / f"multistep-{path.name}.png")
        return measure(learner, settings.trials, seed)

    return run_models(first_or_all(MODELS, settings.baselines, seed), folder, make)


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the models of one seed; it is quick, `full` or not."""
    return {
        name: measure(load_model(folder, name, Selectivity), settings.trials, seed)
        for name in first_or_all(MODELS, settings.baselines, seed)
    }


def _train(settings: Settings, name: str, folder: Path, seed: int, resume: bool) -> Selectivity:
    torch.manual_seed(seed)
    kind = Selectivity if name == "as published" else MultistepSelectivity
    learner = kind(actions=len(STEPS), steps=settings.steps, **MODELS[name])
    if name == "untrained":
        save_learner(learner.eval(), folder / WEIGHTS)
        return learner
    env = make_maze(COPIES, "open", STEPS)
    batch_at = interactions(env, seed, steps=HORIZON, behaviour=learner.behaviour)
    label = f"seed {seed}: multistep, {name}"
    train(learner, batch_at, settings.steps, folder=folder, resume=resume, description=label)
    env.close()
    return learner


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Make the table."""
    ours = over_seeds(seeds, "three steps")
    rows = [_row(name, models) for name in MODELS if (models := where_measured(seeds, name))]
    still, guess, walk, reachable = (
        cell(ours, key, digits=3) for key in ("still", "guess", "walk", "reachable")
    )
    floors = (
        ("no prediction, T(h, φ) = h", still, "", "", "", "", ""),
        ("a random reachable cell; a random walk", guess, "", walk, "0", "1", ""),
        ("upper bound", "1", "1", "1", "1", reachable, ""),
        ("target", f"≥ {ACCURACY}", "", f"≥ {ENTROPY}", "", "", "9 of 10"),
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
                "The paper shows one correct prediction, reports mode collapse, and gives no number.",
                "Trials sample a start and a φ; training has seen all 36 cells. Entropy and information are "
                "shares of the logarithm of the number of cells where three steps can end, averaged over "
                "starts. A random walk reaches these cells as well, but no φ decides which. Distinct "
                "behaviours: exp(information).",
            ),
        )
    ]


def headlines(seeds: list[dict[str, Any]]) -> tuple[Headline, ...]:
    """Return how often the decoded prediction shows the cell where three steps lead."""
    ours = over_seeds(seeds, "three steps")
    met = over_seeds(ours, "met")
    return (
        Headline(
            measure="share of trials whose decoded prediction shows the cell that three steps lead to",
            paper="one example, no number",
            ours=cell(ours, "accuracy", digits=3),
            floor=f"{cell(ours, 'guess', digits=3)}, a random reachable cell",
            ceiling="1, by definition",
            target=f"at least {ACCURACY}, entropy {ENTROPY}, in 9 of 10 seeds (ours: {how_many(met)})",
            met=sum(met) >= 0.9 * len(met),
        ),
    )


def _row(name: str, seeds: list[dict[str, Any]]) -> tuple[str, ...]:
    return (
        name,
        *(cell(seeds, key, digits=3) for key in ("accuracy", "latent", "entropy", "information")),
        cell(seeds, "behaviours", digits=1),
        how_many(over_seeds(seeds, "met")),
    )

"""Planning with what was learnt: from a start image to a goal image, in mazes that no training has seen.

Appendix B.2 and B.3 of the paper. In mazes of 8 × 8 cells, 20% of them blocks, a selectivity learner finds h
and its variations h' − h (one for each move, and two for a switch). From random walks, `LatentMoves` learns
which of them an image permits, and where. Search over them finds a way. Every layout is new, in training and
in the problems. Success: the agent is at the goal after at most twice the steps of the shortest way. A start
of the learner whose variations are loose is followed by another, a choice that uses no factor (see
`learnt_moves.tightest`).

Rows, on the same problems: search with what was learnt; the paper's greedy decomposition of h(goal) −
h(start); search with the same encoder as part of an autoencoder, trained on the same images as often, and
with the encoder untrained, where the variations are the modes of all h' − h; greedy on the true positions
(trivial baseline); breadth-first search on the true grid (oracle).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from unknot.agents.few_walks import COPIES, PLACE
from unknot.agents.latent_path import LatentPathAgent
from unknot.agents.learnt_moves import changes, start_moves, tightest
from unknot.agents.maze_problems import solve
from unknot.agents.walks import permitted_transitions, walk_batches
from unknot.checks import settings_at_least
from unknot.envs.maze_world import STEPS
from unknot.experiments.common.runs import first_or_all, run_models
from unknot.experiments.common.tables import (
    INTERVALS,
    how_many,
    outcomes_of,
    over_seeds,
    success_cell,
    where_measured,
)
from unknot.experiments.controllable_factors.mazes import make_mazes
from unknot.experiments.controllable_factors.planning_figures import save_pictures
from unknot.report import Headline, Table, mean_std
from unknot.representation import (
    WEIGHTS,
    Learner,
    Trainable,
    encode_all,
    load_learner,
    minibatches,
    save_learner,
    train,
)
from unknot.representation.autoencoder import Autoencoder
from unknot.representation.latent_moves import LatentMoves
from unknot.representation.scene_selectivity import SceneSelectivity

T = TypeVar("T", bound=Learner)

TASKS = ("reach", "switch")
SLACK = 2.0
"""Steps allowed, as a multiple of the fewest."""
FIRST_PROBLEM = 3_000_000
"""Seed of the first problem; training has other seeds, and settings were chosen on others."""
BASELINE_PROBLEMS = 100
"""The most problems for a baseline's codes: a search that finds no way takes longest."""
PREDICTED_ACTIONS = 10
"""Actions after which the place is predicted."""


@dataclass(frozen=True)
class Settings:
    """Settings of the part."""

    steps: int = 600
    """Updates of the selectivity learner; twice as many where there is a switch."""
    moves: int = 1000
    """Updates of `LatentMoves`."""
    baselines: int = 1
    """Seeds that also measure an autoencoder and an untrained encoder."""
    walks: int = 16
    """Random walks of 16 steps in each of 64 mazes that the selectivity learner learns from."""
    problems: int = 500
    """Problems of each task."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to train on or to measure."""
        settings_at_least(self, steps=1, moves=1, walks=1, baselines=0, problems=1)


PRESETS = {
    "default": Settings(),
    "smoke": Settings(steps=4, moves=4, walks=1, baselines=0, problems=2),
    "paper": Settings(steps=5000, moves=5000, walks=64, problems=1000),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed, each in a folder of its name."""

    def make(name: str, path: Path) -> dict[str, Any]:
        task, _, baseline = name.partition("-")
        _train(settings, task, baseline, path, seed, resume)
        return _measure(name, path, settings.problems)

    metrics: dict[str, Any] = {}
    for task in TASKS:
        metrics |= run_models(_models(settings, task, seed), folder, make)
        metrics[f"{task}-bounds"] = bounds(task, settings.problems)
    save_pictures({task: load(folder / task, SceneSelectivity) for task in TASKS}, folder / "figures")
    return metrics


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the models of one seed, on 100 problems of each task unless `full`."""
    problems = settings.problems if full else min(100, settings.problems)
    metrics: dict[str, Any] = {}
    for task in TASKS:
        for name in _models(settings, task, seed):
            metrics[name] = _measure(name, folder / name, problems)
        metrics[f"{task}-bounds"] = bounds(task, problems)
    return metrics


def _models(settings: Settings, task: str, seed: int) -> list[str]:
    return first_or_all((task, f"{task}-autoencoder", f"{task}-random"), settings.baselines, seed)


# Training


def _train(settings: Settings, task: str, baseline: str, folder: Path, seed: int, resume: bool) -> None:
    """Train the learner, or a baseline's, and the moves in its codes."""
    torch.manual_seed(seed)
    actions = actions_of(task)
    env = make_mazes(COPIES, "none", actions, task == "switch")
    chosen = options(settings, task)
    learner: Learner = SceneSelectivity(actions=len(actions), **chosen)
    if baseline == "autoencoder":
        learner = Autoencoder(shape=(64, 64, 3), latent_dim=chosen["latent_dim"], encoder="places")
    rare = actions.index("toggle") if task == "switch" else None
    seen = permitted_transitions(env, seed, settings.walks, rare)
    label = f"seed {seed}: {folder.name}"

    def learn(
        learner: Trainable, name: str, batch_at: Callable[[int], dict[str, Tensor]], steps: int
    ) -> None:
        place = folder / name
        train(learner, batch_at, steps, folder=place, resume=resume, description=f"{label}, {name}")

    def learn_codes(learner: Learner, name: str) -> None:
        learn(learner, name, minibatches(seen, COPIES, seed), chosen["steps"])

    if isinstance(learner, Autoencoder):
        learn_codes(learner, "learner")
    elif not baseline:
        learner, made = tightest(learner, learn_codes, seen, seed)
    save_learner(learner.eval(), folder / "learner" / WEIGHTS)
    if baseline:
        made = changes(learner, seen)
    torch.manual_seed(seed)  # a resume, which has trained no learner before, starts from the same state
    model = start_moves(learner, made, seen, settings.moves)
    learn(model, "moves", walk_batches(env, learner, seed, rare), settings.moves)
    env.close()


def actions_of(task: str) -> tuple[str, ...]:
    """Return the actions of a task."""
    return (*STEPS, "toggle") if task == "switch" else STEPS


def options(settings: Settings, task: str) -> dict[str, Any]:
    """Return the selectivity learner's keyword arguments for a task."""
    if task == "reach":
        return {**PLACE, "steps": settings.steps}
    switch = {"latent_dim": 3, "even": 0.1, "least": 1.0, "pull": 3.0, "calm": 0.03}
    return {**PLACE, **switch, "steps": 2 * settings.steps}


# Measuring


def _measure(name: str, folder: Path, problems: int) -> dict[str, Any]:
    learner, moves = load(folder, Learner)
    task, _, baseline = name.partition("-")
    problems = min(problems, BASELINE_PROBLEMS) if baseline else problems
    agents = {
        "search": LatentPathAgent(learner, moves),
        "greedy": LatentPathAgent(learner, moves, greedy=True),
    }
    return {
        **{k: solve(a, make_problems(task, problems), FIRST_PROBLEM, SLACK) for k, a in agents.items()},
        "prediction": predict(learner, moves, task, problems),
        "moves": moves.moves.tolist(),
        "actions": moves.actions.tolist(),
    }


def load(folder: Path, kind: type[T]) -> tuple[T, LatentMoves]:
    """Load a learner and its moves.

    Raises:
        FileNotFoundError: one whose training has not ended.
        WeightsError: a file that can't be used.
    """
    return (
        load_learner(folder / "learner" / WEIGHTS, kind=kind),
        load_learner(folder / "moves" / WEIGHTS, kind=LatentMoves),
    )


def bounds(task: str, problems: int) -> dict[str, Any]:
    """Return what experts on true positions achieve: greedy, the trivial baseline, and search, the oracle."""
    return {
        name: solve(None, make_problems(task, problems), FIRST_PROBLEM, SLACK, greedy=name == "floor")
        for name in ("floor", "ceiling")
    }


def make_problems(task: str, problems: int) -> Any:
    """Make mazes with the goal shown as an image; episodes go on at the goal, where an agent stays."""
    shown = {"goal": "image", "max_steps": 1000}
    return make_mazes(problems, task, actions_of(task), task == "switch", **shown)


@torch.no_grad()
def predict(learner: Learner, moves: LatentMoves, task: str, problems: int) -> dict[str, float]:
    """Measure how often the place after ten random actions is predicted from the first image.

    Returns:
        `right`, the share of problems where the predicted h lies, in the image, where the agent then is;
        `sums`, the same if variations are only added up.
    """
    env = make_mazes(problems, "none", actions_of(task), task == "switch")
    images, info = env.reset(seed=FIRST_PROBLEM)
    actions = np.random.default_rng(0).integers(len(actions_of(task)), size=(problems, PREDICTED_ACTIONS))
    h = moves.in_scene(images, encode_all(learner, torch.from_numpy(images)))
    path = moves.imagine(moves.maps_of(images), h, torch.from_numpy(actions))
    first = [moves.actions.tolist().index(a) if a in moves.actions else -1 for a in range(actions.max() + 1)]
    table = torch.cat([moves.moves, torch.zeros_like(moves.moves[:1])])
    summed = h + table[torch.tensor(first)[torch.from_numpy(actions)]].sum(1)
    for action in actions.T:
        _, _, _, _, info = env.step(action)
    env.close()
    places = {"right": moves.place(path[:, -1]), "sums": moves.place(summed)}
    truth = info["factors"]["agent"]
    return {name: float((place.numpy() == truth).all(1).mean()) for name, place in places.items()}


# Tables

ROWS = (
    ("Search with what was learnt", "{task}", "search"),
    ("Greedy over the learnt variations (the paper's B.2)", "{task}", "greedy"),
    ("Search, encoder of an autoencoder", "{task}-autoencoder", "search"),
    ("Search, encoder untrained", "{task}-random", "search"),
    ("Greedy on true positions (floor)", "{task}-bounds", "floor"),
    ("Breadth-first search on the true grid (ceiling)", "{task}-bounds", "ceiling"),
)
BARS = {"reach": 0.95, "switch": 0.9}
TITLES = {"reach": "go to the goal", "switch": "set the switch, then go to the goal"}


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Make the tables."""
    return [_success_table(seeds, task) for task in TASKS] + [_prediction_table(seeds)]


def _success_table(seeds: list[dict[str, Any]], task: str) -> Table:
    rows = []
    for title, folder, name in ROWS:
        found = where_measured(seeds, folder.format(task=task), name)
        if not found:
            continue
        rates, counts = (over_seeds(found, key) for key in ("rate", "count"))
        lengths = [each["length"] for each in found if each["length"] is not None]
        rows.append((
            title,
            success_cell(rates, counts, outcomes_of(found)),
            f"{100 * min(rates):.1f}",
            mean_std(lengths) if lengths else "none",
            how_many(rate >= BARS[task] for rate in rates),
        ))  # fmt: skip
    count = seeds[0][task]["search"]["count"]
    return Table(
        f"Planning from image to image: {TITLES[task]}",
        ("", "solved, %", "worst seed", "steps / fewest", f"seeds with {100 * BARS[task]:.0f}%"),
        tuple(rows),
        (
            f"{count} problems per seed, the same for every row and seed (for an autoencoder's and an "
            f"untrained encoder's codes the first {BASELINE_PROBLEMS} at most). Layouts of 8 × 8 cells, "
            f"20% blocks, none seen in training. Solved: at the goal within {SLACK:g} times the fewest "
            "steps. The paper shows one example of the greedy decomposition in an open maze, and no number.",
            INTERVALS,
        ),
    )


def headlines(seeds: list[dict[str, Any]]) -> tuple[Headline, ...]:
    """Return how many problems of the task "reach" search with what was learnt solves."""
    found = over_seeds(seeds, "reach", "search")
    rates, counts = (over_seeds(found, key) for key in ("rate", "count"))
    floor, ceiling = (
        mean_std(100 * np.array(over_seeds(seeds, "reach-bounds", name, "rate")), 1)
        for name in ("floor", "ceiling")
    )
    return (
        Headline(
            measure="problems solved from image to image, in mazes that no training has seen, %",
            paper="one example, no number",
            ours=success_cell(rates, counts, outcomes_of(found)),
            floor=f"{floor}, greedy on the true positions",
            ceiling=f"{ceiling}, breadth-first search on the true grid",
            target=f"at least {100 * BARS['reach']:.0f} in every seed",
            met=min(rates) >= BARS["reach"],
        ),
    )


def _prediction_table(seeds: list[dict[str, Any]]) -> Table:
    rows = []
    for task in TASKS:
        shares = (100 * np.array(over_seeds(seeds, task, "prediction", name)) for name in ("right", "sums"))
        rows.append((TITLES[task], *(mean_std(values, 1) for values in shares)))
    return Table(
        f"Where the agent is after {PREDICTED_ACTIONS} random actions, predicted from one image",
        ("mazes for", "right cell, %", "adding up variations (the paper's B.2), %"),
        tuple(rows),
        ("The predicted cell is the one where h lies in the image. The paper shows one example.",),
    )

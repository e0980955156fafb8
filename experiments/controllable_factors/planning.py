"""Planning in what was learnt: from a start image to a goal image, in mazes that no training has seen.

Appendix B.2 and B.3 of the paper. In mazes of 8 × 8 cells, 20% of them blocks, a selectivity learner finds h
and its variations h' − h (one a move, and two for a switch); `LatentMoves` learns from a random walk which of
them an image permits, and where; search over them finds a way. Every layout is new, in training and in the
problems. Success: the agent is at the goal after at most twice the steps that the shortest way has. A learner
whose variations turn out loose is begun anew, which no factor decides (see `tightest`).

Rows, on the same problems: search in what was learnt; the paper's greedy decomposition of h(goal) − h(start);
search with the same encoder as part of a plain autoencoder, trained on the same images as often, and left
untrained, the variations of both the modes of all h' − h; greedy on the true positions (floor); breadth-first
search on the true grid (ceiling).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import MeanShift
from torch import Tensor

from unknot.agents import wilson_interval
from unknot.agents.evaluation import Agent, evaluate_agent
from unknot.agents.latent_path import LatentPathAgent
from unknot.agents.maze_experts import MazeExpert, fewest_steps
from unknot.checks import settings_at_least
from unknot.experiments.common.runs import first_or_all, run_models
from unknot.experiments.controllable_factors.planning_data import (
    COPIES,
    encode_all,
    make_mazes,
    transitions,
    walks,
)
from unknot.experiments.controllable_factors.planning_figures import save_figures
from unknot.report import Table, mean_std
from unknot.representation import WEIGHTS, Learner, load_learner, minibatches, save_learner, train
from unknot.representation.autoencoder import Autoencoder
from unknot.representation.interaction import sample_actions
from unknot.representation.latent_moves import LatentMoves
from unknot.representation.scene_selectivity import SceneSelectivity

__all__ = ["PAPER", "SMOKE", "Settings", "evaluate", "run", "tabulate"]

TASKS = ("reach", "switch")
STEPS = ("down", "left", "right", "up")
SLACK = 2.0
"""Multiple of the fewest steps within which the goal is to be reached."""
FIRST_PROBLEM = 3_000_000
"""Seed of the first problem; training's are made otherwise, and settings were chosen on others."""
BASELINE_PROBLEMS = 100
"""Problems at most that are posed to a baseline's codes: a search that finds no way takes longest."""
FORETOLD = 10
"""Actions after which the place is foretold."""
MOST = 8
"""Modes that are moves, at most; there are 6 with a switch, and codes of an untrained encoder have many."""
STARTS = 3
"""Starts of the selectivity learner at most."""
LOOSE = 0.16
"""Mean distance of a move's variations from it, over moves' length, at which a start is begun anew."""
SAMPLE = 2000
"""Variations at most whose modes are looked for."""
RARE = 0.02
"""Share of all variations below which a cluster of them is none."""


@dataclass(frozen=True)
class Settings:
    """Settings of the part."""

    steps: int = 600
    """Updates of the selectivity learner; twice as many where there is a switch."""
    moves: int = 1000
    """Updates of the moves."""
    baselines: int = 1
    """Seeds whose autoencoders and untrained encoders are measured as well."""
    walks: int = 16
    """Random walks of 16 steps in each of 64 mazes that the selectivity learner learns from."""
    problems: int = 500
    """Problems of each task."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to train on or to measure."""
        settings_at_least(self, steps=1, moves=1, walks=1, baselines=0, problems=1)


SMOKE = Settings(steps=10, moves=4, walks=1, problems=2)
PAPER = Settings(steps=5000, moves=5000, walks=64, problems=1000)


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed, a folder each; with its `metrics.json` it is complete."""

    def make(name: str, path: Path) -> dict[str, Any]:
        task, _, baseline = name.partition("-")
        _train(settings, task, baseline, path, seed, resume)
        return _measure(name, path, settings.problems)

    metrics: dict[str, Any] = {}
    for task in TASKS:
        metrics |= run_models(_models(settings, task, seed), folder, make)
        metrics[f"{task}-bounds"] = bounds(task, settings.problems)
    save_figures({task: load(folder / task) for task in TASKS}, folder / "figures")
    return metrics


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure again from the weights; on 100 problems of each task unless `full`.

    Raises:
        FileNotFoundError: a model whose training has not ended.
        WeightsError: weights that can't be used.
    """
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
    """Train the learner, or that of a baseline, and the moves in its codes."""
    torch.manual_seed(seed)
    actions = actions_of(task)
    env = make_mazes(COPIES, "none", actions, task == "switch")
    chosen = options(settings, task)
    learner: Learner = SceneSelectivity(actions=len(actions), **chosen)
    if baseline == "autoencoder":
        learner = Autoencoder(shape=(64, 64, 3), latent_dim=chosen["latent_dim"], encoder="places")
    rare = actions.index("toggle") if task == "switch" else None
    seen = transitions(env, seed, settings.walks, rare)
    label = f"seed {seed}: {folder.name}"

    def learn(learner: Learner, name: str) -> None:
        train(
            learner,
            minibatches(seen, COPIES, seed),
            chosen["steps"],
            folder=folder / name,
            resume=resume,
            description=f"{label}, {name}",
        )

    if isinstance(learner, Autoencoder):
        learn(learner, "learner")
    elif not baseline:
        learner, made = tightest(learner, learn, seen, seed)
    save_learner(learner.eval(), folder / "learner" / WEIGHTS)
    if baseline:
        made = changes(learner, seen)
    torch.manual_seed(seed)  # so that a resume, which has trained no learner before, starts alike
    model = start_moves(learner, made, seen, settings.moves)
    train(
        model,
        walks(env, learner, seed, rare),
        settings.moves,
        folder=folder / "moves",
        resume=resume,
        description=f"{label}, moves",
    )
    env.close()


def start_moves(
    learner: Learner, made: tuple[Tensor, Tensor], seen: Mapping[str, Tensor], steps: int
) -> LatentMoves:
    """Find the moves among the variations that were made, and return what is to learn where they happen."""
    moves, made_by = find_moves(*made)
    centre = encode_all(learner, seen["observation"]).mean(0)
    height, width, channels = seen["observation"].shape[1:]
    return LatentMoves(
        moves.tolist(),
        made_by.tolist(),
        centre=centre.tolist(),
        shape=(height, width, channels),
        steps=max(1, steps),
    )


def tightest(
    learner: Learner, learn: Callable[[Learner, str], None], seen: dict[str, Tensor], seed: int
) -> tuple[Learner, tuple[Tensor, Tensor]]:
    """Train until a start's variations lie close to their modes, and keep the start where they lie closest.

    No factor is looked at: a variation that comes out otherwise from place to place, as a toggle's does in
    some starts, can't be planned with, and that is seen in the variations alone.

    Args:
        learner: the first start, untrained.
        learn: trains a learner in a folder of that name.
        seen: transitions.
        seed: of the other starts.

    Returns:
        The learner and its variations, as `variations` gives them.
    """
    tried: list[tuple[float, Learner, tuple[Tensor, Tensor]]] = []
    for start in range(STARTS):
        if start:
            torch.manual_seed(seed + 1000 * start)
            learner = type(learner)(**learner.settings())
        learn(learner, f"start-{start}")
        made = variations(learner, seen)
        tried.append((looseness(made[0], find_moves(*made)[0]), learner, made))
        if tried[-1][0] < LOOSE:
            break
    _, learner, made = min(tried, key=lambda each: each[0])
    return learner, made


def looseness(variations: Tensor, moves: NDArray[np.float64]) -> float:
    """Return the mean distance of variations (n, dim) from the nearest move (m, dim), of the loosest move.

    It is measured in the moves' mean length.
    """
    distances, nearest = torch.cdist(variations.double(), torch.from_numpy(moves)).min(1)
    loosest = max(float(distances[nearest == k].mean()) for k in range(len(moves)) if (nearest == k).any())
    return loosest / float(np.linalg.norm(moves, axis=1).mean())


def actions_of(task: str) -> tuple[str, ...]:
    """Return the actions of a task."""
    return (*STEPS, "toggle") if task == "switch" else STEPS


def options(settings: Settings, task: str) -> dict[str, Any]:
    """Return the selectivity learner's keyword arguments for a task."""
    both = {"factors": 16, "entropy": 0.1}
    if task == "reach":
        return {"latent_dim": 2, "steps": settings.steps, **both}
    return {
        "latent_dim": 3,
        "steps": 2 * settings.steps,
        "even": 0.1,
        "least": 1.0,
        "pull": 3.0,
        "calm": 0.03,
        **both,
    }


# The learnt variations


@torch.no_grad()
def variations(learner: Learner, seen: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return variations h' − h (n, dim) that policies of sampled factors make, and the actions they took.

    Of transitions that were seen those are kept whose action a sampled factor's policy takes too; of a
    learner that samples no factors all are.
    """
    if not isinstance(learner, SceneSelectivity):
        return changes(learner, seen)
    h = encode_all(learner, seen["observation"])
    after = encode_all(learner, seen["next_observation"])
    policy = learner.log_policy(h, learner.generate(h, 1), seen["action_mask"])[:, 0].exp()
    rows = sample_actions(policy)[0] == seen["action"]
    return (after - h)[rows], seen["action"][rows]


def changes(learner: Learner, seen: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return all changes h' − h (n, dim) that were seen, and the actions."""
    h, after = (encode_all(learner, seen[name]) for name in ("observation", "next_observation"))
    return after - h, seen["action"]


def find_moves(variations: Tensor, actions: Tensor) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Find the modes of the density of variations, by mean shift with half their median length as bandwidth.

    Args:
        variations: (n, dim).
        actions: (n,), that made them.

    Returns:
        The modes' means (modes, dim), the greatest first, and the action (modes,) that most often made each.
    """
    every = -(-len(variations) // SAMPLE)
    points, made_by = variations[::every].double().numpy(), actions[::every].numpy()
    bandwidth = float(np.median(np.linalg.norm(points, axis=1))) / 2
    labels = MeanShift(bandwidth=bandwidth, bin_seeding=True).fit_predict(points)
    modes = [rows for k in range(labels.max() + 1) if (rows := labels == k).mean() >= RARE]
    modes = sorted(modes, key=np.sum, reverse=True)[:MOST]
    means = np.stack([points[rows].mean(0) for rows in modes])
    return means, np.array([np.bincount(made_by[rows]).argmax() for rows in modes])


# Measuring


def _measure(name: str, folder: Path, problems: int) -> dict[str, Any]:
    learner, moves = load(folder)
    task, _, baseline = name.partition("-")
    problems = min(problems, BASELINE_PROBLEMS) if baseline else problems
    return {
        "search": solve(LatentPathAgent(learner, moves), task, problems),
        "greedy": solve(LatentPathAgent(learner, moves, greedy=True), task, problems),
        "prediction": predict(learner, moves, task, problems),
        "moves": moves.moves.tolist(),
        "actions": moves.actions.tolist(),
    }


def load(folder: Path) -> tuple[Learner, LatentMoves]:
    """Load a learner and its moves.

    Raises:
        FileNotFoundError: one whose training has not ended.
        WeightsError: a file that can't be used.
    """
    learner, moves = (load_learner(folder / part / WEIGHTS) for part in ("learner", "moves"))
    assert isinstance(moves, LatentMoves)
    return learner, moves


def bounds(task: str, problems: int) -> dict[str, Any]:
    """Return what experts that see true positions achieve: the floor and the ceiling."""
    return {name: solve(None, task, problems, greedy=name == "floor") for name in ("floor", "ceiling")}


def solve(agent: Agent | None, task: str, problems: int, *, greedy: bool = False) -> dict[str, Any]:
    """Pose the problems to an agent, or to an expert if it is None.

    Returns:
        The share solved within `SLACK` times the fewest steps, its Wilson interval, how many there were, and
        the mean of the steps taken over the fewest where it was solved.
    """
    env = make_problems(task, problems)
    env.reset(seed=[FIRST_PROBLEM + k for k in range(problems)])
    fewest = fewest_steps(env.unwrapped.simulation)
    result = evaluate_agent(
        agent or MazeExpert(env.unwrapped.simulation, greedy=greedy),
        env,
        problems,
        FIRST_PROBLEM,
        max_steps=int(SLACK * fewest.max()),
    )
    env.close()
    solved = (result.steps > 0) & (result.steps <= SLACK * fewest)
    return {
        "rate": float(solved.mean()),
        "interval": wilson_interval(int(solved.sum()), problems),
        "count": problems,
        "length": float((result.steps / fewest)[solved].mean()) if solved.any() else None,
    }


def make_problems(task: str, problems: int) -> Any:
    """Make mazes to be solved, the goal shown as an image; who has arrived rests, which costs no planning."""
    return make_mazes(
        problems, task, actions_of(task), task == "switch", goal="image", max_steps=1000,
    )  # fmt: skip


@torch.no_grad()
def predict(learner: Learner, moves: LatentMoves, task: str, problems: int) -> dict[str, float]:
    """Measure how often the place after ten random actions is foretold from the first image.

    Returns:
        The share where the predicted h lies, in the image, where the agent then is; `sums` the same where
        variations are only added up.
    """
    env = make_mazes(problems, "none", actions_of(task), task == "switch")
    images, info = env.reset(seed=FIRST_PROBLEM)
    actions = np.random.default_rng(0).integers(len(actions_of(task)), size=(problems, FORETOLD))
    h = moves.in_scene(images, encode_all(learner, torch.from_numpy(images)))
    path = moves.imagine(moves.encode(images), h, torch.from_numpy(actions))
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
    ("Search in what was learnt", "{task}", "search"),
    ("Greedy over the learnt variations (the paper's B.2)", "{task}", "greedy"),
    ("Search, encoder of an autoencoder", "{task}-autoencoder", "search"),
    ("Search, encoder untrained", "{task}-random", "search"),
    ("Greedy on true positions (floor)", "{task}-bounds", "floor"),
    ("Breadth-first search on the true grid (ceiling)", "{task}-bounds", "ceiling"),
)
BARS = {"reach": 0.95, "switch": 0.9}
TITLES = {"reach": "go to the goal", "switch": "set the switch, then go to the goal"}


def tabulate(metrics: list[dict[str, Any]]) -> list[Table]:
    """Make the tables over seeds."""
    return [_success_table(metrics, task) for task in TASKS] + [_prediction_table(metrics)]


def _success_table(metrics: list[dict[str, Any]], task: str) -> Table:
    rows = []
    for title, folder, name in ROWS:
        model = folder.format(task=task)
        found = [seed[model][name] for seed in metrics if model in seed]
        if not found:
            continue
        rates = [each["rate"] for each in found]
        lengths = [each["length"] for each in found if each["length"] is not None]
        rows.append((
            title,
            mean_std(100 * np.array(rates), 1),
            f"{100 * min(rates):.1f}",
            mean_std(lengths) if lengths else "none",
            f"{sum(rate >= BARS[task] for rate in rates)} of {len(rates)}",
        ))  # fmt: skip
    count = metrics[0][task]["search"]["count"]
    return Table(
        f"Planning from image to image: {TITLES[task]}",
        ("", "solved, %", "worst seed", "steps / fewest", f"seeds with {100 * BARS[task]:.0f}%"),
        tuple(rows),
        (
            f"{count} problems a seed, the same for every row and seed (of an autoencoder's and an untrained "
            f"encoder's codes the first {BASELINE_PROBLEMS} at most); layouts of 8 × 8 cells, 20% blocks, "
            f"none seen in training. Solved: at the goal within {SLACK:g} times the fewest steps. "
            "The paper shows one example of the greedy decomposition in an open maze and counts nothing.",
        ),
    )


def _prediction_table(metrics: list[dict[str, Any]]) -> Table:
    rows = []
    for task in TASKS:
        found = {
            name: [100 * seed[task]["prediction"][name] for seed in metrics] for name in ("right", "sums")
        }
        rows.append((TITLES[task], *(mean_std(values, 1) for values in found.values())))
    return Table(
        f"Where the agent is after {FORETOLD} random actions, foretold from one image",
        ("mazes for", "right cell, %", "adding variations up (the paper's B.2), %"),
        tuple(rows),
        ("The cell is where in the image the predicted h lies. The paper shows one example.",),
    )

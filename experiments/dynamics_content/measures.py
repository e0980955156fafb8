"""What is measured of a learner: its losses, its map, and its success in planning."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.agents import GridExpert, PlanningAgent, ShakenLineExpert, StraightLineExpert
from unknot.agents.evaluation import Agent
from unknot.agents.planar_problems import (
    HORIZON,
    Problems,
    make_planar,
    pc3_problems,
    planning_loss,
    rate,
    reference,
    roll_out,
    sample_problems,
    share_at_goal,
    successes,
)
from unknot.experiments.dynamics_content.models import SETS, Model, environment, held_out_data
from unknot.progress import announce
from unknot.representation import LocallyLinear

FIRST_PROBLEM = 10_000
"""Seed of the first evaluation problem."""
ITERATIONS = 10
"""Of iLQR for each plan. The agent's own plans after the first have fewer, at a slightly higher loss."""


def measure(
    learner: LocallyLinear, model: Model, cache: Path, seed: int, problems: int, *, references: bool
) -> dict[str, Any]:
    """Measure a learner in X and in Y.

    Args:
        learner: trained and surveyed.
        model: which of the models it is.
        cache: the folder where the straight lines' and the best planner's results are kept.
        seed: of the held-out triples, of the corner problems and of the process noise.
        problems: random problems in each set.
        references: whether the results of the straight lines and the best planner are returned, too.
    """
    env = model.env
    tasks = {
        "corners": sample_problems("corners", env, min(20, problems), FIRST_PROBLEM + 20 * seed),
        "anywhere": sample_problems("anywhere", env, problems, FIRST_PROBLEM),
    }
    result: dict[str, Any] = {}
    errors = _map_errors(learner, model)
    for images in SETS:
        result[images] = _losses(learner, model, images, seed)
        for task, posed in tasks.items():
            name = f"seed {seed}: planning in {images}, {task}, {len(posed.starts)} problems: steps"
            result[images][task] = _plan(learner, posed, model.sets[images], cache, seed, name)
        result[images]["map_error"] = errors[images]
    if model.part == "split":
        announce(f"seed {seed}: plans made once, and PC3's protocol")
        for images in SETS:
            result[images]["one_shot"] = _plan_once(learner, tasks["corners"], images)
            result[images]["pc3"] = _pc3(learner, images, min(10, problems))
    if references:
        result["references"] = _references(tasks, cache) | (
            _pc3_references() if model.part == "split" else {}
        )
    return result


def _references(tasks: Mapping[str, Problems], cache: Path) -> dict[str, Any]:
    known = {task: reference(problems, cache) for task, problems in tasks.items()}
    return {
        task: {"floor": each.floor, "shaken": each.shaken, "ceiling": each.ceiling}
        for task, each in known.items()
    }


@torch.no_grad()
def _losses(learner: LocallyLinear, model: Model, images: str, seed: int) -> dict[str, float]:
    """Return reconstruction and prediction loss on held-out triples, and how often the shape is right, in %.

    A prediction's shape is right if its squared error from the true next image is smaller than from the same
    scene as the other set shows it.
    """
    held_out = held_out_data(model, images, seed)
    x, after = held_out["observation"], held_out["next_observation"]
    decoded = learner.decode(learner.encode(x), learner.content(x))
    predicted = learner.predict(x, held_out["action"])
    (other,) = SETS.keys() - {images}
    elsewhere = environment(model, other).render_factors({"position": held_out["next_position"]})
    right = _squared_error(predicted, after) < _squared_error(predicted, elsewhere)
    return {
        "reconstruction": _excess(decoded, x),
        "prediction": _excess(predicted, after),
        "shape": 100 * float(right.mean()),
    }


def _squared_error(decoded: Tensor, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    error: NDArray[np.float64] = np.square(decoded.numpy(force=True) - images / 255.0).sum((1, 2, 3))
    return error


def _excess(decoded: Tensor, images: NDArray[np.uint8]) -> float:
    """Return the mean Bernoulli cross-entropy less the images' entropy, in nats an image."""
    truth = torch.from_numpy(images).double() / 255
    decoded = decoded.cpu().double().clamp(1e-6, 1 - 1e-6)
    cross = -(truth * decoded.log() + (1 - truth) * (1 - decoded).log())
    entropy = torch.special.entr(truth) + torch.special.entr(1 - truth)
    return float((cross - entropy).flatten(1).sum(1).mean())


def _map_errors(learner: LocallyLinear, model: Model) -> dict[str, float]:
    """Return, for each set, the root mean square error in pixels of positions read off z by a linear map.

    The map is fitted in X and reads Y as well, where the error is small only if the two latent maps coincide.
    """
    positions = environment(model, "X").sample_free(2000, np.random.default_rng(2))
    codes = {}
    for images in SETS:
        z = learner.encode_all(environment(model, images).render_factors({"position": positions}))
        codes[images] = np.c_[z.numpy(force=True), np.ones(len(z))]
    linear = np.linalg.lstsq(codes["X"], positions, rcond=None)[0]
    return {s: float(np.sqrt(np.square(codes[s] @ linear - positions).sum(1).mean())) for s in SETS}


def _plan(
    learner: LocallyLinear, problems: Problems, appearance: str, cache: Path, seed: int, task: str
) -> dict[str, Any]:
    known = reference(problems, cache)
    longest = max(HORIZON, int(known.steps.max()))
    agent = PlanningAgent(learner, iterations=ITERATIONS, replanning_iterations=ITERATIONS)
    rollout = roll_out(agent, problems, appearance, longest, seed, task=task)
    loss = planning_loss(rollout, problems.goals)
    solved = successes(rollout, problems.goals, known.steps)
    ratio = float(loss.mean() / known.best_loss.mean())
    return {**rate(solved), "count": len(solved), "loss": float(loss.mean()), "ratio": ratio}


def _plan_once(learner: LocallyLinear, problems: Problems, images: str) -> dict[str, Any]:
    agent = PlanningAgent(learner, horizon=HORIZON, replan_every=HORIZON, iterations=50)
    rollout = roll_out(agent, problems, SETS[images], HORIZON)
    loss = planning_loss(rollout, problems.goals)
    return {**rate(successes(rollout, problems.goals, HORIZON)), "loss": float(loss.mean())}


def _pc3(learner: LocallyLinear, images: str, starts: int) -> float:
    """Return PC3's measure: a plan of 10 steps before each step, Q = 10 I, R = I, four iterations."""
    problems = pc3_problems(starts, FIRST_PROBLEM)
    agent = PlanningAgent(
        learner, horizon=10, replan_every=1, Q=10.0, R=1.0, iterations=4, replanning_iterations=4
    )
    return share_at_goal(roll_out(agent, problems, SETS[images], HORIZON), problems.goals)


def _pc3_references() -> dict[str, float]:
    """Return PC3's measure of the best planner on the true map and of the straight lines."""
    problems = pc3_problems(10, FIRST_PROBLEM)
    experts: dict[str, Agent] = {
        "pc3": GridExpert(make_planar({}).world),
        "pc3_floor": StraightLineExpert(),
        "pc3_shaken": ShakenLineExpert(),
    }
    return {
        name: share_at_goal(roll_out(expert, problems, SETS["X"], HORIZON), problems.goals)
        for name, expert in experts.items()
    }

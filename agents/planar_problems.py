"""Planning problems in the planar world, measures of success, trivial baselines and an oracle.

`sample_problems` poses problems, `roll_out` lets any agent act on them, `planning_loss` and `successes`
measure what it did, and `reference` what straight lines and the best planner on the true map do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

import unknot  # noqa: F401  (registers the environments)
from unknot.envs.planar import MAX_ACTION, NEAR, STAY
from unknot.files import read_json, write_json
from unknot.progress import progress_bar

from .evaluation import Agent, play
from .experts import GridExpert, ShakenLineExpert, StraightLineExpert
from .intervals import as_digits, wilson_interval
from .true_map import ACTION_COST, best_paths, path_costs

__all__ = [
    "HORIZON",
    "SLACK",
    "Problems",
    "Reference",
    "Rollout",
    "make_planar",
    "pc3_problems",
    "planning_loss",
    "rate",
    "reference",
    "roll_out",
    "sample_problems",
    "share_at_goal",
    "successes",
]

Array = NDArray[np.float64]

SLACK = 1.5
"""Steps allowed, as a multiple of those that the best path on the true map needs."""
HORIZON = 40
"""T of eq. 7 of Banijamali et al., 2017."""
CORNERS = np.array([[37.0, 37.0], [37.0, 3.0], [3.0, 37.0]])
"""Goals of PC3's protocol (Shu et al., 2020), in pixels."""


@dataclass(frozen=True)
class Problems:
    """Starts and goals (n, 2) in pixels, in one environment."""

    name: str
    env: Mapping[str, Any]
    """Keyword arguments of `unknot/Planar-v0` except the appearance."""
    starts: Array
    goals: Array
    steps: int | None = None
    """Steps allowed; None for `SLACK` times those that the best path on the true map needs."""


@dataclass(frozen=True)
class Rollout:
    """Positions (steps + 1, n, 2) and actions (steps, n, 2) of n runs, in pixels."""

    positions: Array
    actions: Array


def make_planar(env: Mapping[str, Any], appearance: str = "square") -> Any:
    """Make the environment that shows the agent in an appearance; `env` is as in `Problems`."""
    return gym.make("unknot/Planar-v0", appearance=appearance, **env).unwrapped


def sample_problems(task: str, env: Mapping[str, Any], count: int, seed: int) -> Problems:
    """Sample starts and goals as the environment's task does when reset with seed, seed + 1, ...

    From corner to corner `HORIZON` steps are allowed, as in the paper.
    """
    with_task = {**env, "task": task}
    vector = gym.make_vec("unknot/Planar-v0", num_envs=count, **with_task)
    _, infos = vector.reset(seed=seed)
    vector.close()
    label = "-".join([task, *(f"{key}={value}" for key, value in sorted(env.items())), str(count), str(seed)])
    steps = HORIZON if task == "corners" else None
    return Problems(label, env, infos["factors"]["position"], infos["goal"]["position"], steps)


def pc3_problems(starts: int, seed: int) -> Problems:
    """Sample PC3's problems (Shu et al., 2020): starts uniform in [3, 7]², each with the other corners."""
    places = np.random.default_rng(seed).uniform(3, 7, (starts, 2))
    return Problems("pc3", {}, places.repeat(len(CORNERS), 0), np.tile(CORNERS, (starts, 1)))


def roll_out(
    agent: Agent, problems: Problems, appearance: str, steps: int, seed: int = 0, *, task: str = ""
) -> Rollout:
    """Let an agent act for `steps` steps on all problems at once.

    Args:
        agent: any with Stable-Baselines3's `predict`. It sees images and goal images.
        problems: where runs start and should end.
        appearance: of the agent in the images, as `unknot/Planar-v0` takes it.
        steps: that all runs take, whether they reach their goals or not.
        seed: of the process noise.
        task: what the display of progress calls it; without, there is none.
    """
    shown = {**problems.env, "appearance": appearance, "max_steps": steps + 1}
    vector = gym.make_vec("unknot/Planar-v0", num_envs=len(problems.starts), **shown)
    options = {"factors": {"position": problems.starts}, "goal": {"position": problems.goals}}
    positions, actions = [problems.starts], []
    with progress_bar(bool(task)) as bar:
        taken = bar.add_task(task, total=steps)
        for step in play(agent, vector, seed, options=options, max_steps=steps):
            positions.append(step.infos["factors"]["position"])
            actions.append(np.clip(step.actions, -MAX_ACTION, MAX_ACTION).astype(float))
            bar.advance(taken)
    vector.close()
    return Rollout(np.stack(positions), np.stack(actions))


def planning_loss(rollout: Rollout, goals: Array, steps: int = HORIZON) -> Array:
    """Return J (n,) of eq. 7 of Banijamali et al., 2017, over the first `steps` steps.

    Args:
        rollout: n runs.
        goals: (n, 2) in pixels.
        steps: T.

    Returns:
        In px², with Q = I and R = 0.1 I.
    """
    off = rollout.positions[1 : steps + 1] - goals
    effort = np.square(rollout.actions[:steps]).sum((0, 2))
    loss: Array = np.square(off).sum((0, 2)) + ACTION_COST * effort
    return loss


def successes(rollout: Rollout, goals: Array, steps: NDArray[np.int64] | int) -> NDArray[np.bool_]:
    """Return which problems (n,) are solved: near the goal (2 px) at each of the last 5 steps allowed.

    Args:
        rollout: n runs.
        goals: (n, 2) in pixels.
        steps: allowed, (n,) or one number for all.
    """
    near = np.linalg.norm(rollout.positions - goals, axis=-1) <= NEAR
    last = np.broadcast_to(steps, len(goals))
    window = last - np.arange(STAY)[:, None]
    solved: NDArray[np.bool_] = near[window, np.arange(len(goals))].all(0) & (last >= STAY)
    return solved


def share_at_goal(rollout: Rollout, goals: Array) -> float:
    """Return the percentage of steps after which the agent is near the goal (PC3's measure)."""
    return 100 * float((np.linalg.norm(rollout.positions[1:] - goals, axis=-1) <= NEAR).mean())


def rate(solved: NDArray[np.bool_]) -> dict[str, Any]:
    """Return a success rate in percent, its Wilson interval, and the outcome of each problem."""
    low, high = wilson_interval(int(solved.sum()), len(solved))
    percent = {"success": 100 * float(solved.mean()), "low": 100 * low, "high": 100 * high}
    return {**percent, "outcomes": as_digits(solved)}


@dataclass(frozen=True)
class Reference:
    """How trivial baselines, straight lines, and an oracle, the best planner on the true map, do."""

    steps: NDArray[np.int64]
    """(n,), steps allowed (see `Problems`)."""
    best_loss: Array
    """(n,), the least planning loss on the true map without noise."""
    floor: dict[str, Any]
    """Success and loss of the straight line."""
    shaken: dict[str, Any]
    """Those of the straight line that shakes itself loose after a refused action, as our agent does."""
    ceiling: dict[str, Any]
    """Success and loss of the best planner."""


def reference(problems: Problems, cache: Path) -> Reference:
    """Compute the baselines' and the oracle's results, or read them from the folder `cache`.

    They are kept in a file of the problems' name, so problems of one name must be the same. A file that an
    earlier version wrote, without all of them, is written anew.
    """
    path = cache / f"{problems.name}.json"
    kept = read_json(path) if path.exists() else {}
    if kept.keys() != {part.name for part in fields(Reference)}:
        write_json(path, _reference(problems))
        kept = read_json(path)
    return Reference(**{**kept, "steps": np.array(kept["steps"]), "best_loss": np.array(kept["best_loss"])})


def _reference(problems: Problems) -> dict[str, Any]:
    world = make_planar(problems.env).world
    paths = best_paths(world, problems.starts, problems.goals, MAX_ACTION)
    near = np.linalg.norm(paths - problems.goals[:, None], axis=-1) <= NEAR
    arrival = np.where(near.any(1), near.argmax(1).clip(1), HORIZON)
    steps = np.ceil(SLACK * (arrival + STAY - 1)).astype(int)
    if problems.steps is not None:
        steps = np.full_like(steps, problems.steps)
    longest = max(HORIZON, int(steps.max()))
    best_loss = path_costs(paths, problems.goals)
    lines: dict[str, Agent] = {"floor": StraightLineExpert(), "shaken": ShakenLineExpert()}
    rollouts = {name: roll_out(line, problems, "square", longest) for name, line in lines.items()}
    if problems.env.get("noise", 0):
        expert = roll_out(GridExpert(world), problems, "square", longest)
        ceiling = _score(expert, problems.goals, steps)
    else:
        ceiling = {**rate(near.any(1)), "loss": float(best_loss.mean())}
    return {
        "steps": steps.tolist(),
        "best_loss": best_loss.tolist(),
        **{name: _score(rollout, problems.goals, steps) for name, rollout in rollouts.items()},
        "ceiling": ceiling,
    }


def _score(rollout: Rollout, goals: Array, steps: NDArray[np.int64]) -> dict[str, Any]:
    return {**rate(successes(rollout, goals, steps)), "loss": float(planning_loss(rollout, goals).mean())}

"""What is measured of the maze's latent plane: its modes, a linear map of it, angles, disentanglement."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unknot.envs.maze_world import PAPER as LAYOUT
from unknot.envs.maze_world import PAPER_ACTIONS as ACTIONS
from unknot.experiments.common.codes import turned
from unknot.experiments.controllable_factors.mazes import COPIES, make_maze
from unknot.representation.interaction import interactions, sample_actions
from unknot.representation.metrics import evaluate_codes
from unknot.representation.metrics.linear import linear_fit
from unknot.representation.metrics.modes import find_modes
from unknot.representation.selectivity import Selectivity

Floats = NDArray[np.floating[Any]]

MERGED = (0, 1, 2, 3, 3, 4)
"""What each action does: both `up`s do the same."""
UNSEEN = 500_000
"""Added to a seed for transitions that training has not seen."""
SAMPLES = 1000
"""Variations that are sampled, as in the paper."""
SCORES = ("mig", "dci", "sap")


@dataclass(frozen=True)
class Variations:
    """Actions, and the changes of h that they made."""

    change: Floats
    """h' - h, (n, latent_dim)"""
    action: NDArray[np.int64]
    """(n,)"""


@torch.no_grad()
def measure(learner: Selectivity, samples: int, seed: int) -> dict[str, Any]:
    """Measure what the paper's Fig. 2 shows, and how disentangled h is, on so many samples."""
    env = make_maze(COPIES, "paper", ACTIONS)
    torch.manual_seed(seed)
    assessed = learner.assess(interactions(env, seed + UNSEEN, masked=False)(0))
    codings = {"": learner.encode, "_turned": turned(learner)}
    scores = {
        name + suffix: score.value
        for suffix, encode in codings.items()
        for name, score in evaluate_codes(encode, env.unwrapped, SCORES, seed, samples=samples).items()
    }
    env.close()
    reached = {name: assessed[name] for name in ("selectivity", "information")}
    return measure_plane(learner, seed) | {"bound": float(np.log(learner.factors))} | reached | scores


@torch.no_grad()
def measure_plane(learner: Selectivity, seed: int) -> dict[str, Any]:
    """Measure what the target is about: modes, their actions, the linear map, the angles."""
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
    """Return whether the modes, their actions, the linear map and the angles meet the target."""
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
    env = make_maze(len(cells), "paper", ACTIONS)
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
    env = make_maze(SAMPLES, "paper", ACTIONS)
    before, info = env.reset(seed=seed + 1_000_000)
    torch.manual_seed(seed)
    h = learner.encode(before)
    mask = torch.as_tensor(info["action_mask"]).bool()
    action, _ = sample_actions(learner.log_policy(h, learner.generate(h, 1), mask)[:, 0].exp())
    after, *_ = env.step(action.numpy(force=True))
    env.close()
    return Variations((learner.encode(after) - h).numpy(force=True), action.numpy(force=True))


def purities(modes: NDArray[np.int64], actions: NDArray[np.int64]) -> tuple[list[float], list[int]]:
    """Return each mode's share of its most frequent action, and that action; both `up`s count as one."""
    done = np.array(MERGED)[actions]
    counts = [np.bincount(done[modes == mode]) for mode in range(modes.max() + 1)]
    return [float(count.max() / count.sum()) for count in counts], [int(count.argmax()) for count in counts]


def worst_angle(effects: Mapping[str, Floats]) -> float:
    """Return the largest difference from a right angle, in degrees, between left or right and up or down."""
    cosines = [
        effects[side] @ effects[way] / (np.linalg.norm(effects[side]) * np.linalg.norm(effects[way]) + 1e-12)
        for side in ("left", "right")
        for way in ("up", "down")
    ]
    return float(np.degrees(np.abs(np.arcsin(np.clip(cosines, -1, 1)))).max())

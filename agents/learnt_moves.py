"""The moves that a learner's codes can make, found among the changes that actions make.

A learner's variations h' − h cluster around moves: one for each action, two for a switch. `tightest` trains
a learner until the clusters are tight, `find_moves` finds them, `start_moves` returns a `LatentMoves` that
has yet to learn where they happen.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import MeanShift
from torch import Tensor

from unknot.representation import Learner, encode_all
from unknot.representation.interaction import sample_actions
from unknot.representation.latent_moves import LatentMoves
from unknot.representation.scene_selectivity import SceneSelectivity

__all__ = ["changes", "find_moves", "looseness", "start_moves", "tightest", "variations"]

MOST_MOVES = 8
"""The most modes that count as moves: with a switch there are 6; an untrained encoder's codes have many."""
STARTS = 3
"""The most starts of a learner."""
LOOSE = 0.16
"""Mean distance of a move's variations from it, in the moves' mean length, at which a start is loose."""
LARGEST_SAMPLE = 2000
"""The most variations whose modes are looked for."""
SMALLEST_SHARE = 0.02
"""Share of the variations below which a cluster of them is no move."""


def start_moves(
    learner: Learner, made: tuple[Tensor, Tensor], seen: Mapping[str, Tensor], steps: int
) -> LatentMoves:
    """Find the moves among variations, and return a model that has yet to learn where they happen.

    Args:
        learner: whose codes the moves change.
        made: variations and the actions that made them, as `variations` returns them.
        seen: transitions, with the images `observation`.
        steps: updates that training will take; with none, moves always happen, and add up.
    """
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
    """Train from new starts until the variations lie close to their modes; keep the closest start.

    Planning needs variations that are the same everywhere. In some starts a toggle's is not. This shows in
    the variations alone: no factor is used.

    Args:
        learner: the first start, untrained.
        learn: trains a learner in a folder of that name.
        seen: transitions.
        seed: of the other starts.

    Returns:
        The learner and its variations, as `variations` returns them.
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
    """Return how far the loosest move's variations lie from it on average, in the moves' mean length.

    Args:
        variations: (n, dim); each belongs to the nearest move.
        moves: (m, dim).
    """
    distances, nearest = torch.cdist(variations.double(), torch.from_numpy(moves)).min(1)
    loosest = max(float(distances[nearest == k].mean()) for k in range(len(moves)) if (nearest == k).any())
    return loosest / float(np.linalg.norm(moves, axis=1).mean())


@torch.no_grad()
def variations(learner: Learner, seen: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the variations h' − h (n, dim) that policies of sampled factors make, and their actions (n,).

    These are the transitions whose action a sampled factor's policy takes as well; all of them for a learner
    without factors.
    """
    if not isinstance(learner, SceneSelectivity):
        return changes(learner, seen)
    h = encode_all(learner, seen["observation"])
    after = encode_all(learner, seen["next_observation"])
    policy = learner.log_policy(h, learner.generate(h, 1), seen["action_mask"])[:, 0].exp()
    rows = sample_actions(policy)[0] == seen["action"]
    return (after - h)[rows], seen["action"][rows]


def changes(learner: Learner, seen: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the changes h' − h (n, dim) of all transitions, and their actions (n,)."""
    h, after = (encode_all(learner, seen[name]) for name in ("observation", "next_observation"))
    return after - h, seen["action"]


def find_moves(variations: Tensor, actions: Tensor) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Find the modes of the density of variations, by mean shift; the bandwidth is half their median length.

    Args:
        variations: (n, dim).
        actions: (n,), that made them.

    Returns:
        The modes' means (modes, dim), the largest mode first, and the action (modes,) that made each most
        often.
    """
    every = -(-len(variations) // LARGEST_SAMPLE)
    points, made_by = variations[::every].double().numpy(), actions[::every].numpy()
    bandwidth = float(np.median(np.linalg.norm(points, axis=1))) / 2
    labels = MeanShift(bandwidth=bandwidth, bin_seeding=True).fit_predict(points)
    modes = [rows for k in range(labels.max() + 1) if (rows := labels == k).mean() >= SMALLEST_SHARE]
    modes = sorted(modes, key=np.sum, reverse=True)[:MOST_MOVES]
    means = np.stack([points[rows].mean(0) for rows in modes])
    return means, np.array([np.bincount(made_by[rows]).argmax() for rows in modes])

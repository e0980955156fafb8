"""Where policies of three steps lead in the open maze, and how well that is predicted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.envs.maze_world import STEPS
from unknot.experiments.controllable_factors.mazes import SIZE, make_maze
from unknot.representation.interaction import sample_actions
from unknot.representation.multistep_selectivity import MultistepSelectivity
from unknot.representation.selectivity import Selectivity

HORIZON = 3
"""Steps of a policy."""
FACTORS = 128
"""Factors that are sampled from each start to measure what they reach."""
FIRST_TRIAL = 1_000_000
"""Seed of the first held-out trial; training has other seeds."""
ACCURACY, ENTROPY = 0.95, 0.8
"""The bar: shares of the trials, and of the logarithm of the number of cells that can be reached."""


@dataclass(frozen=True)
class Board:
    """The image of each cell, and what can be done there."""

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
    """Render every cell and try every action there."""
    cells = np.argwhere(np.ones((SIZE, SIZE)))
    env = make_maze(len(cells), "open", STEPS)
    after = []
    for action in range(len(STEPS)):
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
    """Measure which cells are reached, over starts.

    Args:
        outcomes: (starts, n, cells), where each of n equally likely policies leads.
        reachable: (starts,), how many cells can be reached, at least 2.

    Returns:
        Means over starts: `entropy` of the cells reached, and `information`, by which knowing the policy
        lowers it, both as shares of the logarithm of the number reachable; `behaviours`, the number of
        distinct policies that would have that information, exp(it).
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
def measure(learner: Selectivity, trials: int, seed: int) -> dict[str, Any]:
    """Measure predictions of where three steps lead, and which cells are reached."""
    board = survey()
    torch.manual_seed(seed)
    reachable, codes = board.reachable(), learner.encode(board.images)
    start = torch.arange(len(codes)).repeat_interleave(FACTORS)
    phi = learner.generate(codes, FACTORS).flatten(0, 1)
    outcomes = propagate(board, policies(learner, board, codes, start, phi), start)
    begun, ended, predicted = try_out(learner, trials, seed)
    pixels = torch.as_tensor(board.images).flatten(1) / 255
    shown = torch.cdist(learner.decode(predicted).flatten(1), pixels).argmin(1).numpy()
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
    """Return what policies of factors (n, K) begun at cells (n,) do at every cell: (n, cells, actions)."""
    left = aim(learner, phi[:, None], codes[start][:, None], codes)
    left = left.expand(-1, len(codes), -1)
    return learner.log_policy(codes, left[..., None, :], board.mask)[..., 0, :].exp()


def aim(learner: Selectivity, phi: Tensor, start: Tensor, now: Tensor) -> Tensor:
    """Return what a policy sees at `now`: φ, or for ours what is left of it."""
    return phi - (now - start) if isinstance(learner, MultistepSelectivity) else phi


def try_out(
    learner: Selectivity, trials: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Tensor]:
    """Sample a factor in each trial, predict, and act by it for three steps.

    Returns:
        Cells at the start and the end, (trials,) each, and T(h, φ), (trials, K).
    """
    env = make_maze(trials, "open", STEPS)
    observation, info = env.reset(seed=FIRST_TRIAL + seed)
    begun, start = cell_numbers(info), learner.encode(observation)
    phi = learner.generate(start, 1)[:, 0]
    *_, (_, last) = follow(learner, phi, env, observation, info)
    env.close()
    return begun, cell_numbers(last), learner.step(start, phi)


def follow(
    learner: Selectivity, phi: Tensor, env: Any, observation: NDArray[np.uint8], info: Mapping[str, Any]
) -> Iterator[tuple[NDArray[np.uint8], Mapping[str, Any]]]:
    """Act by factors (n, K) for three steps, from what a reset returned; yield the image and info of each."""
    start = learner.encode(observation)
    for _ in range(HORIZON):
        now, mask = learner.encode(observation), torch.as_tensor(info["action_mask"]).bool()
        left = aim(learner, phi, start, now)
        action, _ = sample_actions(learner.log_policy(now, left[:, None], mask)[:, 0].exp())
        observation, *_, info = env.step(action.numpy(force=True))
        yield observation, info

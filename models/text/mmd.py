"""Moves of codes from one set towards another by the maximum mean discrepancy (Gardner et al., 2015)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import above, at_least, count, require

__all__ = ["median_bandwidth", "move_code", "move_codes", "witness"]

Codes = NDArray[np.float64]


def median_bandwidth(source: Codes, target: Codes) -> float:
    """Return σ, the median squared distance between any two codes of both sets, (m, d) and (n, d)."""
    both = np.concatenate([source, target])
    apart = _squared_distances(both, both)[np.triu_indices(len(both), 1)]
    return float(np.median(apart))


def witness(codes: Codes, source: Codes, target: Codes, bandwidth: float) -> NDArray[np.float64]:
    """Return f*, which is high where codes are like the source's and low where they are like the target's.

    Gretton et al., "A kernel two-sample test", 2012, as in Larsson et al., 2017, eq. 2: the mean kernel with
    the source less that with the target. The kernel is exp(-|x - x'|² / 2σ).

    Args:
        codes: (k, d).
        source: (m, d).
        target: (n, d).
        bandwidth: σ, a squared distance.

    Returns:
        (k,), from -1 to 1.
    """
    above(0, bandwidth=bandwidth)
    near, far = (_kernel(codes, each, bandwidth).mean(1) for each in (source, target))
    values: NDArray[np.float64] = near - far
    return values


def move_code(code: Codes, source: Codes, target: Codes, price: float) -> Codes:
    """Return z + Vδ, where a code is least like the source and most like the target, for a price.

    Larsson, Nilsson and Kågebäck, 2017, section 3.2: δ minimises f*(z + Vδ) + λ|Vδ|², V the codes of both
    sets and z; by BFGS, with little memory. λ is the price over |z|², so that the price of a move as long
    as the code itself is in units of f*. σ is the median squared distance. The gradient is a sum of the
    columns of V, so that Vδ itself is searched for and never leaves their span.

    Args:
        code: z, (d,).
        source: (m, d).
        target: (n, d).
        price: λ|z|², the budget of change; the higher, the less it moves.

    Returns:
        The new code, (d,).
    """
    require("learn", "scipy")
    from scipy.optimize import minimize

    at_least(0, price=price)
    sigma = median_bandwidth(source, target)
    if not sigma:  # all codes are the same: nowhere to go
        return code.copy()
    points = np.concatenate([source, target])
    signs = np.repeat([1 / len(source), -1 / len(target)], [len(source), len(target)])
    scale = float(np.linalg.norm(code)) or 1.0

    def cost(move: Codes) -> tuple[float, Codes]:
        """Return the sum to be minimised, of a move in lengths of the code, and its gradient."""
        there = code + scale * move
        pulls = signs * _kernel(there[None], points, sigma)[0]
        slope = (pulls @ points - pulls.sum() * there) * (scale / sigma)
        return float(pulls.sum() + price * move @ move), slope + 2 * price * move

    found: Any = minimize(cost, np.zeros_like(code), jac=True, method="L-BFGS-B")
    moved: Codes = code + scale * found.x
    return moved


def move_codes(
    codes: Codes, known: Sequence[Codes], wanted: NDArray[np.int64], price: float, neighbours: int
) -> Codes:
    """Move each code (see `move_code`) from codes with other values towards those with the wanted one.

    Args:
        codes: (n, d).
        known: for each value codes that have it, (any number, d).
        wanted: the value that each is to get, (n,).
        price: of a move.
        neighbours: how many of the known codes make each of the two sets: the nearest to the code.

    Returns:
        (n, d). Without codes on both sides a code stays where it is.
    """
    count(1, neighbours=neighbours)
    moved = codes.copy()
    for row, (code, value) in enumerate(zip(codes, wanted, strict=True)):
        others = np.concatenate([each for k, each in enumerate(known) if k != value])
        if len(others) and len(known[value]):
            source, target = (_nearest(each, code, neighbours) for each in (others, known[value]))
            moved[row] = move_code(code, source, target, price)
    return moved


def _nearest(codes: Codes, code: Codes, n: int) -> Codes:
    """Return the n codes, or all there are, that are nearest to one."""
    order = np.argsort(_squared_distances(code[None], codes)[0], kind="stable")
    nearest: Codes = codes[order[:n]]
    return nearest


def _kernel(codes: Codes, others: Codes, bandwidth: float) -> NDArray[np.float64]:
    values: NDArray[np.float64] = np.exp(-_squared_distances(codes, others) / (2 * bandwidth))
    return values


def _squared_distances(codes: Codes, others: Codes) -> NDArray[np.float64]:
    squares = (codes**2).sum(1)[:, None] + (others**2).sum(1) - 2 * codes @ others.T
    distances: Codes = np.maximum(squares, 0.0)
    return distances

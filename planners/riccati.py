"""iLQR's backward pass: linear-quadratic problems with control limits, many at once, backwards in time.

It runs in NumPy on the CPU, wherever the dynamics run: the matrices are small and one time needs the next, so
that calls decide its duration, and NumPy's are the fastest. Problems are the last axis, `rows`: products of
small matrices are then sums of a few long products.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[Any]
"""float32 or float64."""


class Law(NamedTuple):
    """The controls that solve each problem, k + K z for a state z, and what they gain."""

    k: Array
    """(T, m, rows)."""
    K: Array
    """(T, m, n, rows)."""
    decrease: Array
    """(rows,), by how much k lowers the cost; NaN where a control Hessian is not positive definite."""


def as_array(tensor: Tensor) -> Array:
    """Return a tensor as an array, of float32 where NumPy has no such precision or it is too low."""
    exact = tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()
    array: Array = exact.numpy(force=True)
    return array


def solve(F: Array, gradient: Array, hessian: Array, damping: Array, room: tuple[Array, Array] | None) -> Law:
    """Minimise the cost's quadratic model over controls u_t within `room`, where z_(t+1) = F_t (z_t, u_t).

    Args:
        F: (T, n, n + m, rows).
        gradient: (T + 1, n + m, rows), by state and control joined; the last has no control.
        hessian: (T + 1, n + m, n + m, rows).
        damping: (rows,), added to each control Hessian's diagonal, in units of its mean absolute value.
        room: the lowest and the highest control, (T, m, rows) each.
    """
    n = F.shape[1]
    # Columns are the state's, a constant's and the control's, so that slopes come with their constant.
    linear = np.insert(F, n, 0.0, axis=2)
    quadratic = np.concatenate([hessian[:, :, :n], gradient[:, :, None], hessian[:, :, n:]], 2)
    value = quadratic[-1, :n, : n + 1]
    damped = damping.any()
    parts: list[tuple[Array, ...]] = []
    with np.errstate(all="ignore"):  # of problems that need more damping
        for t in range(len(F) - 1, -1, -1):
            ahead = _product(value[:, :n], linear[t])
            ahead[:, n] += value[:, n]
            Q = quadratic[t] + _product(F[t], ahead)
            S, Quu = Q[n:, : n + 1], Q[n:, n + 1 :]
            extra = _damp(Quu, damping) if damped else 0.0
            P, law = _control(Quu, S, None if room is None else (room[0][t], room[1][t]))
            parts.append((P[:, n], law, S[:, n], Quu))
            # Where the control is free, Quu P = -S; where a limit holds it, its slope K is zero. So
            # [V v] = [Qxx qx] + S_x' P + K' S + K' Quu P, without the damping, reduces to this.
            value = Q[:n, : n + 1] + _product(S[:, :n] - extra * P[:, :n], P)
        k, law, slope, curvature = (np.stack(part) for part in zip(*reversed(parts), strict=True))
        decrease = -(k * (slope + _applied(curvature, k[:, None]) / 2)).sum((0, 1))
        return Law(law[:, :, n], law[:, :, :n], np.where(_positive(curvature), decrease, np.nan))


def _product(left: Array, right: Array) -> Array:
    """Return left' right (a, b, rows) of (i, a, rows) and (i, b, rows)."""
    product: Array = np.add.reduce(left[:, :, None] * right[:, None], 0)
    return product


def _applied(matrices: Array, vectors: Array) -> Array:
    """Return matrices (..., m, m, rows) times vectors (..., 1, m, rows)."""
    applied: Array = np.add.reduce(matrices * vectors, -2)
    return applied


def _damp(Quu: Array, damping: Array) -> Array:
    """Add to the diagonal of control Hessians (m, m, rows), in place; return what was added (rows,)."""
    diagonal = np.einsum("iir->ir", Quu)  # a view
    extra: Array = damping * (np.add.reduce(np.abs(diagonal), 0) / len(diagonal))  # faster than `mean`
    diagonal += extra
    return extra


def _control(Quu: Array, S: Array, room: tuple[Array, Array] | None) -> tuple[Array, Array]:
    """Minimise k' Quu k / 2 + k' q with k within `room`, where S = [Qux q].

    Returns:
        [K k], (m, n + 1, rows): the control and its slope by the state, which is zero where a limit holds
        the control; and the control law: the same, except that a held control gets the value it would have
        without its limit. Clipping restores the limit, unless the state is far enough from the old plan.
    """
    P = -np.add.reduce(_inverse(Quu)[:, :, None] * S, 1)
    if room is None:
        return P, P
    k = _clipped(P[:, -1], *room)
    if (k == P[:, -1]).all():
        return P, P
    box = _box_of_two if len(k) <= 2 else _box_of_many
    return box(Quu, S, P, k, *room)


def _beside(matrix: Array, vector: Array) -> Array:
    return np.concatenate([matrix, vector[:, None]], 1)


def _clipped(k: Array, low: Array, high: Array) -> Array:
    clipped: Array = np.minimum(np.maximum(k, low), high)  # np.clip takes several times as long
    return clipped


def _box_of_two(Quu: Array, S: Array, P: Array, k: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Return `_control` for at most two controls, exactly, from the free optimum P and its clipped value k.

    At least one control of k is then optimal, and one step of the other along its own axis finds the
    optimum. There, a control is held if another such step would cross its limit.
    """
    diagonal, q, optimal = np.einsum("iir->ir", Quu), S[:, -1], (k == P[:, -1]).all(0)
    k = np.where(optimal, k, _clipped(k - (q + _applied(Quu, k)) / diagonal, low, high))
    lifted = k - (q + _applied(Quu, k)) / diagonal
    free = optimal | ((lifted >= low) & (lifted <= high))
    K = np.where(free.all(0), P[:, :-1], -S[:, :-1] / diagonal[:, None])
    return _beside(K * free[:, None], k), _beside(K, np.where(free, k, lifted))


def _box_of_many(Quu: Array, S: Array, P: Array, k: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Return `_control` by projected Newton steps from k (Tassa et al. 2014, their algorithm 1)."""
    eye = np.eye(len(k), dtype=k.dtype)[..., None]
    fractions = np.array([1.0, 0.5, 0.1, 0.01, 0.0], k.dtype)[:, None, None]
    for _ in range(4 * len(k)):
        free, slope = _free(Quu, S[:, -1], k, low, high)
        inverse = _inverse(np.where(free[:, None] & free, Quu, eye))
        change = -_applied(inverse, slope * free) * free
        tries = _clipped(k + fractions * change, low, high)
        values = (tries * (_applied(Quu, tries[:, None]) / 2 + S[:, -1])).sum(1)
        k = np.take_along_axis(tries, values.argmin(0)[None, None], 0)[0]
    free, slope = _free(Quu, S[:, -1], k, low, high)
    inverse = _inverse(np.where(free[:, None] & free, Quu, eye))
    K = -np.add.reduce(inverse[:, :, None] * (S[:, :-1] * free[:, None]), 1)
    diagonal = np.einsum("iir->ir", Quu)
    lifted = _beside(-S[:, :-1] / diagonal[:, None], k - slope / diagonal)
    return _beside(K, k), np.where(free[:, None], _beside(K, k), lifted)


def _free(Quu: Array, q: Array, k: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Return which controls are held by no limit, and the slope of the cost at k."""
    slope = q + _applied(Quu, k)
    return ~(((k <= low) & (slope > 0)) | ((k >= high) & (slope < 0))), slope


def _inverse(matrices: Array) -> Array:
    """Invert symmetric matrices (m, m, rows); the result for singular ones is undefined."""
    m = len(matrices)
    if m == 1:
        inverse: Array = 1 / matrices
        return inverse
    if m == 2:
        a, b, c = matrices[0, 0], matrices[0, 1], matrices[1, 1]
        inverse = np.empty_like(matrices)
        inverse[0, 0], inverse[1, 1], inverse[0, 1] = c, a, -b
        inverse[1, 0] = inverse[0, 1]
        inverse /= a * c - b * b
        return inverse
    first = torch.from_numpy(np.moveaxis(matrices, -1, 0).copy())
    inverse = torch.linalg.inv_ex(first).inverse.numpy()  # NumPy's raises for one that is singular
    return np.moveaxis(inverse, 0, -1)


def _positive(matrices: Array) -> NDArray[np.bool_]:
    """Return, for each row, whether all its matrices (T, m, m, rows) are positive definite."""
    m = matrices.shape[1]
    if m <= 2:
        a, b, c = matrices[:, 0, 0], matrices[:, 0, -1], matrices[:, -1, -1]
        minor = a * c - b * b if m == 2 else a
        positive: NDArray[np.bool_] = ((a > 0) & (minor > 0)).all(0)
        return positive
    finite = np.isfinite(matrices).all((1, 2), keepdims=True)
    safe = torch.from_numpy(np.moveaxis(np.where(finite, matrices, 0.0), -1, 1).copy())
    definite: NDArray[np.bool_] = (torch.linalg.cholesky_ex(safe).info == 0).numpy().all(0)
    return definite

"""Derivatives of functions that compute each row independently, by a few backward passes for all rows."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from unknot.planners.base import Dynamics, moved

_CPU_ROWS = 2048
"""Rows computed at once on a CPU: the hidden layers of so many rows fit into its cache."""


def pieces(rows: Tensor) -> tuple[Tensor, ...]:
    """Split rows (rows, ...) into parts of the size that is fastest to compute at once."""
    return torch.split(rows, _CPU_ROWS if rows.device.type == "cpu" else max(len(rows), 1))


@runtime_checkable
class Linearizable(Protocol):
    """A dynamics with its own derivative; it is called while torch records no gradients."""

    def linearize(self, z: Tensor, u: Tensor, /) -> tuple[Tensor, Tensor, Tensor]:
        """Return A (rows, dim, dim), B (rows, dim, action dim), c (rows, dim): step is near A z + B u + c."""
        ...


def linearize(dynamics: Dynamics, z: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """Return the Jacobians A (rows, dim, dim) and B (rows, dim, action dim) of a step at z and u.

    They come from `dynamics.linearize` if it exists, from automatic differentiation otherwise.

    Raises:
        ValueError: The step cannot be differentiated, or `linearize` returns wrong shapes.
    """
    parts = [
        _own_jacobians(dynamics, *part) if isinstance(dynamics, Linearizable) else _jacobians(dynamics, *part)
        for part in zip(pieces(z), pieces(u), strict=True)
    ]
    A, B = (torch.cat(part) for part in zip(*parts, strict=True))
    return A, B


def _own_jacobians(dynamics: Linearizable, z: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    A, B, _ = dynamics.linearize(z.clone(), u.clone())
    wanted = ((*z.shape, z.shape[1]), (*z.shape, u.shape[1]))
    if (A.shape, B.shape) != wanted:
        raise ValueError(
            f"dynamics.linearize must return A and B of the shapes {wanted}, "
            f"not {tuple(A.shape)} and {tuple(B.shape)}"
        )
    return A.detach(), B.detach()


def _jacobians(dynamics: Dynamics, z: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        inputs = (z.detach().requires_grad_(), u.detach().requires_grad_())
        following = moved(dynamics, *inputs)
        if not following.requires_grad:
            raise ValueError(
                "dynamics.step must return a result that can be differentiated: let it record gradients, "
                "or give the dynamics a method linearize(z, u) -> A, B, c"
            )
        A, B = rows_jacobian(following, inputs)
    return A, B


def rows_jacobian(output: Tensor, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """Differentiate each row of output (rows..., k) by the same row of every input (rows..., size).

    Returns:
        A Jacobian (rows..., k, size) for each input, detached; zero if the output does not depend on it.
    """
    size = output.shape[-1]
    if not output.requires_grad:
        return [x.new_zeros(*x.shape[:-1], size, x.shape[-1]) for x in inputs]
    passes = [
        torch.autograd.grad(
            output,
            inputs,
            one.expand_as(output),
            retain_graph=True,
            materialize_grads=True,
            allow_unused=True,
        )
        for one in torch.eye(size).to(output)
    ]
    return [torch.stack(columns, -2).detach() for columns in zip(*passes, strict=True)]


def psd(matrices: Tensor) -> Tensor:
    """Return the nearest positive semidefinite matrices to symmetric ones (..., n, n).

    A matrix with an entry that is not finite becomes NaN; the others are not affected.
    """
    symmetric = (matrices + matrices.mT) / 2
    n = matrices.shape[-1]
    if n == 1:
        return symmetric.clamp(min=0)
    if n == 2:
        return _psd_of_two(symmetric)
    finite = symmetric.isfinite().all(-1).all(-1)[..., None, None]
    values, vectors = torch.linalg.eigh(torch.where(finite, symmetric, 0.0))
    nearest = (vectors * values.clamp(min=0)[..., None, :]) @ vectors.mT
    return torch.where(finite, nearest, torch.nan)


def _psd_of_two(H: Tensor) -> Tensor:
    """Keep the positive eigenvalues of 2 x 2 matrices; `eigh` is slow on many small ones."""
    a, b, c = H[..., 0, 0], H[..., 0, 1], H[..., 1, 1]
    mean, radius = (a + c) / 2, torch.hypot((a - c) / 2, b)
    small, large = (mean - radius)[..., None, None], (mean + radius)[..., None, None]
    eye = torch.eye(2, dtype=H.dtype, device=H.device)
    tiny = torch.finfo(H.dtype).tiny
    mixed = large * (H - small * eye) / (large - small).clamp(min=tiny)
    return torch.where(small >= 0, H, torch.where(large <= 0, 0.0, mixed))

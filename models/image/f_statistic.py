r"""The F-statistic loss: classes are separate if their separation would be unlikely for a single class.

Ridgeway and Mozer, "Learning deep disentangled embeddings with the F-statistic loss", 2018 (2017 as
"Discovering disentangled representations with the F statistic loss").

```
@inproceedings{ridgeway2018learning,
  title={Learning Deep Disentangled Embeddings With the {F}-Statistic Loss},
  author={Ridgeway, Karl and Mozer, Michael C.},
  booktitle={Advances in Neural Information Processing Systems}, year={2018}}
```
"""

from typing import Any

import torch
from scipy.special import betainc, betaln
from torch import Tensor

from unknot.checks import within

__all__ = ["f_statistic_loss", "incomplete_beta", "separation"]

EPSILON = 1e-6
"""Least probability in logarithms, and least distance of a beta argument from 0 and 1."""


class _IncompleteBeta(torch.autograd.Function):
    """I(x; a, b) by SciPy, in float64, with its derivative in x, x^(a-1) (1-x)^(b-1) / B(a, b)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(x, a, b)
        return _as(betainc(*(each.detach().double().cpu().numpy() for each in (a, b, x))), x)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None, None]:
        x, a, b = ctx.saved_tensors
        logarithm = (a - 1) * x.log() + (b - 1) * (-x).log1p()
        scale = _as(betaln(a.double().cpu().numpy(), b.double().cpu().numpy()), x)
        return gradients[0] * (logarithm - scale).exp(), None, None


def _as(array: Any, like: Tensor) -> Tensor:
    return torch.as_tensor(array, dtype=like.dtype, device=like.device)


def incomplete_beta(x: Tensor, a: Tensor | float, b: Tensor | float) -> Tensor:
    """Return the regularised incomplete beta function I(x; a, b), differentiable in x.

    Args:
        x: in (0, 1).
        a: positive, broadcast with x.
        b: positive, broadcast with x.
    """
    a, b = (torch.as_tensor(each).to(x) for each in (a, b))
    x, a, b = torch.broadcast_tensors(x, a, b)  # type: ignore[no-untyped-call]
    result: Tensor = _IncompleteBeta.apply(x, a, b)  # type: ignore[no-untyped-call]
    return result


def separation(codes: Tensor, labels: Tensor) -> Tensor:
    """Return Pr(S < s | equal means), eq. 1, of every pair of classes in every dimension.

    Args:
        codes: (n, dimensions).
        labels: (n,), integers; each class has at least 2 rows.

    Returns:
        (pairs, dimensions), pairs in the order of `torch.combinations` of the sorted classes.

    Raises:
        ValueError: fewer than two classes, or a class of a single row.
    """
    classes, index, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    if len(classes) < 2 or int(counts.min()) < 2:
        raise ValueError(f"labels must have 2 classes of 2 rows at least, not {counts.tolist()} rows")
    one_hot = torch.nn.functional.one_hot(index).to(codes)
    means = one_hot.T @ codes / counts[:, None]
    within = one_hot.T @ (codes - means[index]).square()
    first, second = torch.combinations(torch.arange(len(classes), device=codes.device)).T
    grand = (means[first] + means[second]) / 2
    between = sum(counts[k][:, None] * (means[k] - grand).square() for k in (first, second))
    freedom = (counts[first] + counts[second] - 2).to(codes)[:, None]
    # s / (s + ñ) with s = ñ between / within
    x = between / (between + within[first] + within[second] + 1e-12)
    return incomplete_beta(x.clamp(EPSILON, 1 - EPSILON), 0.5, freedom / 2)


def f_statistic_loss(codes: Tensor, labels: Tensor, dimensions: int) -> Tensor:
    """Return -Σ ln Pr over the d dimensions that separate a pair best, as a mean over pairs of classes.

    The paper sums over pairs; the mean does not depend on the number of classes in a batch.

    Args:
        codes: (n, k).
        labels: (n,), integers; each class has at least 2 rows.
        dimensions: d, from 1 to k.

    Raises:
        ValueError: see `separation`; d out of range.
    """
    within(1, codes.shape[1], dimensions=dimensions)
    best = separation(codes, labels).topk(dimensions, dim=1).values
    return -best.clamp(min=EPSILON).log().sum(1).mean()

"""Bounds of log variances."""

import torch

from unknot.representation.gaussian import bounded


def test_bounds_hold_with_a_slope_everywhere_and_change_little_between_them() -> None:
    values = torch.tensor([-12.0, -6.0, -1.0, 4.0, 10.0], requires_grad=True)
    within = bounded(values, -6.0, 4.0)
    assert (within > -6).all()
    assert (within < 4).all()
    torch.testing.assert_close(within[2], torch.tensor(-1.0), atol=0.01, rtol=0)
    (slope,) = torch.autograd.grad(within.sum(), values)
    assert (slope > 1e-3).all()

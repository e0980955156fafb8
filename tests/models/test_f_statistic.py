import math

import numpy as np
import pytest
import torch
from scipy import special, stats

from unknot.models.image.f_statistic import f_statistic_loss, incomplete_beta, separation


def test_the_incomplete_beta_function_and_its_derivative() -> None:
    x = torch.tensor([0.01, 0.3, 0.8, 0.99], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([0.5, 3.0, 9.0, 40.0], dtype=torch.float64)
    np.testing.assert_allclose(
        incomplete_beta(x, 0.5, b).detach(), special.betainc(0.5, b.numpy(), x.detach().numpy()), rtol=1e-12
    )
    assert torch.autograd.gradcheck(lambda x: incomplete_beta(x, 0.5, b), x)


def test_separation_is_the_f_test_of_two_means() -> None:
    rng = np.random.default_rng(0)
    groups = [rng.normal(mean, 1, (count, 3)) for mean, count in ((0.0, 6), (0.4, 9), (2.0, 4))]
    codes = torch.from_numpy(np.concatenate(groups))
    labels = torch.tensor([3] * 6 + [5] * 9 + [7] * 4)
    for row, (i, j) in zip(separation(codes, labels), ((0, 1), (0, 2), (1, 2)), strict=True):
        if len(groups[i]) == len(groups[j]):
            expected = 1 - stats.f_oneway(groups[i], groups[j]).pvalue
        else:  # the grand mean is that of the class means, as the paper defines it
            first, second = groups[i], groups[j]
            grand = (first.mean(0) + second.mean(0)) / 2
            between = sum(len(g) * (g.mean(0) - grand) ** 2 for g in (first, second))
            within = sum(((g - g.mean(0)) ** 2).sum(0) for g in (first, second))
            freedom = len(first) + len(second) - 2
            expected = stats.f.cdf(freedom * between / within, 1, freedom)
        np.testing.assert_allclose(row, expected, rtol=1e-6)


def test_with_equal_counts_it_is_the_textbook_test() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(0, 1, (8, 2)), rng.normal(0.5, 1, (8, 2))
    codes = torch.from_numpy(np.concatenate([first, second]))
    found = separation(codes, torch.arange(2).repeat_interleave(8))[0]
    np.testing.assert_allclose(found, 1 - stats.f_oneway(first, second).pvalue, rtol=1e-6)


def test_the_loss_takes_the_dimensions_that_separate_best() -> None:
    rng = np.random.default_rng(2)
    codes = torch.from_numpy(rng.normal(size=(20, 4)))
    labels = torch.arange(2).repeat_interleave(10)
    codes[:10, 2] += 3
    probabilities = separation(codes, labels)[0].sort(descending=True).values
    assert f_statistic_loss(codes, labels, 1).item() == pytest.approx(-math.log(float(probabilities[0])))
    assert f_statistic_loss(codes, labels, 3).item() == pytest.approx(
        -float(probabilities[:3].log().sum()), rel=1e-6
    )


def test_its_gradient_agrees_with_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(9, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    labels = torch.tensor([0, 0, 0, 1, 1, 1, 1, 2, 2])
    assert torch.autograd.gradcheck(lambda codes: f_statistic_loss(codes, labels, 2), codes)


def test_it_ignores_the_scale_and_saturates_once_classes_are_separate() -> None:
    codes = torch.randn(20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(2).repeat_interleave(10)
    loss = f_statistic_loss(codes, labels, 2).item()
    assert f_statistic_loss(7 * codes + 1, labels, 2).item() == pytest.approx(loss)
    codes[:10] += 20
    assert f_statistic_loss(codes, labels, 2).item() < 1e-9 < 1e-2 < loss


@pytest.mark.parametrize(
    ("labels", "dimensions", "message"),
    [
        ([0, 0, 0, 0], 1, "2 classes"),
        ([0, 0, 0, 1], 1, "2 rows"),
        ([0, 0, 1, 1], 3, "from 1 to 2, not 3"),
    ],
)
def test_classes_that_cannot_be_compared_are_refused(
    labels: list[int], dimensions: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        f_statistic_loss(torch.randn(4, 2), torch.tensor(labels), dimensions)

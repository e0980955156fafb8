import numpy as np
import pytest
import torch
from torch import nn

from unknot.models.penalties import PENALTIES, LayerPenalty, covariance_penalty, l1_penalty


def test_penalties_match_a_calculation_by_hand() -> None:
    # Columns (0, 2), (0, -4), (1, 1): centred ±1, ∓2, 0, so C = [[2, -4, 0], [-4, 8, 0], [0, 0, 0]].
    activations = torch.tensor([[0.0, 0.0, 1.0], [2.0, -4.0, 1.0]])
    assert covariance_penalty(activations).item() == pytest.approx((2 + 4 + 4 + 8) / 9)
    assert l1_penalty(activations).item() == pytest.approx(8 / 6)


def test_it_is_the_norm_of_the_sample_covariance_whatever_the_mean() -> None:
    activations = torch.randn(50, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = np.abs(np.cov(activations.numpy(), rowvar=False)).sum() / 36
    assert covariance_penalty(activations).item() == pytest.approx(expected)
    assert covariance_penalty(activations + 7).item() == pytest.approx(expected)
    assert covariance_penalty(activations.expand(3, -1, -1)).tolist() == pytest.approx([expected] * 3)


@pytest.mark.parametrize("name", PENALTIES)
def test_its_gradient_agrees_with_finite_differences(name: str) -> None:
    activations = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.autograd.gradcheck(PENALTIES[name], activations.requires_grad_())


def test_one_row_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 rows, not 1"):
        covariance_penalty(torch.zeros(1, 3))


def test_any_layers_of_any_model_are_penalised() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3))
    penalty = LayerPenalty([model[0], model[3]])
    images = torch.randn(6, 1, 4, 4)
    output = model(images)
    expected = covariance_penalty(model[0](images).flatten(1)) + covariance_penalty(output)
    output = model(images)
    assert penalty().item() == pytest.approx(expected.item())
    with pytest.raises(RuntimeError, match="forward pass"):
        penalty()
    penalty.remove()
    model(images)
    with pytest.raises(RuntimeError, match="forward pass"):
        penalty()


def test_wrong_penalties_are_refused() -> None:
    with pytest.raises(ValueError, match="covariance"):
        LayerPenalty([nn.Linear(2, 2)], "covarance")
    with pytest.raises(ValueError, match="at least one"):
        LayerPenalty([])

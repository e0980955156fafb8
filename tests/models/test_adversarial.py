"""Losses of adversarial training, by hand and by finite differences."""

import pytest
import torch
from torch import Tensor, nn

from unknot.models.adversarial import (
    density_ratio_loss,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    moving_average,
    r1_penalty,
    translated,
    wasserstein_distance,
    wasserstein_generator_loss,
)


def test_the_wasserstein_losses_are_mean_scores() -> None:
    real, generated = torch.tensor([3.0, 5.0]), torch.tensor([1.0, 2.0, 6.0])
    assert float(wasserstein_distance(real, generated)) == 1
    assert float(wasserstein_generator_loss(generated)) == -3


def test_the_density_ratio_loss_is_a_cross_entropy_and_least_at_the_log_ratio() -> None:
    real, other = torch.tensor([0.5, -1.0]), torch.tensor([2.0])
    by_hand = -(real.sigmoid().log().mean() + (1 - other.sigmoid()).log().mean()) / 2
    torch.testing.assert_close(density_ratio_loss(real, other), by_hand)
    # 3 of 4 samples of p, and 1 of 4 of q, are of one kind, the others of another.
    kinds_of_p, kinds_of_q = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 1, 1, 1])
    log_odds = torch.tensor([3.0, 1 / 3]).log().requires_grad_()
    (gradient,) = torch.autograd.grad(
        density_ratio_loss(log_odds[kinds_of_p], log_odds[kinds_of_q]), log_odds
    )
    torch.testing.assert_close(gradient, torch.zeros(2), atol=1e-6, rtol=0)


def test_the_losses_of_the_game_are_log_probabilities() -> None:
    real, generated = torch.tensor([0.5, -1.0]), torch.tensor([2.0])
    by_hand = -real.sigmoid().log().mean() - (1 - generated.sigmoid()).log().mean()
    torch.testing.assert_close(discriminator_loss(real, generated), by_hand)
    torch.testing.assert_close(generator_loss(generated), -generated.sigmoid().log().mean())


def test_r1_is_half_the_squared_slope_at_real_samples() -> None:
    weights = torch.tensor([3.0, 4.0])
    assert r1_penalty(lambda x: x @ weights, torch.zeros(5, 2)).item() == pytest.approx(12.5)
    real = torch.tensor([[3.0, 4.0], [0.0, 1.0]])  # the slope of x² / 2 is x
    assert r1_penalty(lambda x: x.square().sum(1) / 2, real).item() == pytest.approx((25 + 1) / 4)


def test_translation_moves_whole_images_and_repeats_their_edges() -> None:
    torch.manual_seed(0)
    image = torch.arange(16.0).view(1, 1, 4, 4).expand(200, 1, 4, 4)
    moved = translated(image, 1)
    corners = set(moved[:, 0, 1, 1].tolist())
    assert corners == {0, 1, 2, 4, 5, 6, 8, 9, 10}  # 5 moved by up to one pixel each way
    still = moved[moved[:, 0, 1, 1] == 5]
    assert torch.equal(still, image[: len(still)])
    up = moved[(moved[:, 0, 1, 1] == 9)]
    assert (up[:, 0, -1] == image[0, 0, -1]).all()


def test_a_moving_average_forgets_how_the_network_began_and_keeps_counts_whole() -> None:
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    average, plain = moving_average(network, 0.99), moving_average(network, 0.0)
    seen = []
    for value in (1.0, 2.0, 3.0):
        nn.init.constant_(network[0].weight, value)  # type: ignore[arg-type]
        network(torch.randn(4, 1))
        for each in (average, plain):
            each.update_parameters(network)
        seen.append(next(average.parameters()).item())
    second = 1 + (2 - 1) * 9 / 11
    assert seen == pytest.approx([1, second, second + (3 - second) * 9 / 12])
    assert next(plain.parameters()).item() == 3
    assert int(average.state_dict()["module.1.num_batches_tracked"]) == 3
    average.n_averaged.fill_(10_000)
    average.update_parameters(network)
    assert next(average.parameters()).item() == pytest.approx(0.99 * seen[-1] + 0.01 * 3)


def test_the_penalty_of_a_plane_is_its_slopes_distance_from_one() -> None:
    slope = torch.tensor([3.0, 4.0])
    real, generated = torch.randn(2, 10, 2)
    torch.testing.assert_close(gradient_penalty(lambda x: x @ slope, real, generated), torch.tensor(16.0))
    torch.testing.assert_close(
        gradient_penalty(lambda x: x @ (slope / 5), real, generated), torch.tensor(0.0)
    )


def test_the_penalty_is_between_real_and_generated_images() -> None:
    real, generated = torch.zeros(5000, 1), torch.full((5000, 1), 2.0)
    seen: list[Tensor] = []

    def critic(images: Tensor) -> Tensor:
        seen.append(images.detach())
        return images.square().sum(1) / 2  # whose slope at x is x

    torch.manual_seed(0)
    penalty = gradient_penalty(critic, real, generated)
    assert float(penalty.detach()) == pytest.approx(1 / 3, abs=0.02)  # of (x - 1)², x uniform in [0, 2]
    assert float(seen[0].min()) >= 0
    assert float(seen[0].max()) <= 2


def test_the_penaltys_gradient_matches_finite_differences() -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    real, generated = torch.randn(2, 6, 3, dtype=torch.float64)
    weight = critic[0].weight
    assert isinstance(weight, Tensor)

    def penalty() -> Tensor:
        torch.manual_seed(1)
        return gradient_penalty(lambda x: critic(x)[:, 0], real, generated)

    (gradient,) = torch.autograd.grad(penalty(), weight)
    step = 1e-6
    for row, column in [(0, 0), (2, 1), (3, 2)]:
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[row, column] += sign * step
            values.append(float(penalty().detach()))
            with torch.no_grad():
                weight[row, column] -= sign * step
        assert float(gradient[row, column]) == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4)

"""The methods of the variational family: their penalties against closed forms, their schedules."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from unknot.models import DIPVAE, VAE, BetaTCVAE, Blob, CapacityVAE, FactorVAE, VariationalAutoencoder, stream
from unknot.models.adversarial import dense_discriminator
from unknot.models.image.dip import covariance, identity_gap
from unknot.models.image.factor import discriminator_loss, permute_dims
from unknot.models.image.networks import gaussian_kl
from unknot.models.image.tc import total_correlation

SMALL: dict[str, Any] = {"shape": (16, 16, 1), "latent_dim": 3, "width": 4, "hidden": 8}
BATCH = stream(Blob(pixels=16), 8, seed=0)(0)


def make(method: Any, **settings: Any) -> Any:
    torch.manual_seed(0)
    narrow = {"discriminator_width": 8} if method is FactorVAE else {}
    return method(**SMALL | narrow | settings)


def moments(learner: VariationalAutoencoder) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    mean, log_variance = torch.randn(2, 8, learner.latent_dim)
    return mean, log_variance, mean + (log_variance / 2).exp() * torch.randn_like(mean)


def test_beta_weighs_the_kl() -> None:
    terms = {beta: make(VAE, beta=beta).penalty(*moments(make(VAE)))[0] for beta in (0, 1, 5)}
    mean, log_variance, _ = moments(make(VAE))
    assert terms[0] == 0
    torch.testing.assert_close(terms[1], gaussian_kl(mean, log_variance).sum() / 8)
    torch.testing.assert_close(terms[5], 5 * terms[1])


def test_capacity_rises_to_its_end_and_stays_there() -> None:
    learner = make(CapacityVAE, capacity=10.0, growth=4, gamma=2.0)
    targets = [float(learner.update(BATCH)["target"]) for _ in range(6)]
    assert targets == [0, 2.5, 5, 7.5, 10, 10]
    mean, log_variance, z = moments(learner)
    kl = gaussian_kl(mean, log_variance).sum() / 8
    torch.testing.assert_close(learner.penalty(mean, log_variance, z)[0], 2 * (kl - 10).abs())


def test_the_covariance_is_that_of_the_batch_and_the_gap_that_to_the_identity() -> None:
    codes = torch.randn(40, 3)
    expected = torch.from_numpy(np.cov(codes.numpy().T, bias=True)).float()
    torch.testing.assert_close(covariance(codes), expected)
    matrix = torch.tensor([[2.0, 0.5], [0.5, 0.0]])
    assert [float(gap) for gap in identity_gap(matrix)] == [0.5, 2.0]
    assert [float(gap) for gap in identity_gap(torch.eye(4))] == [0, 0]


@pytest.mark.parametrize("kind", ["I", "II"])
def test_dip_is_eq_5_of_means_or_by_the_law_of_total_covariance_of_codes(kind: str) -> None:
    learner = make(DIPVAE, kind=kind, off_diagonal=3.0, diagonal=5.0, momentum=0.0)
    mean, log_variance, z = moments(learner)
    matrix = covariance(mean)
    if kind == "II":  # of many samples of z
        samples = mean + (log_variance / 2).exp() * torch.randn(20_000, *mean.shape)
        sampled = covariance(samples.flatten(0, 1))
        matrix = matrix + torch.diag(log_variance.exp().mean(0))
        torch.testing.assert_close(sampled, matrix, atol=0.05, rtol=0.05)
    off_diagonal, diagonal = identity_gap(matrix)
    expected = gaussian_kl(mean, log_variance).sum() / 8 + 3 * off_diagonal + 5 * diagonal
    torch.testing.assert_close(learner.penalty(mean, log_variance, z)[0], expected)
    assert make(DIPVAE, off_diagonal=2.0).diagonal == 20


def test_the_running_covariance_has_no_gradient_through_the_last_estimate() -> None:
    learner = make(DIPVAE, off_diagonal=1.0, diagonal=0.0, momentum=0.5)
    mean, log_variance, z = moments(learner)
    mean.requires_grad_()
    batch = covariance(mean).detach()
    terms = learner.penalty(mean, log_variance, z)[1]
    estimate = (torch.eye(3) + batch) / 2
    torch.testing.assert_close(learner.running, estimate)
    torch.testing.assert_close(terms["off_diagonal"], identity_gap(estimate)[0])
    gradient = torch.autograd.grad(terms["off_diagonal"], mean, retain_graph=True)[0]
    constant = estimate - torch.diag(estimate.diagonal())
    expected = torch.autograd.grad(2 * (constant * covariance(mean) / 2).sum(), mean)[0]
    torch.testing.assert_close(gradient, expected)
    learner.penalty(mean, log_variance, z)
    torch.testing.assert_close(learner.running, (estimate + batch) / 2)


def test_permuting_dimensions_keeps_marginals_and_removes_correlations() -> None:
    torch.manual_seed(0)
    codes = torch.randn(2000, 1) + 0.1 * torch.randn(2000, 3)
    permuted = permute_dims(codes)
    torch.testing.assert_close(permuted.sort(0).values, codes.sort(0).values)
    correlation = np.corrcoef(permuted.numpy().T)
    assert np.abs(correlation - np.eye(3)).max() < 0.1


CORRELATION = 0.8


TRUE_TC = -np.log(1 - CORRELATION**2) / 2
"""Total correlation of two Gaussians so correlated, in nats."""


COVARIANCE = torch.tensor([[1.0, CORRELATION], [CORRELATION, 1.0]])


def correlated(n: int) -> Tensor:
    samples: Tensor = torch.randn(n, 2) @ torch.linalg.cholesky(COVARIANCE).mT
    return samples


def test_the_discriminator_estimates_the_total_correlation_of_gaussians() -> None:
    torch.manual_seed(0)
    network = dense_discriminator(2, 32, 2)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(400):
        optimizer.zero_grad()
        discriminator_loss(network, correlated(500)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert float(network(correlated(20_000)).mean().detach()) == pytest.approx(TRUE_TC, abs=0.08)


def test_the_minibatch_estimates_the_total_correlation_of_gaussians() -> None:
    torch.manual_seed(0)
    n, variance = 2000, 0.1  # of the posteriors, whose mixture has the covariance above
    means_covariance = COVARIANCE - variance * torch.eye(2)
    mean = torch.randn(n, 2) @ torch.linalg.cholesky(means_covariance).mT
    z = mean + variance**0.5 * torch.randn(n, 2)
    estimate = total_correlation(z, mean, torch.full((n, 2), np.log(variance)))
    assert float(estimate) == pytest.approx(TRUE_TC, abs=0.08)
    alone = total_correlation(z[:1], mean[:1], torch.zeros(1, 2))
    assert float(alone) == pytest.approx(0, abs=1e-5)


def test_tcvae_adds_beta_minus_one_total_correlations() -> None:
    mean, log_variance, z = moments(make(BetaTCVAE))
    kl = gaussian_kl(mean, log_variance).sum() / 8
    torch.testing.assert_close(make(BetaTCVAE, beta=1).penalty(mean, log_variance, z)[0], kl)
    expected = kl + 3 * total_correlation(z, mean, log_variance)
    torch.testing.assert_close(make(BetaTCVAE, beta=4).penalty(mean, log_variance, z)[0], expected)


def test_factor_vae_adds_gamma_times_the_log_ratio_of_its_discriminator() -> None:
    for gamma in (0.0, 0.5, 7.0):
        learner = make(FactorVAE, gamma=gamma)
        mean, log_variance, z = moments(learner)
        kl = gaussian_kl(mean, log_variance).sum() / 8
        ratio = sum(float(learner.discriminator(each[None]).detach()) for each in z) / 8
        penalty, terms = learner.penalty(mean, log_variance, z)
        assert abs(ratio) > 1e-3  # else no weight would show
        assert float(penalty.detach()) == pytest.approx(float(kl) + gamma * ratio, rel=1e-5)
        assert float(terms["total_correlation"].detach()) == pytest.approx(ratio, rel=1e-4)


def test_factor_vae_has_a_gamma_of_its_own_in_the_warm_up() -> None:
    learner = make(FactorVAE, gamma=7.0, warm_up=1)
    mean, log_variance, z = moments(learner)
    kl, ratio = gaussian_kl(mean, log_variance).sum() / 8, learner.discriminator(z).mean()
    torch.testing.assert_close(learner.penalty(mean, log_variance, z)[0], kl + 40 * ratio)
    learner.update(BATCH)
    ratio = learner.discriminator(z).mean()
    torch.testing.assert_close(learner.penalty(mean, log_variance, z)[0], kl + 7 * ratio)


def test_each_optimiser_of_factor_vae_moves_only_its_own_network() -> None:
    learner = make(FactorVAE, discriminator_updates=2)
    owned = {
        name: {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        for name, optimizer in learner.optimizers.items()
    }
    assert owned["discriminator"] == {id(p) for p in learner.discriminator.parameters()}
    assert owned["adam"].isdisjoint(owned["discriminator"])
    before = {name: tensor.clone() for name, tensor in learner.state_dict().items()}
    scalars = learner.update(BATCH)
    assert all(not torch.equal(before[name], tensor) for name, tensor in learner.state_dict().items())
    assert float(scalars["discriminator"]) == pytest.approx(np.log(2), abs=0.1)


def test_the_total_correlation_of_a_batch_is_that_of_the_mixture_of_its_posteriors() -> None:
    mean, log_variance, z = (part.double() for part in moments(make(VAE)))
    posteriors = torch.distributions.Normal(mean, (log_variance / 2).exp())
    log_density: Any = posteriors.log_prob
    densities = log_density(z[:, None]).exp()  # (sample, posterior, dimension)
    joint, marginals = densities.prod(2).mean(1), densities.mean(1).prod(1)
    expected = (joint.log() - marginals.log()).mean()
    torch.testing.assert_close(total_correlation(z, mean, log_variance), expected)


def test_a_discriminator_is_a_perceptron_with_leaky_relu() -> None:
    network = dense_discriminator(3, 5, 2)
    inputs = torch.randn(7, 3)
    first = network[0](inputs)
    second = network[2](first.clamp_min(0) + 0.2 * first.clamp_max(0))
    expected = network[4](second.clamp_min(0) + 0.2 * second.clamp_max(0))
    torch.testing.assert_close(network(inputs).flatten(), expected.flatten())


@pytest.mark.parametrize("momentum", [-0.1, 1.0])
def test_a_momentum_outside_0_to_1_is_refused(momentum: float) -> None:
    with pytest.raises(ValueError, match="momentum"):
        make(DIPVAE, momentum=momentum)


def test_a_capacity_may_grow_in_one_update() -> None:
    learner = make(CapacityVAE, capacity=10.0, growth=1)
    assert [float(learner.update(BATCH)["target"]) for _ in range(2)] == [0, 10]

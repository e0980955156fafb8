"""The variational family: terms against closed forms, schedules, what learning finds."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from unknot.models.adversarial import dense_discriminator
from unknot.models.data.blob import Blob
from unknot.models.data.shapes2d import Shapes2D
from unknot.models.data.stream import stream
from unknot.models.image.capacity import CapacityVAE
from unknot.models.image.dip import DIPVAE, covariance, identity_gap
from unknot.models.image.factor import FactorVAE, discriminator_loss, permute_dims
from unknot.models.image.factor_generator import FactorGenerator
from unknot.models.image.networks import LIKELIHOODS, NETWORKS, flipped, gaussian_kl
from unknot.models.image.pca import PCA
from unknot.models.image.tc import BetaTCVAE, total_correlation
from unknot.models.image.vae import VAE, PosteriorSamples, VariationalAutoencoder
from unknot.models.image.warm_up import reinitialise_collapsed
from unknot.representation import WEIGHTS, Trainable, load_learner, save_learner, train
from unknot.representation.metrics import evaluate_codes

SMALL: dict[str, Any] = {"shape": (16, 16, 1), "latent_dim": 3, "width": 4, "hidden": 8}
FAMILY: list[Any] = [VAE, CapacityVAE, DIPVAE, FactorVAE, BetaTCVAE]
BATCH = stream(Blob(pixels=16), 8, seed=0)(0)


def make(method: Any, **settings: Any) -> Any:
    torch.manual_seed(0)
    narrow = {"discriminator_width": 8} if method is FactorVAE else {}
    return method(**SMALL | narrow | settings)


def moments(learner: VariationalAutoencoder) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    mean, log_variance = torch.randn(2, 8, learner.latent_dim)
    return mean, log_variance, mean + (log_variance / 2).exp() * torch.randn_like(mean)


# The trunk


def test_the_kl_is_that_of_gaussians() -> None:
    mean, log_variance = torch.randn(2, 50, 3)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(gaussian_kl(mean, log_variance), expected)


def test_likelihoods_are_those_of_their_distributions() -> None:
    logits, images = torch.randn(4, 1, 3, 3), torch.randint(2, (4, 1, 3, 3)).float()
    right = torch.where(images > 0, logits.sigmoid(), 1 - logits.sigmoid())
    torch.testing.assert_close(LIKELIHOODS["bernoulli"](logits, images), -right.log().sum((1, 2, 3)))
    normal: Any = Normal(logits.sigmoid(), 1.0)
    nats = -normal.log_prob(images).sum((1, 2, 3)) - 9 * np.log(2 * np.pi) / 2
    torch.testing.assert_close(LIKELIHOODS["gaussian"](logits, images), nats)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", [(8, 8, 1), (64, 64, 3)])
def test_networks_fit_their_images(name: str, shape: tuple[int, int, int]) -> None:
    encoder, decoder = NETWORKS[name]
    channels_first = (2, shape[2], *shape[:2])
    assert encoder(shape, 6, 4, 8)(torch.zeros(channels_first)).shape == (2, 6)
    assert decoder(shape, 3, 4, 8)(torch.zeros(2, 3)).shape == channels_first


def test_the_convolutions_are_those_of_the_paper() -> None:
    encoder = NETWORKS["conv"][0]((64, 64, 1), 20, 32, 256)
    layers = [layer for layer in encoder if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in layers] == [32] * 4
    assert {(layer.kernel_size, layer.stride) for layer in layers} == {((4, 4), (2, 2))}


@pytest.mark.parametrize("name", NETWORKS)
def test_codes_begin_silent_or_tell_images_apart(name: str) -> None:
    images = Shapes2D(pixels=32).render_factors(Shapes2D().sample_factors(50, np.random.default_rng(0)))
    spreads = []
    for spread in (False, True):
        torch.manual_seed(0)
        learner = VAE(shape=(32, 32, 1), network=name, width=8, hidden=64, spread=spread)
        spreads.append(float(learner.encode(images).std(0).mean()))
    assert spreads[1] > 4 * spreads[0]
    assert VAE(**learner.settings()).spread


def test_after_the_warm_up_the_decoder_is_new_and_what_had_collapsed_tells_images_apart() -> None:
    learner = make(VAE, warm_up=2)
    images = BATCH["observation"]

    def weights() -> tuple[Tensor, Tensor]:
        return learner.encoder[0].weight.detach().clone(), learner.decoder[0].weight.detach().clone()

    for _ in range(2):
        learner.update(BATCH)
    asleep = learner.kl(images).mean(0) < 0.1
    assert asleep.any()  # the weights are small yet
    encoder, decoder = weights()
    learner.update(BATCH)
    rested, drawn = weights()
    torch.testing.assert_close(rested, encoder, rtol=0, atol=0)
    assert drawn.std() > 1.2 * decoder.std()
    posterior = learner.posterior(images).base_dist
    woken = torch.full((int(asleep.sum()),), 0.7)
    torch.testing.assert_close(posterior.mean.std(0)[asleep], woken)
    torch.testing.assert_close(posterior.variance[0][asleep], torch.full_like(woken, math.exp(-1)))
    for _ in range(300):
        learner.update(BATCH)
    assert not torch.equal(weights()[0], encoder)  # it learns again


@pytest.mark.parametrize("kind", FAMILY)
@pytest.mark.parametrize("warm_up", [2, 3])
def test_every_autoencoder_counts_its_warm_up_and_ends_it(kind: Any, warm_up: int) -> None:
    learner = make(kind, warm_up=warm_up)
    first = learner.decoder[0].weight
    for update in range(1, warm_up + 2):
        assert learner.warming == (update <= warm_up)
        before = first.detach().clone()
        learner.update(BATCH)
        assert int(learner.updates) == update
    assert (first - before).abs().max() > 0.1  # drawn anew, not a step of Adam
    if isinstance(learner, CapacityVAE):
        assert int(learner.grown) == warm_up + 1


def test_a_single_image_ends_no_warm_up() -> None:
    learner = make(VAE, warm_up=1)
    one = {"observation": BATCH["observation"][:1]}
    learner.update(one)
    with pytest.raises(ValueError, match="at least 2 where a warm-up ends, not 1"):
        learner.update(one)


def test_waking_leaves_what_tells_images_apart_as_it_is() -> None:
    last = nn.Linear(4, 4)
    encoder = nn.Sequential(nn.Flatten(), last)
    with torch.no_grad():
        last.weight.zero_()
        last.bias.zero_()
        last.weight[0] = 1.0  # the first of two dimensions is told with 5 nats or so
        last.bias[2] = -8.0
    images = torch.rand(32, 1, 2, 2)
    before = encoder(images)
    reinitialise_collapsed(encoder, images)
    after = encoder(images)
    torch.testing.assert_close(after[:, (0, 2)], before[:, (0, 2)])
    torch.testing.assert_close(after[:, 1].std(), torch.tensor(0.7))
    torch.testing.assert_close(after[:, 3], torch.full((32,), -1.0))


def test_up_to_the_share_of_pixels_is_flipped() -> None:
    torch.manual_seed(0)
    images = torch.zeros(400, 1, 20, 20)
    share = flipped(images, 0.2).mean((1, 2, 3))
    assert share.mean() == pytest.approx(0.1, abs=0.01)
    assert share.max() < 0.28
    assert share.std() == pytest.approx(0.2 / 12**0.5, abs=0.01)


def test_averaged_pixels_count_as_often_as_they_were_averaged_of() -> None:
    logits, images = torch.randn(2, 1, 16, 16), torch.rand(2, 1, 16, 16)
    once, often = (make(VAE, likelihood_weight=weight).error(logits, images) for weight in (1.0, 4.0))
    torch.testing.assert_close(once, LIKELIHOODS["bernoulli"](logits, images))
    torch.testing.assert_close(often, 4 * once)
    small, large = (make(VAE, likelihood_weight=weight).update(BATCH) for weight in (1.0, 4.0))
    torch.testing.assert_close(large["reconstruction"], 4 * small["reconstruction"])
    torch.testing.assert_close(large["kl"], small["kl"])
    with pytest.raises(ValueError, match="likelihood_weight must be above 0, not 0"):
        make(VAE, likelihood_weight=0)


# The methods


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
    if kind == "II":  # of z, by drawing it many times
        draws = mean + (log_variance / 2).exp() * torch.randn(20_000, *mean.shape)
        drawn = covariance(draws.flatten(0, 1))
        matrix = matrix + torch.diag(log_variance.exp().mean(0))
        torch.testing.assert_close(drawn, matrix, atol=0.05, rtol=0.05)
    off_diagonal, diagonal = identity_gap(matrix)
    expected = gaussian_kl(mean, log_variance).sum() / 8 + 3 * off_diagonal + 5 * diagonal
    torch.testing.assert_close(learner.penalty(mean, log_variance, z)[0], expected)
    assert make(DIPVAE, off_diagonal=2.0).diagonal == 20


def test_in_the_running_covariance_the_last_estimate_is_a_constant() -> None:
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


def test_permuting_dimensions_keeps_marginals_and_breaks_what_binds_them() -> None:
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
    drawn: Tensor = torch.randn(n, 2) @ torch.linalg.cholesky(COVARIANCE).mT
    return drawn


def test_the_discriminator_comes_to_the_total_correlation_of_gaussians() -> None:
    torch.manual_seed(0)
    network = dense_discriminator(2, 32, 2)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(400):
        optimizer.zero_grad()
        discriminator_loss(network, correlated(500)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert float(network(correlated(20_000)).mean().detach()) == pytest.approx(TRUE_TC, abs=0.08)


def test_the_minibatch_comes_to_the_total_correlation_of_gaussians() -> None:
    torch.manual_seed(0)
    n, variance = 2000, 0.1  # of the posteriors, whose mixture has the covariance above
    means_covariance = COVARIANCE - variance * torch.eye(2)
    mean = torch.randn(n, 2) @ torch.linalg.cholesky(means_covariance).mT
    z = mean + variance**0.5 * torch.randn(n, 2)
    estimate = total_correlation(z, mean, torch.full((n, 2), np.log(variance)))
    assert float(estimate) == pytest.approx(TRUE_TC, abs=0.08)
    alone = total_correlation(z[:1], mean[:1], torch.zeros(1, 2))
    assert float(alone) == pytest.approx(0, abs=1e-5)


def test_tcvae_weighs_the_total_correlation_once_more_than_the_elbo_does() -> None:
    mean, log_variance, z = moments(make(BetaTCVAE))
    kl = gaussian_kl(mean, log_variance).sum() / 8
    torch.testing.assert_close(make(BetaTCVAE, beta=1).penalty(mean, log_variance, z)[0], kl)
    expected = kl + 3 * total_correlation(z, mean, log_variance)
    torch.testing.assert_close(make(BetaTCVAE, beta=4).penalty(mean, log_variance, z)[0], expected)


def test_each_optimiser_of_factor_vae_moves_its_own_network_alone() -> None:
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


def test_pca_finds_the_directions_of_the_singular_values() -> None:
    torch.manual_seed(0)
    images = stream(Blob(pixels=16), 400, seed=0)(0)["observation"]
    learner = PCA(shape=(16, 16, 1), latent_dim=4)
    explained = learner.update({"observation": images})["explained"]
    flat = images.reshape(400, -1).double() / 255
    _, lengths, directions = torch.linalg.svd(flat - flat.mean(0), full_matrices=False)
    share = lengths[:4].square().sum() / lengths.square().sum()
    torch.testing.assert_close(torch.as_tensor(explained).double(), share, atol=1e-4, rtol=0)
    codes = learner.encode(images)
    projected = flat.mean(0) + (flat - flat.mean(0)) @ directions[:4].mT @ directions[:4]
    torch.testing.assert_close(learner.decode(codes).flatten(1).double(), projected, atol=0.02, rtol=0)
    torch.testing.assert_close(codes.std(0, correction=0), torch.ones(4), atol=1e-3, rtol=0)
    with pytest.raises(ValueError, match="at least latent_dim=4, not 3"):
        learner.update({"observation": images[:3]})
    with pytest.raises(ValueError, match=r"of \(16, 16, 1\), not \(2, 32, 8, 1\)"):
        learner.encode(images[:2].reshape(2, 32, 8, 1))


def test_pca_tells_nothing_along_directions_that_do_not_vary() -> None:
    rows = torch.arange(0, 200, 10, dtype=torch.uint8)
    learner = PCA(shape=(4, 4, 1), latent_dim=3)
    learner.update({"observation": rows[:, None, None, None].expand(-1, 4, 4, 1)})  # of rank 1
    codes = learner.encode(rows[:, None, None, None].expand(-1, 4, 4, 1))
    torch.testing.assert_close(codes.std(0, correction=0), torch.tensor([1.0, 0.0, 0.0]))
    learner.update({"observation": torch.full((5, 4, 4, 1), 7, dtype=torch.uint8)})
    assert not learner.encode(torch.full((2, 4, 4, 1), 9, dtype=torch.uint8)).any()


# As learners

NAMES = ("target", "kl_x", "kl_y", "reconstruction")
"""The columns of the trace below."""


@pytest.mark.parametrize("kind", [*FAMILY, PCA])
def test_weights_bring_the_learner_back(kind: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    learner = PCA(shape=(16, 16, 1), latent_dim=3) if kind is PCA else make(kind, network="dense", noise=0.1)
    train(learner, stream(Blob(pixels=16), 8, seed=0), 2, progress=False)
    save_learner(learner, tmp_path / WEIGHTS)
    again = load_learner(tmp_path / WEIGHTS)
    assert again.settings() == learner.settings()
    images = BATCH["observation"]
    torch.testing.assert_close(again.encode(images), learner.encode(images), rtol=0, atol=0)
    assert again.decode(again.encode(images)).shape == images.shape  # type: ignore[operator]


def test_draws_are_of_the_posterior_and_depend_on_images_and_seed_alone() -> None:
    learner = make(VAE).eval()
    image = np.random.default_rng(0).integers(256, size=(1, *learner.shape), dtype=np.uint8)
    images = image.repeat(4000, 0)
    with torch.no_grad():
        drawn, posterior = PosteriorSamples(learner)(images), learner.posterior(image).base_dist
        assert torch.equal(drawn, PosteriorSamples(learner)(images))
        assert not torch.equal(drawn, PosteriorSamples(learner, seed=1)(images))
    torch.testing.assert_close(drawn.mean(0), posterior.mean[0], atol=0.08, rtol=0)
    torch.testing.assert_close(drawn.std(0), posterior.stddev[0], atol=0.08, rtol=0)
    score = evaluate_codes(PosteriorSamples(learner), Blob(pixels=learner.shape[0]), "mig", samples=50)["mig"]
    assert score.choices["codes"] == "drawn from q(z | x)"


def test_codes_are_the_posteriors_means() -> None:
    learner = make(VAE)
    images = BATCH["observation"]
    posterior = learner.posterior(images)
    torch.testing.assert_close(posterior.mean, learner.encode(images))
    expected = kl_divergence(posterior.base_dist, Normal(0.0, 1.0))
    torch.testing.assert_close(learner.kl(images), expected)
    assert posterior.log_prob(posterior.sample()).shape == (8,)
    with pytest.raises(ValueError, match=r"of \(16, 16, 1\), not \(2, 32, 32, 1\)"):
        learner.encode(np.zeros((2, 32, 32, 1), np.uint8))


def test_a_vae_finds_where_the_blob_is_and_what_else_there_is_not() -> None:
    source = Blob(pixels=16, deviation=0.12)
    torch.manual_seed(0)
    learner = VAE(shape=(16, 16, 1), latent_dim=3, width=16, hidden=64, beta=2.0, learning_rate=2e-3)
    train(learner, stream(source, 64, seed=0), 700, progress=False)
    assert evaluate_codes(learner.encode, source, ["sap"], samples=1000)["sap"].value > 0.8  # untrained: 0.3
    used = learner.kl(stream(source, 500, seed=1)(0)["observation"]).mean(0) > 0.1
    assert int(used.sum()) == 2


def make_generator(*factors: str, growth: int, hidden: int) -> FactorGenerator:
    return FactorGenerator(
        factors=dict.fromkeys(factors, (0.5, 0.3)),
        shape=(16, 16, 1),
        capacity=4.0,
        growth=growth,
        width=4,
        hidden=hidden,
        learning_rate=0.002,
    )


def test_the_generator_holds_its_capacity_and_traces_what_each_factor_gets() -> None:
    learner = make_generator("x", "y", growth=250, hidden=8)
    batch_at = stream(Blob(pixels=16), 64, seed=0, factors=True)
    mean, variance = learner.moments({"x": torch.tensor([0.8, 0.2]), "y": torch.tensor([0.5, 0.5])})
    assert mean[:, 1].tolist() == [0, 0]
    kl = gaussian_kl(mean[:, 0], variance[0].log()).mean()  # f is -1 and 1: of mean 0 and deviation 1
    torch.testing.assert_close(kl, learner.capacities()[0])
    scalars = [learner.update(batch_at(step)) for step in range(5)]
    first = [torch.stack([torch.as_tensor(scalars[i][name]) for name in NAMES]) for i in range(5)]
    torch.testing.assert_close(learner.trace[0], torch.stack(first[:3]).mean(0))  # 2.5 updates a stretch
    torch.testing.assert_close(learner.trace[1], torch.stack(first[3:]).mean(0))
    assert learner.trace[2:].isnan().all()
    for step in range(5, 255):
        last = learner.update(batch_at(step))
    assert float(last["target"]) == 4.0
    assert float(torch.as_tensor(last["kl_x"]) + torch.as_tensor(last["kl_y"])) == pytest.approx(4)
    assert not learner.trace.isnan().any()


def test_the_generator_gives_capacity_to_what_the_images_show() -> None:
    torch.manual_seed(0)
    learner = make_generator("x", "hidden", "y", growth=300, hidden=16)
    blobs = stream(Blob(pixels=16), 64, seed=0, factors=True)
    for step in range(300):
        batch = blobs(step)
        batch["hidden"] = batch["x"][torch.randperm(64)]
        learner.update(batch)
    x, hidden, y = learner.capacities().tolist()
    assert min(x, y) > 1.5
    assert hidden < 0.4


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        (VAE, {"network": "convv"}, "did you mean 'conv'"),
        (VAE, {"likelihood": "laplace"}, "unknown likelihood"),
        (VAE, {"latent_dim": 0}, "latent_dim must be at least 1, not 0"),
        (VAE, {"noise": 1.5}, r"noise must be in \[0, 1\]"),
        (VAE, {"beta": -1}, "beta must be at least 0"),
        (VAE, {"shape": (20, 20, 1)}, "a power of 2 from 8"),
        (VAE, {"shape": (16, 32, 1)}, "one height and width"),
        (BetaTCVAE, {"beta": -1}, "beta must be at least 0"),
        (CapacityVAE, {"growth": 0}, "growth must be at least 1"),
        (DIPVAE, {"kind": "III"}, "kind must be one of"),
        (DIPVAE, {"momentum": 1}, "momentum"),
        (FactorVAE, {"gamma": -1}, "gamma must be at least 0"),
        (FactorVAE, {"discriminator_updates": 0}, "discriminator_updates must be at least 1"),
        (FactorGenerator, {"factors": {}}, "factors must be at least one"),
        (FactorGenerator, {"factors": {"x": (0, 1)}, "capacity": 0.1}, "capacity must be at least 0.5"),
        (FactorGenerator, {"factors": {"x": (0, 1)}, "first": 0}, "first must be above 0"),
        (PCA, {"latent_dim": 0}, "latent_dim must be from 1 to the 4096 pixels"),
    ],
)
def test_settings_out_of_range_are_refused(
    kind: type[Trainable], settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        kind(**settings)

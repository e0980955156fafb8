"""The variational family: terms against closed forms, schedules, and that it learns."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from unknot.models.data.blob import Blob
from unknot.models.data.shapes2d import Shapes2D
from unknot.models.data.stream import stream
from unknot.models.image.capacity import CapacityVAE
from unknot.models.image.dip import DIPVAE
from unknot.models.image.factor import FactorVAE
from unknot.models.image.factor_generator import FactorGenerator
from unknot.models.image.networks import LIKELIHOODS, NETWORKS, flipped, gaussian_kl
from unknot.models.image.pca import PCA
from unknot.models.image.tc import BetaTCVAE
from unknot.models.image.vae import VAE, PosteriorSamples
from unknot.models.image.warm_up import reinitialise_collapsed
from unknot.representation import Trainable, train
from unknot.representation.metrics import evaluate_codes

SMALL: dict[str, Any] = {"shape": (16, 16, 1), "latent_dim": 3, "width": 4, "hidden": 8}
FAMILY: list[Any] = [VAE, CapacityVAE, DIPVAE, FactorVAE, BetaTCVAE]
BATCH = stream(Blob(pixels=16), 8, seed=0)(0)


def make(method: Any, **settings: Any) -> Any:
    torch.manual_seed(0)
    narrow = {"discriminator_width": 8} if method is FactorVAE else {}
    return method(**SMALL | narrow | settings)


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
def test_initial_codes_are_constant_or_distinguish_images(name: str) -> None:
    images = Shapes2D(pixels=32).render_factors(Shapes2D().sample_factors(50, np.random.default_rng(0)))
    spreads = []
    for spread in (False, True):
        torch.manual_seed(0)
        learner = VAE(shape=(32, 32, 1), network=name, width=8, hidden=64, spread=spread)
        spreads.append(float(learner.encode(images).detach().std(0).mean()))
    assert spreads[1] > 4 * spreads[0]
    assert VAE(**learner.settings()).spread


def test_after_the_warm_up_decoder_and_collapsed_dimensions_are_reinitialised() -> None:
    learner = make(VAE, warm_up=2)
    images = BATCH["observation"]

    def weights() -> tuple[Tensor, Tensor]:
        return learner.encoder[0].weight.detach().clone(), learner.decoder[0].weight.detach().clone()

    for _ in range(2):
        learner.update(BATCH)
    collapsed = learner.kl(images).mean(0) < 0.1
    assert collapsed.any()  # the weights are small yet
    encoder, decoder = weights()
    learner.update(BATCH)
    frozen, reinitialised = weights()
    torch.testing.assert_close(frozen, encoder, rtol=0, atol=0)
    assert reinitialised.std() > 1.2 * decoder.std()
    posterior = learner.posterior(images).base_dist
    std = torch.full((int(collapsed.sum()),), 0.7)
    torch.testing.assert_close(posterior.mean.std(0)[collapsed], std)
    torch.testing.assert_close(posterior.variance[0][collapsed], torch.full_like(std, math.exp(-1)))
    for _ in range(300):
        learner.update(BATCH)
    assert not torch.equal(weights()[0], encoder)  # it learns again


@pytest.mark.parametrize("kind", FAMILY)
@pytest.mark.parametrize("warm_up", [2, 3])
def test_every_method_counts_its_warm_up_and_ends_it(kind: Any, warm_up: int) -> None:
    learner = make(kind, warm_up=warm_up)
    first = learner.decoder[0].weight
    for update in range(1, warm_up + 2):
        assert learner.warming == (update <= warm_up)
        before = first.detach().clone()
        learner.update(BATCH)
        assert int(learner.updates) == update
    assert (first - before).abs().max() > 0.1  # reinitialised, not a step of Adam
    if isinstance(learner, CapacityVAE):
        assert int(learner.grown) == warm_up + 1


def test_a_warm_up_cannot_end_on_a_single_image() -> None:
    learner = make(VAE, warm_up=1)
    one = {"observation": BATCH["observation"][:1]}
    learner.update(one)
    with pytest.raises(ValueError, match="at least 2 where a warm-up ends, not 1"):
        learner.update(one)


def test_dimensions_that_have_not_collapsed_are_not_reinitialised() -> None:
    last = nn.Linear(4, 4)
    encoder = nn.Sequential(nn.Flatten(), last)
    with torch.no_grad():
        last.weight.zero_()
        last.bias.zero_()
        last.bias[2] = -1.0  # the first of two dimensions has 0.18 nats
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


def test_averaged_pixels_have_the_weight_of_those_they_average() -> None:
    logits, images = torch.randn(2, 1, 16, 16), torch.rand(2, 1, 16, 16)
    once, often = (make(VAE, likelihood_weight=weight).error(logits, images) for weight in (1.0, 4.0))
    torch.testing.assert_close(once, LIKELIHOODS["bernoulli"](logits, images))
    torch.testing.assert_close(often, 4 * once)
    small, large = (make(VAE, likelihood_weight=weight).update(BATCH) for weight in (1.0, 4.0))
    torch.testing.assert_close(large["reconstruction"], 4 * small["reconstruction"])
    torch.testing.assert_close(large["kl"], small["kl"])
    with pytest.raises(ValueError, match="likelihood_weight must be above 0, not 0"):
        make(VAE, likelihood_weight=0)


# As learners


def test_samples_are_of_the_posterior_and_depend_on_images_and_seed_alone() -> None:
    learner = make(VAE).eval()
    image = np.random.default_rng(0).integers(256, size=(1, *learner.shape), dtype=np.uint8)
    images = image.repeat(4000, 0)
    with torch.no_grad():
        samples, posterior = PosteriorSamples(learner)(images), learner.posterior(image).base_dist
        assert torch.equal(samples, PosteriorSamples(learner)(images))
        assert not torch.equal(samples, PosteriorSamples(learner, seed=1)(images))
    torch.testing.assert_close(samples.mean(0), posterior.mean[0], atol=0.08, rtol=0)
    torch.testing.assert_close(samples.std(0), posterior.stddev[0], atol=0.08, rtol=0)
    score = evaluate_codes(PosteriorSamples(learner), Blob(pixels=learner.shape[0]), "mig", samples=50)["mig"]
    assert score.choices["codes"] == "sampled from q(z | x)"


def test_codes_are_the_means_of_the_posterior() -> None:
    learner = make(VAE)
    images = BATCH["observation"]
    posterior = learner.posterior(images)
    torch.testing.assert_close(posterior.mean, learner.encode(images))
    expected = kl_divergence(posterior.base_dist, Normal(0.0, 1.0))
    torch.testing.assert_close(learner.kl(images), expected)
    assert posterior.log_prob(posterior.sample()).shape == (8,)
    assert learner.decode(learner.encode(images)).shape == images.shape
    with pytest.raises(ValueError, match=r"of \(16, 16, 1\), not \(2, 32, 32, 1\)"):
        learner.encode(np.zeros((2, 32, 32, 1), np.uint8))


def test_a_vae_encodes_the_position_of_a_blob_and_nothing_else() -> None:
    source = Blob(pixels=16, std=0.12)
    torch.manual_seed(0)
    learner = VAE(shape=(16, 16, 1), latent_dim=3, width=16, hidden=64, beta=2.0, learning_rate=2e-3)
    train(learner, stream(source, 64, seed=0), 700, progress=False)
    assert evaluate_codes(learner.encode, source, ["sap"], samples=1000)["sap"].value > 0.8  # untrained: 0.3
    used = learner.kl(stream(source, 500, seed=1)(0)["observation"]).mean(0) > 0.1
    assert int(used.sum()) == 2


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        (VAE, {"network": "convv"}, "did you mean 'conv'"),
        (VAE, {"likelihood": "laplace"}, "unknown likelihood"),
        (VAE, {"latent_dim": 0}, "latent_dim must be at least 1, not 0"),
        (VAE, {"noise": 1.5}, "noise must be from 0 to 1, not 1.5"),
        (VAE, {"beta": -1}, "beta must be at least 0"),
        (VAE, {"shape": (20, 20, 1)}, "a power of 2 from 8"),
        (VAE, {"shape": (16, 32, 1)}, "one height and width"),
        (BetaTCVAE, {"beta": -1}, "beta must be at least 0"),
        (CapacityVAE, {"growth": 0}, "growth must be at least 1"),
        (DIPVAE, {"kind": "III"}, "unknown kind 'III'"),
        (DIPVAE, {"momentum": 1}, "momentum"),
        (FactorVAE, {"gamma": -1}, "gamma must be at least 0"),
        (FactorVAE, {"discriminator_updates": 0}, "discriminator_updates must be at least 1"),
        (FactorGenerator, {"factors": {}}, "factors must be means and standard deviations, at least one"),
        (FactorGenerator, {"factors": {"x": (0, 1)}, "capacity": 0.1}, "capacity must be at least 0.5"),
        (FactorGenerator, {"factors": {"x": (0, 1)}, "first": 0}, "first must be above 0"),
        (PCA, {"latent_dim": 0}, "latent_dim must be at least 1, not 0"),
    ],
)
def test_settings_out_of_range_are_refused(
    kind: type[Trainable], settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        kind(**settings)

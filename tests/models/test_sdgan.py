"""SD-GAN and its neighbours: their losses by hand, their codes, what they learn."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from unknot.models.image import sdgan
from unknot.models.image.ada_gvae import AdaGVAE, shared_dimensions
from unknot.models.image.factor_reader import FactorReader
from unknot.models.image.sdbegan import SDBEGAN, balance
from unknot.models.image.sdgan import SDGAN
from unknot.models.image.sdgan_networks import PairAutoencoder, SiameseDiscriminator

SMALL = {"shape": (16, 16, 3), "identity_dim": 2, "observation_dim": 3, "width": 2}


def pairs(n: int = 4, side: int = 16, seed: int = 0) -> dict[str, Tensor]:
    rng = np.random.default_rng(seed)
    each = rng.integers(0, 256, (2, n, side, side, 3), dtype=np.uint8)
    return {"observation": torch.from_numpy(each[0]), "other": torch.from_numpy(each[1])}


def squares(step: int, side: int = 16, heights: int = 2, n: int = 16) -> dict[str, Tensor]:
    """Return pairs of squares: one colour, red or blue, is the identity's, their heights are not."""
    rng = np.random.default_rng(step)
    images = np.zeros((2, n, side, side, 3), np.uint8)
    colour, half = rng.integers(2, size=n), side // 2
    for one in images:
        top = rng.integers(heights, size=n) * half // (heights - 1)
        for k in range(n):
            one[k, top[k] : top[k] + half, side // 4 : -side // 4, 2 * colour[k]] = 255
    return {"observation": torch.from_numpy(images[0]), "other": torch.from_numpy(images[1])}


# Parts


def test_the_discriminator_sees_both_images() -> None:
    torch.manual_seed(0)
    judge = SiameseDiscriminator((16, 16, 3), 2, 2, norm=False)
    images = torch.randn(3, 2, 3, 16, 16)
    changed = images.clone()
    changed[:, 1] = torch.randn(3, 3, 16, 16)
    assert judge(images).shape == (3,)
    assert not torch.isclose(judge(images), judge(changed)).any()
    assert torch.allclose(judge(images)[:1], judge(images[:1]), atol=1e-6)


def test_the_autoencoder_mixes_a_pair_in_its_bottleneck() -> None:
    torch.manual_seed(0)
    judge = PairAutoencoder((16, 16, 3), 2, 3, 2)
    assert [layer.out_features for layer in judge.bottleneck] == [2 + 2 * 3, 2 * (2 + 3)]
    images = torch.randn(3, 2, 3, 16, 16)
    changed = images.clone()
    changed[:, 1] = torch.randn(3, 3, 16, 16)
    decoded = judge(images)
    assert decoded.shape == images.shape
    assert not torch.allclose(decoded[:, 0], judge(changed)[:, 0])


def test_balance_follows_the_paper() -> None:
    k, convergence = balance(0.2, real=0.3, generated=0.05, gamma=0.5, rate=0.1)
    assert k == pytest.approx(0.2 + 0.1 * (0.15 - 0.05))
    assert convergence == pytest.approx(0.3 + 0.1)
    assert balance(0.0, 0.1, 1.0, 0.5, 0.1) == pytest.approx((0.0, 0.1 + 0.95))
    assert balance(1.0, 9.0, 1.0, 0.5, 0.1)[0] == 1


# Losses


def test_the_discriminators_loss_is_the_equation() -> None:
    torch.manual_seed(0)
    model = SDGAN(**SMALL, r1=0.0, unmatched=0.25, shift=0)  # type: ignore[arg-type]
    real = model._real(pairs())
    torch.manual_seed(1)
    false = model._pairs(4)
    judge = model.discriminator
    strangers = torch.stack([real[:, 0], real[[3, 0, 1, 2], 1]], 1)
    expected = -functional.logsigmoid(judge(real)).mean()
    expected -= 0.75 * functional.logsigmoid(-judge(false)).mean()
    expected -= 0.25 * functional.logsigmoid(-judge(strangers)).mean()
    torch.manual_seed(1)
    found = model._update_discriminator(real)["discriminator"]
    assert torch.isclose(torch.as_tensor(found), expected, rtol=1e-5)


def test_a_pair_has_one_identity_code_and_two_observation_codes() -> None:
    torch.manual_seed(0)
    model = SDGAN(**SMALL)  # type: ignore[arg-type]
    seen = list[Tensor]()
    model.generator.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    assert model._pairs(5).shape == (5, 2, 3, 16, 16)
    codes = seen[0].view(5, 2, 5)
    assert torch.equal(codes[:, 0, :2], codes[:, 1, :2])
    assert not torch.isclose(codes[:, 0, 2:], codes[:, 1, 2:]).any()
    assert codes.abs().max() <= 1


def test_without_pairs_each_image_is_judged_alone() -> None:
    torch.manual_seed(0)
    model = SDGAN(**SMALL, together=1, shift=0)  # type: ignore[arg-type]
    real = model._real(pairs())
    assert model._judge(real).shape == (8,)
    assert torch.allclose(model._judge(real)[:2], model._judge(real[:1]), atol=1e-6)
    assert model.unmatched == 0
    assert all(math.isfinite(float(value)) for value in model.update(pairs()).values())


@pytest.mark.parametrize(("together", "judged"), [(1, 8), (2, 4)])
def test_the_slope_is_a_mean_over_what_is_judged(
    together: int, judged: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Size] = []

    def penalty(judge: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
        seen.append(real.shape)
        return judge(real).sum()

    monkeypatch.setattr(sdgan, "r1_penalty", penalty)
    SDGAN(**SMALL, together=together).update(pairs())  # type: ignore[arg-type]
    assert seen == [(judged, together, 3, 16, 16)]


def test_samples_are_of_the_average() -> None:
    torch.manual_seed(0)
    model = SDGAN(**SMALL, average=0.9)  # type: ignore[arg-type]
    model.averaged.n_averaged.fill_(1000)  # at first it keeps less
    before = [p.clone() for p in model.averaged.parameters()]
    model.update(pairs())
    for old, kept, new in zip(before, model.averaged.parameters(), model.generator.parameters(), strict=True):
        assert torch.allclose(kept, 0.9 * old + 0.1 * new, atol=1e-6)


def test_began_lowers_the_rate_to_a_floor_and_logs_k() -> None:
    torch.manual_seed(0)
    model = SDBEGAN(**SMALL, learning_rate=8e-5, halve_every=2, floor=3e-5)  # type: ignore[arg-type]
    rates = []
    for step in range(6):
        scalars = model.update(pairs(seed=step))
        rates.append(model.optimizers["generator"].param_groups[0]["lr"])
    assert rates == pytest.approx([8e-5, 8e-5, 4e-5, 4e-5, 3e-5, 3e-5])
    assert {"k", "convergence", "real", "generated"} == scalars.keys()
    assert float(scalars["k"]) == float(model.k) > 0


def test_began_trains_on_the_weighted_difference() -> None:
    torch.manual_seed(0)
    model = SDBEGAN(**SMALL)  # type: ignore[arg-type]
    model.k.fill_(0.5)
    real = model._real(pairs())
    torch.manual_seed(1)
    with torch.no_grad():
        false = model._pairs(4)
    loss = (model.discriminator(real) - real).abs().mean()
    loss = loss - 0.5 * (model.discriminator(false) - false).abs().mean()
    weight = next(model.discriminator.bottleneck.parameters())
    (expected,) = torch.autograd.grad(loss, weight)
    torch.manual_seed(1)
    model._update_discriminator(real)
    assert weight.grad is not None
    assert torch.allclose(weight.grad, expected, atol=1e-6)


def test_shared_dimensions_are_those_of_small_divergence() -> None:
    mean = torch.tensor([[[0.0, 0.0, 1.0], [0.1, 3.0, 1.0]]])
    log_variance = torch.zeros(1, 2, 3)
    assert shared_dimensions(mean, log_variance).tolist() == [[True, False, True]]
    log_variance[0, 0, 2] = -3.0  # as much another posterior as the middle one
    assert shared_dimensions(mean, log_variance).tolist() == [[True, False, False]]


# Learning


def coloured(images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how blue and how low images are, in [-1, 1]: identity and observation of `squares`."""
    mass, rows = (images.astype(float).sum(axes) + 1 for axes in ((1, 2), (2, 3)))
    blue = (mass[:, 2] - mass[:, 0]) / mass.sum(1)
    half = rows.shape[1] // 2
    low = (rows[:, half:].sum(1) - rows[:, :half].sum(1)) / rows.sum(1)
    return blue, low


def test_the_identity_code_learns_the_colour_of_pairs() -> None:
    torch.manual_seed(0)
    sizes = {"identity_dim": 4, "observation_dim": 4, "width": 8}
    rates: dict[str, Any] = {"learning_rate": 1e-3, "momentum": 0.0}
    model = SDGAN(shape=(16, 16, 3), **sizes, **rates, shift=0, average=0.9)  # type: ignore[arg-type]
    for step in range(200):
        model.update(squares(step, n=32))
    identity = model.identity_codes(64)
    blue, _ = coloured(model.generate(identity, model.observation_codes(64)))
    other_blue, _ = coloured(model.generate(identity, model.observation_codes(64)))
    assert np.corrcoef(blue, other_blue)[0, 1] > 0.75
    assert blue.std() > 0.25  # untrained: 0.02


def test_an_ada_gvae_finds_what_pairs_share() -> None:
    torch.manual_seed(0)
    model = AdaGVAE(shape=(8, 8, 3), latent_dim=4, width=8, hidden=32, learning_rate=3e-3)
    for step in range(500):
        model.update(squares(step, 8, 5))
    identity = model.identity_codes(64)
    blue, low = coloured(model.generate(identity, model.observation_codes(64)))
    other_blue, other_low = coloured(model.generate(identity, model.observation_codes(64)))
    assert np.corrcoef(blue, other_blue)[0, 1] > 0.7
    assert abs(np.corrcoef(low, other_low)[0, 1]) < 0.5
    assert 0 < int((model.share > 0.5).sum()) < 4


def test_a_reader_reads_colour_and_height() -> None:
    def labelled(step: int) -> dict[str, Tensor]:
        images = squares(step, 8)["observation"]
        blue, low = coloured(images.numpy())
        labels = {"colour": torch.from_numpy(blue > 0).long(), "height": torch.from_numpy(low > 0).long()}
        return {"observation": images} | labels

    torch.manual_seed(0)
    reader = FactorReader(
        sizes={"colour": 2, "height": 2}, shape=(8, 8, 3), width=4, hidden=16, learning_rate=3e-3
    )
    for step in range(150):
        reader.update(labelled(step))
    test = labelled(1000)
    found = reader.read(test["observation"].numpy())
    assert all((found[name] == test[name].numpy()).mean() > 0.9 for name in ("colour", "height"))

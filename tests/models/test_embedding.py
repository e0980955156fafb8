import math
from typing import Any

import numpy as np
import pytest
import torch

from unknot.models.data.sprites import ATTRIBUTES, Sprites
from unknot.models.image.embedding import LOSSES, Embedding
from unknot.models.image.embedding_losses import binomial_deviance_loss, histogram_loss, triplet_loss
from unknot.models.image.f_statistic import f_statistic_loss


def test_triplets_by_hand() -> None:
    codes, labels = torch.tensor([[0.0], [1.0], [1.5]]), torch.tensor([0, 0, 1])
    # Anchor 0: 1 - 1.5 + margin; anchor 1: 1 - 0.5 + margin; the third has no other of its class.
    assert triplet_loss(codes, labels, margin=1.0).item() == pytest.approx((0.5 + 1.5) / 2, abs=1e-5)
    assert triplet_loss(codes, labels, margin=0.25).item() == pytest.approx(0.75, abs=1e-5)  # one violates
    assert triplet_loss(torch.tensor([[0.0], [0.1], [9.0]]), labels).item() == 0


def test_histograms_by_hand() -> None:
    # Angles 0 and 90 degrees in one class, 180 in the other: similarities 0 | -1 and 0.
    codes = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])
    labels = torch.tensor([0, 0, 1])
    # Half of the negative pairs are less similar than the positive one, half as similar: which counts.
    assert histogram_loss(codes, labels).item() == pytest.approx(0.5, abs=1e-5)
    separate = torch.tensor([[1.0, 0.0], [1.0, 0.01], [-1.0, 0.0]])
    assert histogram_loss(separate, labels).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("loss", [histogram_loss, binomial_deviance_loss])
@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]])
def test_losses_of_pairs_need_both_kinds(loss: Any, labels: list[int]) -> None:
    with pytest.raises(ValueError, match="a pair of one class and a pair of two"):
        loss(torch.eye(3), torch.tensor(labels))


def test_binomial_deviance_by_hand() -> None:
    codes = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    expected = math.log1p(math.exp(-2 * 0.5)) + math.log1p(math.exp(2 * 25 * -0.5))
    assert binomial_deviance_loss(codes, torch.tensor([0, 0, 1])).item() == pytest.approx(expected, rel=1e-5)


def test_binomial_deviance_with_both_terms_large() -> None:
    # Angles 0 and 60 degrees in one class, 60 in the other: similarities 0.5 | 0.5 and 1.
    corner = [0.5, 0.75**0.5]
    codes = torch.tensor([[1.0, 0.0], corner, corner])
    positive = math.log1p(math.exp(-3 * (0.5 - 0.2)))
    negative = (math.log1p(math.exp(3 * 2 * (0.5 - 0.2))) + math.log1p(math.exp(3 * 2 * (1 - 0.2)))) / 2
    loss = binomial_deviance_loss(codes, torch.tensor([0, 0, 1]), alpha=3.0, beta=0.2, cost=2.0)
    assert loss.item() == pytest.approx(positive + negative, rel=1e-5)


@pytest.mark.parametrize("loss", [histogram_loss, binomial_deviance_loss, triplet_loss])
def test_gradients_agree_with_finite_differences(loss: object) -> None:
    assert callable(loss)
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(6, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(lambda codes: loss(codes, torch.tensor([0, 0, 1, 1, 2, 2])), codes)


# Binomial deviance takes longer. The F-statistic loss stops once classes differ significantly.
@pytest.mark.parametrize(("loss", "least"), [("f_statistic", 0.76), ("triplet", 0.9), ("histogram", 0.9)])
def test_losses_separate_characters(loss: str, least: float) -> None:
    """Four characters in all views and poses; images are nearest to the mean of their own."""
    source, classes = Sprites(pixels=16), [0, 199, 398, 597]
    factors = source.combinations((np.array(classes)[:, None] * 20 + np.arange(20)).ravel())
    images = torch.from_numpy(source.render_factors(factors))
    labels = torch.from_numpy(source.identity(factors))
    torch.manual_seed(0)
    model = Embedding(
        loss=loss, shape=(16, 16, 3), latent_dim=6, dimensions=6, width=8, hidden=32, learning_rate=3e-3
    )
    for _ in range(60):
        model.update({"observation": images, "label": labels})
    codes = model.encode(images).detach()
    means = torch.stack([codes[labels == k].mean(0) for k in classes])
    nearest = torch.tensor(classes)[torch.cdist(codes, means).argmin(1)]
    assert float((nearest == labels).float().mean()) > least  # untrained: 0.68


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_of_angles_embed_on_the_sphere(loss: str) -> None:
    images = Sprites(pixels=16).render_factors(Sprites().combinations(np.arange(5)))
    norms = Embedding(loss=loss, shape=(16, 16, 3)).encode(images).norm(dim=1)
    assert torch.allclose(norms, torch.ones(5)) == (loss in ("histogram", "binomial_deviance"))


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="f_statistic"):
        Embedding(loss="f_statistics")
    with pytest.raises(ValueError, match="from 1 to 5, not 6"):
        Embedding(latent_dim=5, dimensions=6)


def test_characters_differ_in_every_attribute_and_view() -> None:
    source = Sprites(pixels=32)
    assert (len(source), source.identities) == (672 * 20, 672)
    standing = {name: np.zeros(1, np.int64) for name in source.values}
    first = source.render_factors(standing)
    for name, values in source.values.items():
        for value in values[1:]:
            other = source.render_factors({**standing, name: values[[value]]})
            assert (other != first).any(-1).sum() >= 3, (name, value)
            assert (source.identity({**standing, name: values[[value]]}) != 0).all() == (name in ATTRIBUTES)


def test_an_image_does_not_depend_on_the_others() -> None:
    source = Sprites(pixels=16)
    factors = source.combinations(np.arange(0, 13440, 997))
    together = source.render_factors(factors)
    for row, image in enumerate(together):
        alone = source.render_factors({name: each[[row]] for name, each in factors.items()})
        assert (alone[0] == image).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_an_embedding_learns_by_the_loss_of_its_name(loss: str) -> None:
    by_hand = {
        "f_statistic": lambda codes, labels: f_statistic_loss(codes, labels, 2),
        "triplet": triplet_loss,
        "histogram": histogram_loss,
        "binomial_deviance": binomial_deviance_loss,
    }
    images = torch.from_numpy(Sprites(pixels=16).render_factors(Sprites().combinations(np.arange(8))))
    labels = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2])
    model = Embedding(loss=loss, shape=(16, 16, 3), latent_dim=3)
    expected = float(by_hand[loss](model.encode(images), labels).detach())
    assert float(model.update({"observation": images, "label": labels})["loss"]) == pytest.approx(expected)

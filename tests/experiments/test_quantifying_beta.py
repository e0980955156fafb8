"""The effects of β: digits by hand, who sees which labels, codes that speak from the start."""

import numpy as np
import pytest
from numpy.typing import NDArray

from unknot.experiments import quantifying_beta
from unknot.models.image.vae import VAE


def test_small_digits_are_means_of_the_padded_ones() -> None:
    small, labels = quantifying_beta.digits("test", 16)
    large, same = quantifying_beta.digits("test", 32)
    assert large.shape[1:] == (32, 32, 1)
    assert not large[:, :2].any()  # the paper that is added
    assert not large[:, :, -2:].any()
    np.testing.assert_array_equal(labels, same)
    block = large[:, 14:16, 8:10, 0].mean((1, 2))
    np.testing.assert_allclose(small[:, 7, 4, 0], block, atol=0.5)
    assert small[:, 7, 4, 0].any()


def test_the_classifier_sees_the_first_labels_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes are the image's one pixel; labels after the first half lie."""
    images = np.tile(np.arange(40, dtype=np.uint8) % 2 * 200, 2).reshape(-1, 1, 1, 1)
    labels = (images.ravel() > 0).astype(np.int64)
    lies = np.concatenate([labels[:40], 1 - labels[40:]])

    def digits(split: str, pixels: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        return images, lies if split == "train" else labels

    monkeypatch.setattr(quantifying_beta, "digits", digits)
    monkeypatch.setattr(quantifying_beta, "encode", lambda _, images: images.reshape(-1, 1) / 255)
    settings = quantifying_beta.Settings(labels=(0.5, 1.0))
    learner = VAE(shape=(8, 8, 1), width=2, hidden=4)
    assert quantifying_beta.classify(learner, settings)["accuracy"]["0.5"] == 1
    assert quantifying_beta.classify(learner, settings)["accuracy"]["1"] < 1


def test_autoencoders_are_of_the_kind_their_names_say() -> None:
    network = {"shape": (8, 8, 1), "width": 2, "hidden": 4}
    plain, denoising = (
        quantifying_beta._learner(name, network, dense_hidden=6) for name in ("conv-1", "dense-denoising-0.1")
    )
    assert (plain.network, plain.hidden, plain.noise, plain.beta) == ("conv", 4, 0, 1)
    assert (denoising.network, denoising.hidden, denoising.noise, denoising.beta) == ("dense", 6, 0.2, 0.1)

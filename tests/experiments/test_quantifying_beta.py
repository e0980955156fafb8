"""The effects of β: digits by hand, who sees which labels, and what figures and tables say of all seeds."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from unknot.experiments import quantifying_beta
from unknot.experiments.quantifying_beta import classification, data, figures, tables


def test_small_digits_are_means_of_the_padded_ones() -> None:
    small, labels = data.digits("test", 16)
    large, same = data.digits("test", 32)
    assert large.shape[1:] == (32, 32, 1)
    assert not large[:, :2].any()  # the margin
    assert not large[:, :, -2:].any()
    np.testing.assert_array_equal(labels, same)
    block = large[:, 14:16, 8:10, 0].mean((1, 2))
    np.testing.assert_allclose(small[:, 7, 4, 0], block, atol=0.5)
    assert small[:, 7, 4, 0].any()


def test_the_classifier_sees_the_first_labels_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes are the image's one pixel; labels after the first half are wrong."""
    images = np.tile(np.arange(40, dtype=np.uint8) % 2 * 200, 2).reshape(-1, 1, 1, 1)
    labels = (images.ravel() > 0).astype(np.int64)
    lies = np.concatenate([labels[:40], 1 - labels[40:]])

    def digits(split: str, pixels: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        return images, lies if split == "train" else labels

    monkeypatch.setattr(classification, "digits", digits)
    accuracy = classification.classify(lambda images: images.reshape(-1, 1) / 255, 1, (0.5, 1.0))["accuracy"]
    assert accuracy["0.5"] == 1
    assert accuracy["1"] < 1


def test_digits_stand_between_one_class_for_all_and_their_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The class, of two in three images 1, is the contrast of one pixel; ten others vary more."""
    rng = np.random.default_rng(0)
    labels = (np.arange(300) % 3 > 0).astype(np.int64)
    images = np.zeros((300, 16, 16, 1), np.uint8)
    images[:, 0, :10, 0] = rng.integers(256, size=(300, 10))
    images[:, 8, 8, 0] = 60 * labels
    monkeypatch.setattr(classification, "digits", lambda split, pixels: (images, labels))
    bounds = classification.digit_bounds(16, (1.0,), latent_dim=10, seed=0)
    majority, components, pixels = (bound["accuracy"]["1"] for bound in bounds.values())
    assert majority == pytest.approx(2 / 3)
    assert majority <= components < pixels
    assert pixels > 0.98


def test_autoencoders_are_of_the_kind_their_names_say() -> None:
    network = {"shape": (8, 8, 1), "width": 2, "hidden": 4}
    plain, denoising = (
        quantifying_beta._learner(name, network, dense_hidden=6) for name in ("conv-1", "dense-denoising-0.1")
    )
    assert (plain.network, plain.hidden, plain.noise, plain.beta) == ("conv", 4, 0, 1)
    assert (denoising.network, denoising.hidden, denoising.noise, denoising.beta) == ("dense", 6, 0.2, 0.1)


def measured(scores: dict[str, float], accuracies: dict[str, float]) -> dict[str, Any]:
    """Return the metrics of a seed."""
    shapes = {
        name: {"scores": {"test": {key: {"value": score} for key in tables.METRICS}}, "error": 0.1}
        for name, score in scores.items()
    }
    digits = {name: {"accuracy": {"0.1": accuracy}} for name, accuracy in accuracies.items()}
    bounds: dict[str, Any] = {"shapes_bounds": {}, "digits_bounds": {}}
    return {"source": "mnist", "shapes": shapes, "digits": digits, **bounds}


def named(**values: list[float]) -> dict[str, float]:
    """Name models of rising β by their type."""
    return {
        f"{kind}-{beta:g}": value
        for kind, row in values.items()
        for beta, value in zip((0.0, 0.1, 4.0), row, strict=False)
    }


def test_figures_show_the_mean_and_the_standard_deviation_over_seeds() -> None:
    seeds = [
        measured(dict.fromkeys([f"{kind}-1" for kind in tables.TYPES], score), {"conv-0": 0.5})
        for score in (0.2, 0.4)
    ]
    values = tables.scores(seeds)
    assert values["conv-1"] == [0.2, 0.4]
    panel = figures.curves(values, "metric").axes[0]
    np.testing.assert_allclose(np.asarray(panel.lines[0].get_ydata(), np.float64), [0.3])
    edges = np.asarray(panel.collections[0].get_paths()[0].vertices)[:, 1]
    np.testing.assert_allclose([edges.min(), edges.max()], [0.3 - 0.02**0.5, 0.3 + 0.02**0.5])


def test_the_target_of_shapes_is_a_rise_above_the_error() -> None:
    def note(*last: float) -> str:
        seeds = [measured(named(conv=[0.4, score], dense=[0.3, 0.9]), {}) for score in last]
        return quantifying_beta.tabulate(seeds)[0].notes[-1]

    assert note(0.5, 0.5).endswith("met (2 of 2 are).")
    assert note(0.38, 0.46).endswith("missed (1 of 2 are).")


def test_the_target_of_digits_is_a_leap_and_then_a_fall() -> None:
    def note(*accuracies: float) -> str:
        seeds = [measured({"conv-1": 0.5}, named(conv=list(accuracies), dense=[0.8, 0.9, 0.7]))]
        return quantifying_beta.tabulate(seeds)[1].notes[-1]

    assert "0 to 0.1: met (2 of 2 do); and it is lower at 4 than at 0.1: met (2 of 2 are)" in note(
        0.8, 0.82, 0.8
    )
    assert "0 to 0.1: missed (1 of 2 do); and it is lower at 4 than at 0.1: met" in note(0.8, 0.805, 0.8)
    assert "0 to 0.1: met (2 of 2 do); and it is lower at 4 than at 0.1: missed (1" in note(0.8, 0.82, 0.83)

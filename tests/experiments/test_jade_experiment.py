"""The experiment `jade`: its batches, weights, measures and tables."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unknot.experiments.jade import Settings, _with_weights
from unknot.experiments.jade.data import coloured_batches, paired_batches
from unknot.experiments.jade.measures import content_over_style, variances
from unknot.experiments.jade.tables import DECODER, FLOORS, ROWS, compare, headlines, tabulate
from unknot.files import WEIGHTS
from unknot.models.data.svhn import LabelledImages
from unknot.models.image.bottleneck_classifiers import SingleClassifier
from unknot.representation import save_learner

SMALL: dict[str, Any] = {"shape": (8, 8, 3), "latent_dim": 2, "classes": 2, "width": 4, "hidden": 4}


def some(n: int, channels: int = 3, side: int = 8) -> LabelledImages:
    images = np.random.default_rng(0).integers(256, size=(n, side, side, channels), dtype=np.uint8)
    return LabelledImages(images, np.arange(n) % 10)


def test_a_new_model_takes_weights_but_counts_its_own_updates(tmp_path: Path) -> None:
    trained, fresh = SingleClassifier(**SMALL), SingleClassifier(**SMALL)
    trained.updates += 7
    save_learner(trained, tmp_path / WEIGHTS)
    expected = dict(trained.named_parameters())
    assert _with_weights(fresh, tmp_path).updates == 0
    assert all(torch.equal(value, expected[name]) for name, value in fresh.named_parameters())


def test_pairs_have_one_class_and_batches_repeat() -> None:
    batch_at = paired_batches(some(40), some(100, 1), 20, 0)
    batch, again = batch_at(7), batch_at(7)
    assert torch.equal(batch["label"], batch["other_label"])
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    assert not torch.equal(batch["other"], batch_at(8)["other"])


def test_digits_are_coloured_between_two_colours() -> None:
    half = LabelledImages(np.zeros((5, 8, 8, 1), np.uint8), np.arange(5))
    half.images[:, :, 4:] = 255
    batch = coloured_batches(half, 16, 0)(3)
    images = batch["observation"].numpy().astype(float)
    assert images.shape == (16, 8, 8, 3)
    spread = images[:, 1:7, [0, 7]].std((1,))  # the noise in each half
    assert spread.max() < 30
    assert np.abs(images[:, :, 0] - images[:, :, 7]).mean((1, 2)).max() > 60
    assert images[:, 0, 0].std(0).min() > 30  # other colours in other images


def test_variances_by_hand() -> None:
    labels = np.repeat(np.arange(10), 4)
    style = np.tile([-1.0, 1.0], 20)
    codes = np.stack([labels + 0.1 * style, style], 1)
    found = variances(codes, labels)
    total = np.arange(10).var() + 0.01
    np.testing.assert_allclose(found["total"], [total, 1])
    np.testing.assert_allclose(found["within"], [[0.01 / total, 1]] * 10)
    assert content_over_style(np.array(found["within"]), 1) == pytest.approx(0.01 / total)
    assert variances(np.zeros((40, 1)), labels)["within"][0] == [1]  # of a dimension that is dead


def draws(**errors: list[float]) -> list[dict[str, Any]]:
    """Return metrics of draws with these errors, and with what JADE has besides."""
    jade: dict[str, Any] = {"ratio": 0.4, "active": [9, 10], "within": [[1.0] * 20] * 10, "total": [1.0] * 20}
    jade |= {"other_error": 0.008, "exchanges": dict.fromkeys(("street", "mnist", "reconstructed"), 0.5)}
    jade["exchanges"] |= {"read": 0.85, "images": 0.95}
    count = len(errors["jade"])
    rows = {name: [0.3] * count for name in [*ROWS, DECODER, *FLOORS]} | errors
    return [
        {
            "models": {
                name: {"error": each[k]} | (jade if name in ("jade", DECODER) else {})
                for name, each in rows.items()
            },
            "source": "rendered",
            "other_source": "MNIST",
        }
        for k in range(count)
    ]


def test_rows_are_compared_by_paired_differences() -> None:
    seeds = draws(jade=[0.20, 0.22, 0.24], single=[0.25, 0.26, 0.30])
    points, p, count = compare(seeds, "jade", "single")
    t = 5.0 / (1.0 / 3**0.5)  # differences of 5, 4 and 6 points: mean 5, standard deviation 1
    assert points == pytest.approx(-5)
    assert count == 3
    assert p == pytest.approx(1 - t / (t**2 + 2) ** 0.5)  # of Student's t with two degrees of freedom
    assert compare(seeds[:1], "jade", "single")[1] == 1
    assert compare(seeds, "ccsa", "fine-tuned")[1] == 1  # equal in all draws


def test_the_verdict_needs_the_order_the_points_and_the_tests() -> None:
    order = {"paired": [0.27, 0.28, 0.27, 0.28], "single": [0.30, 0.29, 0.30, 0.30]}
    seeds = draws(jade=[0.20, 0.21, 0.21, 0.20], **order)
    met = [line.met for line in headlines(seeds)]
    assert met == [True] * 5
    assert not headlines(draws(jade=[0.26, 0.28, 0.26, 0.28], **order))[0].met  # p
    assert not headlines(draws(jade=[0.20] * 4, paired=[0.3, 0.32] * 2, single=[0.29] * 4))[0].met  # order
    assert not headlines(draws(jade=[0.40] * 4, **order))[4].met  # today's are better


def test_tables_have_every_row_that_was_measured() -> None:
    first, tests, codes = tabulate(draws(jade=[0.2, 0.21]))
    assert len(first.rows) == len(ROWS) + len(FLOORS)
    assert [row[0] for row in codes.rows] == ["JADE", "JADE, decoder taught on exchanged styles"]
    assert codes.rows[0][1:3] == ("0.40 ± 0.00", "9.0 + 10.0")
    assert len(tests.rows) == 6


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="labels must be a multiple of 10, not 205"):
        Settings(labels=205)
    with pytest.raises(ValueError, match="variance must be above 0, not 0"):
        Settings(variance=0)

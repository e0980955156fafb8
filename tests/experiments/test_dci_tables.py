"""The experiment dci: the ends of its scale, and what its tables say."""

from typing import Any

import numpy as np
import pytest

from unknot.experiments import dci
from unknot.experiments.dci.data import FACTORS, teapots
from unknot.experiments.dci.tables import PUBLISHED, REGRESSORS
from unknot.models.data.teapots import in_gap

TINY = dci.Settings(test_images=300, gap_images=40)


def test_noise_knows_nothing_and_the_factors_know_all() -> None:
    found = dci.bounded({"between": {}}, TINY)
    assert list(found) == ["noise", "between", "factors"]
    for regressor in REGRESSORS:
        noise, factors = found["noise"][regressor], found["factors"][regressor]
        assert min(noise["errors"]) > 0.9
        assert factors["disentanglement"] > 0.99
        assert min(factors["completenesses"]) > 0.99
        assert max(factors["errors"]) < 0.15
        assert len(factors["unseen_errors"]) == len(FACTORS)


def test_training_images_are_neither_in_the_gap_nor_tested_on() -> None:
    learnt, tested, gap = (
        teapots(part, 30, 16, seed)[0] for part, seed in (("seen", 0), ("seen", 1), ("gap", 1))
    )

    def among(table: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return in_gap(dict(zip(FACTORS, table.T, strict=True)))

    assert not among(learnt).any()
    assert not among(tested).any()
    assert among(gap).all()
    assert not np.isin(learnt, tested).any()


@pytest.mark.parametrize("key", PUBLISHED)
def test_the_papers_rows_have_the_papers_means(key: tuple[str, str]) -> None:
    rows = PUBLISHED[key]
    for *values, mean in (rows["errors"], rows["unseen_errors"], rows["scores"][1:]):
        assert len(values) == len(FACTORS)
        # It prints 0.59 and 1.05 below values whose means are 0.61 and 1.08.
        assert np.mean(values) == pytest.approx(mean, abs=0.03)


def seed(**models: tuple[float, float]) -> dict[str, Any]:
    """Return the metrics of a seed, of models with one error throughout and one score throughout."""
    made = {
        name: {
            regressor: {
                "disentanglement": score,
                "disentanglements": [score] * 6,
                "weights": [1 / 6] * 6,
                "completenesses": [score] * 5,
                "errors": [error] * 5,
                "unseen_errors": [2 * error] * 5,
            }
            for regressor in REGRESSORS
        }
        for name, (error, score) in models.items()
    }
    return {"models": made}


def test_tables_put_the_papers_rows_below_ours_and_say_what_was_met() -> None:
    seeds = [seed(pca=(0.5, 0.3), infogan=learnt) for learnt in ((0.1, 0.0), (0.3, 0.4))]
    errors, dimensions, scores = dci.tabulate(seeds)[:3]
    assert [row[:2] for row in errors.rows] == [
        (name, where)
        for model in ("PCA", "InfoGAN")
        for where in ("seen", "left out")
        for name in (model, f"{model}, paper")
    ]
    ours, paper = errors.rows[4], errors.rows[5]
    assert ours[2:] == ("0.20 ± 0.14",) * 6
    assert paper[2:] == ("0.50", "0.09", "0.09", "0.13", "0.09", "0.18")
    assert "0.20 against 0.50, met; on teapots left out: 0.40 against 1.00, met" in errors.notes[-1]
    assert "seed by itself: 0.30 against 0.50, met; 0.60 against 1.00, met" in errors.notes[-1]
    assert dimensions.rows[2] == ("InfoGAN", *["0.20 ± 0.28"] * 6)
    assert dimensions.rows[3] == ("InfoGAN, paper", "0.83", "0.64", "0.65", "0.93", "0.80", "0.80")
    assert scores.rows[3] == ("InfoGAN, best of 2", *["0.40"] * 7)
    assert scores.rows[4][:3] == ("InfoGAN, paper", "0.77", "0.56")
    assert "disentanglement 0.20 against 0.30, missed, completeness 0.20 against 0.30" in scores.notes[-1]
    assert "seed by itself: 0.40 against 0.30, met; 0.40 against 0.30, met" in scores.notes[-1]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"steps": 0}, "steps must be at least 1, not 0"),
        ({"gan_batch": 1}, "gan_batch must be at least 2, not 1"),
        ({"latent_dim": 0}, "latent_dim must be at least 1, not 0"),
        ({"network": "dense"}, "unknown network 'dense'"),
        ({"pixels": 48}, r"pixels must be one of \(64, 32, 16\), not 48"),
    ],
)
def test_settings_refuse_to_measure_nothing(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        dci.Settings(**values)

"""The experiment causal-mechanisms: whose halves, what is measured, what tables and headlines say."""

from typing import Any

import numpy as np
import pytest

from unknot.experiments import causal_mechanisms
from unknot.experiments.causal_mechanisms import PRESETS, data, measures, tables
from unknot.experiments.causal_mechanisms.tables import (
    CLASSIFIER,
    FEW,
    MANY,
    NO_REVIVAL,
    ORACLE,
    OURS,
    PAPER,
    RANDOM,
    ROUTER,
    SINGLES,
)
from unknot.models.data.mechanisms import MECHANISMS
from unknot.models.image.classifier import Classifier
from unknot.models.image.competition import CompetingExperts
from unknot.models.image.routed import RoutedExperts
from unknot.models.image.switch import SwitchExperts


def test_no_canonical_digit_is_the_original_of_a_changed_one() -> None:
    batch_at = data.batches(14, 200, seed=0)
    batches = [batch_at(step) for step in range(5)]
    canonical = {row.numpy().tobytes() for batch in batches for row in batch["canonical"]}
    originals = {row.numpy().tobytes() for batch in batches for row in batch["original"]}
    source = data.transformed("train", 14)
    half = {image.tobytes() for image in source.images}
    assert originals <= half
    assert canonical.isdisjoint(half)
    assert {int(each) for batch in batches for each in batch["mechanism"]} == set(range(10))


def test_what_is_measured_has_every_mechanism_equally_often_and_its_original() -> None:
    factors, images, originals = data.measured("test", 14, 100)
    assert images.shape == (100, 14, 14, 1)
    np.testing.assert_array_equal(np.bincount(factors["mechanism"]), 10)
    at = factors["mechanism"] == MECHANISMS.index("inversion")
    np.testing.assert_array_equal(images[at], 255 - originals[at])
    assert data.transformed("test", 14).variance == 0.0625
    left = factors["mechanism"] == MECHANISMS.index("left")
    np.testing.assert_array_equal(images[left][:, :, :-2], originals[left][:, :, 2:])  # a shift by two


def test_models_are_what_their_names_say() -> None:
    def made(name: str) -> Any:
        return causal_mechanisms._learner(name, PRESETS["default"])

    ours, paper, random = (made(name).settings() for name in (OURS, PAPER, RANDOM))
    assert (ours["identity"], ours["revive_every"], ours["decay"]) == ("shared", 100, True)
    assert (paper["identity"], paper["revive_every"], paper["decay"]) == ("each", 0, False)
    assert (paper["losers"], paper["norm"], paper["r1"], paper["momentum"]) == (9, "batch", 0, 0.9)
    assert paper["learning_rate"] == paper["discriminator_rate"] == 1e-3
    assert random == paper | {"identity": "none"}
    assert made(NO_REVIVAL).settings() == ours | {"revive_every": 0}
    assert [len(made(name).experts) for name in (MANY, FEW, *SINGLES)] == [16, 6, 1, 1, 1]
    widths = [made(name).settings()["width"] for name in (OURS, *SINGLES)]
    assert widths == [16, 16, 32, 64]
    assert isinstance(made(ROUTER), SwitchExperts)
    assert isinstance(made(ORACLE), RoutedExperts)
    assert not isinstance(made(OURS), SwitchExperts)


def test_the_paper_preset_has_the_papers_sizes() -> None:
    learner = causal_mechanisms._learner(PAPER, PRESETS["paper"])
    assert isinstance(learner, CompetingExperts)
    single = sum(p.numel() for p in learner.experts.networks[0].parameters())
    assert single == (9 * 32 + 32) + 3 * (9 * 32 * 32 + 32) + 4 * 2 * 32 + (9 * 32 + 1)
    wide = causal_mechanisms._learner("single-4", PRESETS["paper"])
    assert isinstance(wide, CompetingExperts)
    assert sum(p.numel() for p in wide.experts.parameters()) > 10 * single  # "slightly more" than ten


def test_the_oracle_is_measured_by_the_mechanisms_it_is_told() -> None:
    oracle = RoutedExperts(shape=(14, 14, 1), experts=10, width=2, layers=2, norm="none")
    measured = measures.measure(oracle, Classifier(shape=(14, 14, 1), width=2), 14, 100)
    np.testing.assert_array_equal(measured["matrix"], np.eye(10))
    assert all(measured["own"])
    assert (measured["hungarian"], measured["used"]) == (1, 10)
    assert measured["transfer"]["letters"]["routed"] == 1
    assert measured["accuracy"] == pytest.approx(np.mean(measured["accuracies"]))
    assert measured["transfer"]["digits"]["psnr"] == pytest.approx(measured["psnr"], rel=1e-3)


def test_a_mechanism_without_an_expert_left_goes_to_the_one_that_wins_most() -> None:
    matrix = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    np.testing.assert_array_equal(measures._experts_of(matrix), [0, 1, 0])


def test_stages_end_with_the_last_update() -> None:
    assert measures.stages(1000)[-1] == 1000
    assert measures.stages(4) == [1, 2, 3, 4]


def model(own: int = 10, accuracy: float = 0.97, used: int = 10, letters: float = 20.0) -> dict[str, Any]:
    """Return the metrics of a model with so many mechanisms of their own experts."""
    accuracies = [accuracy] * own + [0.3] * (10 - own)
    return {
        "matrix": np.eye(10).tolist(),
        "hungarian": own / 10,
        "own": [k < own for k in range(10)],
        "used": used,
        "accuracy": accuracy,
        "accuracies": accuracies,
        "outcomes": "1101",
        "psnr": [20.0] * 8 + [25.0, 15.0],
        "transfer": {
            "digits": {"routed": 1.0, "psnr": [20.0] * 10},
            "letters": {"routed": 0.9, "psnr": [letters] * 10},
        },
    }


def seed(**models: dict[str, Any]) -> dict[str, Any]:
    named = {name.replace("_", "-"): metrics for name, metrics in models.items()}
    given = {OURS: model(), PAPER: model(9), RANDOM: model(4), ORACLE: model()} | named
    bounds = {"input": model(0, 0.4), "clusters": {"hungarian": 0.3}}
    return {"source": "mnist", "models": {CLASSIFIER: {"accuracy": 0.975}, **given}, "bounds": bounds}


def met(*seeds: dict[str, Any]) -> list[bool]:
    return [line.met for line in causal_mechanisms.headlines(list(seeds))]


def test_each_target_is_missed_by_what_should_miss_it() -> None:
    many = {"experts_16": model()}
    assert met(seed(**many), *[seed()] * 9) == [True] * 5
    assert met(*[seed()] * 9)[0] is False  # too few seeds
    assert met(*[seed()] * 9, seed(experts=model(9)))[0] is False
    assert met(seed(experts=model(accuracy=0.964)))[1] is False  # over a point below clean digits
    assert met(seed(oracle=model(accuracy=0.976)))[1] is False  # over half a point below the oracle
    assert met(seed(paper_random=model()))[2] is False
    assert met(seed(experts=model(letters=18.9)))[3] is False
    assert met(seed(experts_16=model(used=11)))[4] is False


def test_what_does_not_ship_has_no_target_that_is_met() -> None:
    shipped = seed()
    del shipped["models"][PAPER], shipped["models"][RANDOM]
    lines = causal_mechanisms.headlines([shipped])
    assert [line.met for line in lines] == [False, True, True]
    assert lines[0].floor == "does not ship"
    assert causal_mechanisms.tabulate([shipped])
    assert met(seed(experts_16=model(own=9)))[4] is False


def test_the_table_counts_seeds_and_leaves_out_models_that_are_missing() -> None:
    table = tables.tabulate([seed(), seed(experts=model(8), paper=model())])[0]
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert rows["ours, 10 experts"]["seeds one-to-one"] == "1 of 2"
    assert rows["ours, 10 experts"]["mechanisms with an expert"] == "9.0 ± 1.4"
    assert rows["ours, 10 experts"]["undone"] == "9.0 ± 1.4"
    assert rows["images as they are"]["undone"] == "0.0 ± 0.0"
    assert rows["k-means of the pixels"]["sorted, %"] == "30.0 ± 0.0"
    assert "ours, 16 experts" not in rows
    shipped = seed()
    for name in (ORACLE, PAPER, RANDOM):
        del shipped["models"][name]
    assert len(tables.tabulate([shipped])) == 3


def test_figures_are_of_what_was_measured() -> None:
    points = [{"updates": k, "accuracy": k / 10, "scores": np.eye(10).tolist()} for k in (1, 5)]
    measured = seed(experts=model() | {"curve": points}, experts_16=model(), experts_6=model())
    figures = causal_mechanisms.plot([measured])
    assert set(figures) == {"accuracy", "assignment", "scores", "assignment-many-few"}
    line = figures["accuracy"].axes[0].lines[0]
    np.testing.assert_allclose(np.asarray(line.get_ydata(), np.float64), [0.1, 0.5])
    panels = figures["scores"].axes
    assert [panel.get_title() for panel in panels] == list(MECHANISMS)
    np.testing.assert_allclose(np.asarray(panels[3].lines[3].get_ydata(), np.float64), [1, 1])
    np.testing.assert_allclose(np.asarray(panels[3].lines[2].get_ydata(), np.float64), [0, 0])


def test_wrong_settings_are_named() -> None:
    with pytest.raises(ValueError, match="pixels must be 14 or 28, not 16"):
        causal_mechanisms.Settings(pixels=16)
    with pytest.raises(ValueError, match="momentum must be from 0 to"):
        causal_mechanisms.Settings(momentum=1.0)

"""The part `digits`: the score of a perfect code, what the tables count."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.experiments.common.digits import OtherDigitsError, check_digits, keep_digits
from unknot.experiments.controllable_factors.digits import (
    FACTORS,
    MODELS,
    PRESETS,
    Scenes,
    Settings,
    evaluate,
    measure,
    run,
    sample_scenes,
    tabulate,
)
from unknot.files import FileError
from unknot.representation import Learner
from unknot.run_folders import find_seed
from unknot.running import evaluate_seed


class Given(Learner):
    """Codes that are given."""

    def __init__(self, codes: NDArray[np.float64]) -> None:
        super().__init__()
        self.codes = torch.from_numpy(codes)

    def settings(self) -> dict[str, Any]:
        return {}

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        return self.codes

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        raise NotImplementedError


def test_a_code_of_places_scores_1_and_a_turned_one_does_not() -> None:
    factors = np.random.default_rng(0).integers(0, 5, (400, 4))
    scenes = Scenes(np.zeros((400, 1, 1, 1), np.uint8), factors, "mnist")
    straight = measure(Given(-factors[:, [2, 0, 3, 1]].astype(float)), scenes)
    assert straight["correlation"] == pytest.approx(dict.fromkeys(FACTORS, 1.0))
    assert straight["best"] == {"x1": 1, "y1": 3, "x2": 0, "y2": 2}
    turn = np.kron([[1, 0], [0, 1]], [[1, 1], [1, -1]]) / np.sqrt(2)
    turned = measure(Given(factors @ turn), scenes)
    assert turned["least"] < 0.8
    assert turned["dci"] < 0.6 < straight["dci"]


def test_scenes_hold_every_place_and_are_always_the_same() -> None:
    scenes = sample_scenes(200)
    assert {tuple(column) for column in np.sort(scenes.factors, 0)[[0, -1]].T} == {(0, 4)}
    first, again = scenes.images, sample_scenes(200).images
    np.testing.assert_array_equal(first, again)
    for image, (x, y) in zip(first, scenes.factors[:, :2], strict=True):  # a digit is there
        assert image[8 * y : 8 * y + 8, 8 * x : 8 * x + 8].max() > 100


def test_the_table_counts_seeds_by_their_least_factor() -> None:
    model = {"purity": 0.9, "moves": 8, "information": 2.0, "dci": 0.9}
    metrics = [
        {
            "source": "digits",
            "scenes": 10,
            "models": {
                name: {**model, "correlation": dict.fromkeys(FACTORS, least), "least": least}
                for name in MODELS
            },
        }
        for least in (0.94, 0.95, 0.985)
    ]
    table = tabulate(metrics)[0]
    assert table.rows[0][-3:-1] == ("2 of 3", "1 of 3")
    assert any("scikit-learn" in note for note in table.notes)


def test_a_run_is_recomputed_from_its_weights(tmp_path: Path) -> None:
    metrics = run(PRESETS["smoke"], tmp_path, 0, False)
    assert metrics["models"].keys() == MODELS.keys()
    assert evaluate(PRESETS["smoke"], tmp_path, 0, True) == metrics
    assert sorted(path.name for path in tmp_path.glob("figures/*")) == ["features.png", "policies.png"]


def test_settings_refuse_too_few_scenes() -> None:
    with pytest.raises(ValueError, match="scenes must be at least 50, not 3"):
        Settings(scenes=3)


def test_models_are_not_measured_on_other_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unknot.experiments.common.digits.find_source", lambda: "digits")
    keep_digits(tmp_path)
    keep_digits(tmp_path)  # of a resume
    check_digits(tmp_path)
    monkeypatch.setattr("unknot.experiments.common.digits.find_source", lambda: "mnist")
    for refused in (
        lambda: keep_digits(tmp_path),
        lambda: evaluate(PRESETS["smoke"], tmp_path, 0, full=False),
        lambda: run(PRESETS["smoke"], tmp_path, 0, resume=True),
    ):
        with pytest.raises(FileError, match="scikit-learn's 8 × 8 digits, but this machine has MNIST"):
            refused()


def test_shipped_models_of_mnist_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unknot.experiments.common.digits.find_source", lambda: "digits")
    with pytest.raises(OtherDigitsError, match="unknot fetch mnist"):
        evaluate_seed(find_seed("pretrained/quantifying-beta"), full=True)
    with pytest.raises(OtherDigitsError, match="unknot fetch mnist"):
        evaluate(PRESETS["default"], find_seed("pretrained/controllable-factors") / "digits", 0, full=False)

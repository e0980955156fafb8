import numpy as np
import pytest
import torch

from unknot.experiments import f_statistic
from unknot.experiments.f_statistic import PRESETS, recall

SMOKE = PRESETS["smoke"]


def test_recall_by_hand() -> None:
    codes = torch.tensor([[0.0], [1.0], [1.4], [9.0], [9.1], [30.0], *([1e3 * k] for k in range(1, 7))])
    labels = torch.tensor([0, 1, 0, 2, 2, 1, *range(10, 16)])
    found = recall(codes, labels)
    # Nearest: 0 -> 1 (no), 1 -> 2 (no), 2 -> 1 (no), 3 <-> 4 (yes, yes), the rest no.
    assert found["1"] == pytest.approx(2 / 12)
    assert found["2"] == pytest.approx(4 / 12)  # 0's second is 2, and 2's second is 0
    assert found["4"] == pytest.approx(5 / 12)  # 1 is the fourth from 30
    assert found["10"] == pytest.approx(6 / 12)  # 30 is the fifth from 1


def test_folds_share_no_character() -> None:
    folds = [f_statistic._fold(672, seed) for seed in range(5)]
    np.testing.assert_array_equal(np.sort(np.concatenate(folds)), np.arange(672))


def test_batches_show_none_that_is_held_out_and_attributes_are_the_characters_own() -> None:
    data = f_statistic._characters(SMOKE, 0)
    assert data.attributes.shape == (13440, 7 + 3 + 5)
    np.testing.assert_allclose(data.attributes.mean(0), [1 / 7] * 7 + [1 / 2] + [1 / 3] * 3 + [1 / 2] * 4)
    batch = f_statistic._batches(SMOKE, data, 0)(0)
    labels, counts = np.unique(batch["label"].numpy(), return_counts=True)
    assert not set(labels) & set(data.held_out)
    assert (len(labels), set(counts)) == (SMOKE.characters, {SMOKE.images})
    for image, label in zip(batch["observation"], batch["label"], strict=True):
        same = (data.images == image).flatten(1).all(1).numpy()
        assert int(label) in data.identities[same]

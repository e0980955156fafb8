"""The experiment f-statistic: folds, batches, and what its tables and figures say."""

from typing import Any

import numpy as np
import torch

from unknot.experiments import f_statistic
from unknot.experiments.f_statistic import PRESETS

SMOKE = PRESETS["smoke"]


def test_folds_share_no_character() -> None:
    folds = [f_statistic._fold(672, seed) for seed in range(5)]
    np.testing.assert_array_equal(np.sort(np.concatenate(folds)), np.arange(672))


def test_batches_have_no_held_out_character_and_attributes_are_the_characters_own() -> None:
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


def fold(**areas: list[float]) -> dict[str, Any]:
    """Return the metrics of a seed."""
    recalls = dict.fromkeys(("1", "2", "4", "10"), 0.5)
    return {"models": {name: {"areas": each, "recall": recalls} for name, each in areas.items()}}


def test_the_target_is_half_as_much_again_as_either_other_loss() -> None:
    def note(triplet: list[float], histogram: list[float]) -> str:
        ours = [0.99, 0.96, 0.96, 0.5]
        return f_statistic.tabulate([fold(f_statistic=ours, triplet=triplet, histogram=histogram)])[0].notes[
            -1
        ]

    low, some, more = [0.9] * 4, [0.96, 0.6, 0.6, 0.6], [0.96, 0.96, 0.6, 0.6]
    assert note(low, some).endswith("F-statistic 75.0%, triplet 0.0%, histogram 25.0%, met.")
    assert note(more, low).endswith("F-statistic 75.0%, triplet 50.0%, histogram 0.0%, missed.")
    none = f_statistic.tabulate([fold(f_statistic=low, untrained=low)])[0].notes
    assert not any(sentence.startswith("Target") for sentence in none)


def test_the_figure_counts_the_areas_of_all_folds() -> None:
    seeds = [fold(**{name: [area, 0.52] for name in f_statistic.ROWS}) for area in (0.52, 0.98)]
    panel = f_statistic.plot(seeds)["areas"].axes[0]
    heights = [patch.get_height() for patch in panel.patches[:10]]  # type: ignore[attr-defined]
    np.testing.assert_allclose(heights, [0.75, *[0] * 8, 0.25])


def test_diagrams_have_the_attribute_values_as_columns() -> None:
    data = f_statistic._characters(SMOKE, 0)
    codes = torch.from_numpy(data.attributes[:, :3]).float()
    panel = f_statistic._diagram(f_statistic._areas(codes, data)).axes[0]
    labels = [label.get_text() for label in panel.get_xticklabels()]
    assert labels[:2] == ["body 0", "body 1"]
    assert labels[7:12] == ["arms", "hair 0", "hair 1", "hair 2", "gender"]
    assert len(panel.get_yticklabels()) == 3
    assert "1.00" in panel.get_title()

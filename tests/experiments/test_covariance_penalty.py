"""Penalised correlation: traversals by hand, and what the tables say of the targets."""

from typing import Any

import numpy as np
import torch

from unknot.experiments.covariance_penalty import images, projections, xor
from unknot.models.image.penalised_autoencoder import PenalisedAutoencoder
from unknot.models.traversals import SPAN, traverse
from unknot.representation.learner import as_images


def test_traversals_move_one_dimension_by_its_own_standard_deviations() -> None:
    torch.manual_seed(0)
    learner, codes = PenalisedAutoencoder(code_dim=5), torch.randn(20, 5) * torch.arange(1, 6)
    with torch.no_grad():
        moved = traverse(learner, codes[:3], images._values(codes[:, [4, 2]], 3), [4, 2])
        changed = codes[:3].clone()
        changed[:, 2] = codes[:, 2].mean() + SPAN * codes[:, 2].std()
        expected = as_images(learner.decode(changed))
    assert moved.shape == (2, 3, 3, 32, 32, 3)
    np.testing.assert_array_equal(moved[1, 2], expected)


def test_projections_are_of_the_features() -> None:
    features, inputs = projections.project(2, seed=0)
    assert features.shape == (projections.SAMPLES, 2, 4)
    for k in range(2):
        solution = torch.linalg.lstsq(features[:, k], inputs[:, k]).solution
        torch.testing.assert_close(features[:, k] @ solution, inputs[:, k], rtol=1e-3, atol=1e-3)


def test_the_target_of_projections_is_variance_in_few_dimensions() -> None:
    def note(tdv: float, ud90: float) -> str:
        first, last = (
            {"error": 0.0, "mapc": 0.0, "cvr": 1.0, "tdv": t, "ud90": u} for t, u in ((0, 9), (tdv, ud90))
        )
        points = [first] * (len(projections.LAMBDAS) - 1) + [last]
        ours, other = projections.tabulate([{"curves": {"covariance": points, "l1": points}, "pca": last}])
        assert not other.notes[-1].startswith("Target")
        return ours.notes[-1]

    assert note(0.99, 3.7).endswith("0.990 and 3.7, met.")
    assert note(0.9, 3.7).endswith("missed.")
    assert note(0.99, 4.2).endswith("missed.")


def test_the_target_of_xor_is_most_starts() -> None:
    def note(*least: float) -> str:
        rows = [dict.fromkeys(("solved", "two", "one", "least"), value) for value in least]
        return xor.tabulate([{"penalised": row, "plain": row} for row in rows])[0].notes[-1]

    assert note(60, 80).endswith("70.0%, met.")
    assert note(20, 60).endswith("40.0%, missed.")


def test_the_targets_of_images_are_l1_and_the_paper() -> None:
    def notes(error: float, cvr: float) -> list[str]:
        def model(error: float, cvr: float) -> dict[str, Any]:
            return {"error": error, "cvr": cvr, "ud90": 4.0}

        models = dict(zip(images.ROWS, (model(0.1, 30), model(error, cvr), model(0.12, 20)), strict=True))
        table = images.tabulate([{"models": models, "pca": model(0.1, 1), "source": "pieces"}])[0]
        return [sentence.rpartition(", ")[2] for sentence in table.notes[-2:]]

    assert notes(0.105, 9) == ["met.", "met."]
    assert notes(0.115, 15) == ["met.", "missed."]
    assert notes(0.13, 15) == ["missed.", "missed."]

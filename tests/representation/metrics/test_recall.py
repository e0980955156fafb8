"""Recall@k by hand."""

from typing import Any

import pytest
import torch

from unknot.representation.metrics.recall import recall


def test_recall_by_hand() -> None:
    codes = torch.tensor([[0.0], [1.0], [1.4], [9.0], [9.1], [30.0], *([1e3 * k] for k in range(1, 7))])
    labels = torch.tensor([0, 1, 0, 2, 2, 1, *range(10, 16)])
    found = recall(codes, labels)
    # Nearest: 0 -> 1 (no), 1 -> 2 (no), 2 -> 1 (no), 3 <-> 4 (yes, yes), the rest no.
    assert found["1"] == pytest.approx(2 / 12)
    assert found["2"] == pytest.approx(4 / 12)  # 0's second is 2, and 2's second is 0
    assert found["4"] == pytest.approx(5 / 12)  # 1 is the fourth from 30
    assert found["10"] == pytest.approx(6 / 12)  # 30 is the fifth from 1


@pytest.mark.parametrize(
    ("codes", "labels", "neighbours", "words"),
    [
        (torch.zeros(4), torch.zeros(4), (1,), r"codes must be a tensor \(n, d\)"),
        (torch.zeros(4, 2), torch.zeros(4, 1), (1,), r"labels must be a tensor \(n,\)"),
        (torch.zeros(4, 2), torch.zeros(3), (1,), r"labels must be a tensor \(n,\)"),
        (torch.zeros(4, 2), torch.zeros(4), (), "neighbours must be values of k, at least one"),
        (torch.zeros(4, 2), torch.zeros(4), 1, "neighbours must be values of k, at least one"),
        (torch.zeros(4, 2), torch.zeros(4), (4,), "neighbours must be below the number of rows, 4, not 4"),
    ],
)
def test_bad_arguments_are_refused_by_name(codes: Any, labels: Any, neighbours: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        recall(codes, labels, neighbours)

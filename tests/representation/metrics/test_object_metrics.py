"""Metrics of objects against cases made by hand."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from unknot.representation.metrics.objects import (
    best_threshold,
    counts_above,
    exchange_right,
    foreground_ari,
    match_slots,
    pixel_labels,
)


def masks_of(*rows: str) -> NDArray[np.bool_]:
    """Return masks (1, objects, 1, pixels), a row of 0 and 1 each."""
    return np.array([[[[pixel == "1" for pixel in row]] for row in rows]])


def test_clusters_that_are_the_objects_have_an_ari_of_1_whatever_their_names() -> None:
    masks = masks_of("11000000", "00011000", "00000011")
    labels = np.array([[[7, 7, 0, 2, 2, 0, 5, 5]]])
    assert foreground_ari(labels, masks) == [1.0]
    assert foreground_ari(np.zeros((1, 1, 8), int), masks) == [0.0]


def test_the_ari_is_hubert_and_arabies_on_pixels_of_one_object_alone() -> None:
    # Pixels of A: 0 0 1, of B: 1 1; pixel 3 is both's and pixel 6 none's.
    masks = masks_of("1111000", "0001110")
    labels = np.array([[[0, 0, 1, 9, 1, 1, 9]]])
    together, a, b, pairs = 1 + 1, 3 + 1, 1 + 3, 10  # Σ C(n_ij, 2), Σ C(n_i, 2), Σ C(n_j, 2), C(5, 2)
    expected = (together - a * b / pairs) / ((a + b) / 2 - a * b / pairs)
    np.testing.assert_allclose(foreground_ari(labels, masks), expected)


def test_the_ari_is_undefined_where_fewer_than_two_objects_have_pixels_of_their_own() -> None:
    masks = np.concatenate([masks_of("1100", "0000"), masks_of("1100", "1100"), masks_of("1000", "0100")])
    scores = foreground_ari(np.array([[[0, 1, 2, 3]]] * 3), masks)
    np.testing.assert_array_equal(np.isnan(scores), [True, True, False])


def test_a_pixel_belongs_to_the_slot_with_most_of_it() -> None:
    support = np.array([[[[0.2, 0.9]], [[0.7, 0.1]]]])
    np.testing.assert_array_equal(pixel_labels(support), [[[1, 0]]])


def test_the_best_threshold_is_as_good_as_any() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 4, 200)
    values = rng.exponential(1.0, (200, 5)) + 3 * (np.arange(5) < counts[:, None]) * rng.uniform(
        size=(200, 5)
    )
    rng.permuted(values, axis=1, out=values)

    def right(threshold: float) -> float:
        return float((counts_above(values, threshold) == counts).mean())

    best = max(map(right, np.append(np.sort(values.ravel()) + 1e-9, values.min() - 1)))
    assert right(best_threshold(values, counts)) == best > 0.4


def test_counts_that_a_threshold_can_make_are_all_made() -> None:
    values = np.array([[1.0, 9.0, 8.0], [0.5, 7.0, 2.0], [3.0, 0.0, 1.0], [6.0, 5.0, 8.0]])
    threshold = best_threshold(values, np.array([2, 1, 0, 3]))
    assert 3 < threshold < 5
    np.testing.assert_array_equal(counts_above(values, threshold), [2, 1, 0, 3])
    assert best_threshold(values, np.zeros(4, int)) > 9
    assert best_threshold(values, np.full(4, 3)) < 0
    assert np.isfinite(best_threshold(values, np.full(4, 8)))  # more than there are values: never right


def test_slots_are_matched_so_that_all_overlaps_together_are_greatest() -> None:
    masks = masks_of("11110000", "00001100", "00000000")
    # By itself the first object takes slot 0 (4/6, slot 1: 2/4); then nothing is left for the second (2/6).
    support = masks_of("11111100", "11000000", "00000011")
    np.testing.assert_array_equal(match_slots(support, masks), [[1, 0, -1]])
    np.testing.assert_array_equal(match_slots(support, masks, 0.4), [[1, -1, -1]])
    np.testing.assert_array_equal(match_slots(support[:, 2:], masks), [[-1, -1, -1]])


def scene(*pixels: float) -> NDArray[np.float64]:
    """Return a grey scene (1, 1, w, 3)."""
    return np.array(pixels)[None, None, :, None].repeat(3, -1)


def test_an_exchange_is_right_if_what_should_change_does_and_nothing_else() -> None:
    before, true = scene(1, 1, 0, 0, 0, 0), scene(0, 0, 0, 0, 0.5, 0.5)
    rough = scene(0.9, 0.9, 0, 0, 0, 0)

    def right(*pixels: float) -> bool:
        return bool(exchange_right(scene(*pixels), rough, true, before)[0])

    assert right(0.05, 0.05, 0, 0, 0.45, 0.55)
    assert not right(0.9, 0.9, 0, 0, 0, 0)  # nothing has changed
    assert not right(0.9, 0.9, 0, 0, 0.5, 0.5)  # it came and did not leave: 2 of 4 pixels
    assert not right(0, 0, 0.5, 0.5, 0, 0)  # at another place
    assert not right(0, 0, 0, 0, 1, 1)  # of another colour: error √(0.25 / 2)
    assert not right(0, 0, 0.4, 0.4, 0.5, 0.5)  # something else appeared: 4 of 6 pixels
    assert right(0, 0, 0.4, 0, 0.5, 0.5)  # 4 of 5
    assert exchange_right(before, before, before, before)[0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: foreground_ari(np.zeros((1, 4), int), masks_of("1100")),
            "labels must be an array of numbers",
        ),
        (lambda: foreground_ari(np.zeros((1, 1, 3), int), masks_of("1100")), "labels must be of the scenes"),
        (lambda: match_slots(masks_of("110"), masks_of("1100")), "support must be of the scenes and pixels"),
        (lambda: match_slots(masks_of("1"), masks_of("1"), 2), "least must be from 0 to 1, not 2"),
        (lambda: best_threshold(np.ones((2, 2)), np.array([1])), "counts must be 2 whole numbers"),
        (lambda: best_threshold(np.ones((1, 2)), np.array([-1])), "counts must be 1 whole numbers"),
        (lambda: counts_above(np.ones((2, 2)), np.nan), "threshold must be a finite number"),
        (lambda: exchange_right(scene(1), scene(1), scene(1, 1), scene(1, 1)), "decoded must be of shape"),
        (lambda: pixel_labels(np.zeros((0, 1, 1, 1))), "support must be an array of numbers with 4 axes"),
    ],
)
def test_wrong_arrays_are_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()

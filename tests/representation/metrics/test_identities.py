"""Measures of generators of identities and observations, on cases worked by hand."""

import numpy as np
import pytest

from unknot.representation.metrics.identities import (
    best_threshold,
    copied,
    effective_number,
    variance_shares,
    verification_accuracy,
    verification_auc,
)

DISTANCES = [0.1, 0.2, 0.6, 0.3, 0.7, 0.8]
MATCHED = np.array([True, True, True, False, False, False])


def test_the_area_counts_how_often_a_matched_pair_is_nearer() -> None:
    assert verification_auc(DISTANCES, MATCHED) == pytest.approx(8 / 9)  # only 0.6 against 0.3 is wrong
    assert verification_auc([1, 1, 1, 1], np.array([True, False, True, False])) == 0.5


def test_the_best_threshold_lies_between_the_distances_that_it_parts() -> None:
    threshold = best_threshold(DISTANCES, MATCHED)
    assert threshold == pytest.approx(0.25)
    assert verification_accuracy(DISTANCES, MATCHED, threshold) == pytest.approx(5 / 6)
    assert verification_accuracy(DISTANCES, MATCHED, 0.65) == pytest.approx(5 / 6)
    assert verification_accuracy(DISTANCES, MATCHED, 0.0) == 0.5


def test_a_threshold_never_parts_equal_distances() -> None:
    far, same = [0.2, 0.2, 0.2, 0.9], np.array([True, True, False, False])
    assert best_threshold(far, same) == pytest.approx(0.55)


@pytest.mark.parametrize(
    ("distances", "matched", "message"),
    [
        ([0.1, 0.2], np.array([True, True]), "pairs of both kinds"),
        ([0.1, 0.2], np.array([1, 0]), "bools"),
        ([0.1, np.nan], np.array([True, False]), "finite"),
        ([0.1], np.array([True, False]), r"\(n,\)"),
    ],
)
def test_pairs_that_cannot_be_verified_are_refused(distances, matched, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        verification_auc(distances, matched)


def test_variance_belongs_to_the_code_that_determines_it() -> None:
    rng = np.random.default_rng(0)
    of_identity, of_observation = np.meshgrid(rng.normal(size=60), rng.normal(size=50), indexing="ij")
    assert variance_shares(of_identity) == pytest.approx((1, 0), abs=0.01)
    assert variance_shares(of_observation) == pytest.approx((0, 1), abs=0.01)
    both = variance_shares(of_identity / of_identity.std() + 2 * of_observation / of_observation.std())
    assert both == pytest.approx((0.2, 0.8), abs=0.02)
    assert variance_shares(rng.normal(size=(60, 50))) == pytest.approx((0, 0), abs=0.05)
    assert variance_shares(of_identity * of_observation) == pytest.approx((0, 0), abs=0.1)  # both together
    assert variance_shares(np.ones((3, 4))) == (0, 0)


def test_categories_have_shares_too() -> None:
    category = np.tile(np.arange(30) % 3, (20, 1))
    assert variance_shares(np.eye(3)[category]) == pytest.approx((0, 1), abs=1e-9)


def test_the_effective_number_counts_identities_that_are_far_apart() -> None:
    three = np.repeat(100 * np.eye(3), 4, axis=0)
    assert effective_number(three, 1.0) == pytest.approx(3)
    assert effective_number(np.zeros((5, 2)), 1.0) == pytest.approx(1)
    assert effective_number(100 * np.eye(6), 1.0) == pytest.approx(6)


def test_copies_are_much_nearer_to_training_than_to_any_other() -> None:
    training, others = np.array([[0.0, 0.0], [4.0, 0.0]]), np.array([[2.0, 0.0]])
    generated = np.array([[0.1, 0.0], [1.0, 0.0], [2.1, 0.0], [3.9, 0.0]])
    assert copied(generated, training, others) == 0.5

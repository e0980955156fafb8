"""Moves of codes by the maximum mean discrepancy, and the model of sentences that makes them."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch.nn import functional

from unknot.models.text.batches import length_batches
from unknot.models.text.mmd import median_bandwidth, move_code, move_codes, witness
from unknot.models.text.rnn import symbol_loss
from unknot.models.text.traversal import MMDTraversal
from unknot.models.text.vocabulary import PAD, Vocabulary
from unknot.representation import train

Codes = NDArray[np.float64]


def column(*values: float) -> Codes:
    return np.array(values, float)[:, None]


def two_sets(seed: int = 0) -> tuple[Codes, Codes, Codes]:
    """Return a code, 12 codes around it and 9 codes further on, of 6 dimensions."""
    rng = np.random.default_rng(seed)
    source, target = rng.normal(size=(12, 6)), rng.normal(size=(9, 6)) + 2 * np.eye(6)[0]
    return rng.normal(size=6), source, target


# Moves


def test_the_witness_is_the_difference_of_mean_kernels() -> None:
    values = witness(column(0, 1), column(0, 2), column(1), bandwidth=3.0)
    expected = [(1 + np.exp(-4 / 6)) / 2 - np.exp(-1 / 6), np.exp(-1 / 6) - 1]
    np.testing.assert_allclose(values, expected)
    with pytest.raises(ValueError, match="bandwidth must be above 0"):
        witness(column(0), column(0), column(1), 0.0)


def test_the_bandwidth_is_the_median_of_squared_distances() -> None:
    assert median_bandwidth(column(0, 1), column(3)) == 4
    assert median_bandwidth(column(5, 5), column(5)) == 0


def test_a_move_solves_the_papers_problem_in_the_coefficients_of_all_codes() -> None:
    code, source, target = two_sets()
    price, sigma, scale = 0.2, median_bandwidth(source, target), float(code @ code)
    columns = np.concatenate([target, source, code[None]]).T

    def cost(move: Codes) -> float:
        there = (code + move)[None]
        return float(witness(there, source, target, sigma)[0] + price / scale * move @ move)

    theirs = minimize(lambda delta: cost(columns @ delta), np.zeros(columns.shape[1]), method="BFGS")
    moved = move_code(code, source, target, price)
    assert cost(moved - code) == pytest.approx(theirs.fun, abs=1e-4)
    np.testing.assert_allclose(moved, code + columns @ theirs.x, atol=0.05)
    assert cost(moved - code) < cost(np.zeros(6))


def test_a_move_stays_in_the_span_of_the_codes() -> None:
    rng = np.random.default_rng(0)
    code, source, target = rng.normal(size=8), rng.normal(size=(2, 8)), rng.normal(size=(2, 8))
    move = move_code(code, source, target, 0.1) - code
    span = np.concatenate([source, target, code[None]]).T
    assert np.linalg.norm(move) > 0.1
    np.testing.assert_allclose(span @ np.linalg.lstsq(span, move, rcond=None)[0], move, atol=1e-6)


def test_the_lower_the_price_the_further_a_code_moves_to_the_target() -> None:
    code, source, target = two_sets()
    moved = [move_code(code, source, target, price) for price in (100.0, 1.0, 0.1, 0.0)]
    lengths = [np.linalg.norm(each - code) for each in moved]
    assert lengths[0] < 0.02 < lengths[1] < lengths[2] < lengths[3]
    values = witness(np.stack(moved), source, target, median_bandwidth(source, target))
    assert (np.diff(values) < 0).all()


def test_where_all_codes_are_the_same_there_is_nowhere_to_go() -> None:
    same = np.ones((3, 2))
    assert move_code(same[0], same, same, 0.1).tolist() == [1, 1]
    with pytest.raises(ValueError, match="price must be at least 0, not -1"):
        move_code(same[0], same, same, -1)


def test_the_nearest_codes_of_each_side_make_the_sets() -> None:
    code, source, target = two_sets()
    near = [each[np.argsort(((each - code) ** 2).sum(1))[:4]] for each in (source, target)]
    moved = move_codes(code[None], [source, target], np.array([1]), 0.1, 4)
    np.testing.assert_allclose(moved[0], move_code(code, near[0], near[1], 0.1))
    back = move_codes(code[None], [source, target], np.array([0]), 0.1, 4)
    np.testing.assert_allclose(back[0], move_code(code, near[1], near[0], 0.1))
    others = move_codes(code[None], [source[:6], target, source[6:]], np.array([1]), 0.1, 4)
    np.testing.assert_allclose(others, moved)
    none = move_codes(code[None], [source, target[:0]], np.array([1]), 0.1, 4)
    assert none.tolist() == [code.tolist()]


# The model

SUBJECTS = ("soup", "film", "phone", "price", "actor", "view")
SENTENCES = [f"the {subject} is {verdict} !" for verdict in ("bad", "good") for subject in SUBJECTS]
LABELS = np.repeat([0, 1], len(SUBJECTS))
VOCABULARY = Vocabulary.of(SENTENCES)
SMALL: dict[str, Any] = {"vocabulary": VOCABULARY.symbols, "longest": 6, "embedding": 8, "filters": 6}
SMALL |= {"hidden": 16, "dropout": 0.0, "examples": 6, "neighbours": 6, "learning_rate": 1e-2, "price": 0.1}


def batches(size: int = 12) -> Any:
    return length_batches({"observation": VOCABULARY.encode(SENTENCES), "label": LABELS}, size, 0)


def made(steps: int, **changed: Any) -> MMDTraversal:
    torch.manual_seed(0)
    learner = MMDTraversal(**SMALL | {"steps": max(steps, 1)} | changed)
    train(learner, batches(), steps, progress=False)
    return learner


def test_an_update_goes_down_the_unweighted_sum_of_both_losses() -> None:
    learner, again = made(0).train(), made(0).train()
    batch = batches()(0)
    tokens, labels = batch["observation"], batch["label"]
    codes = again.encode_tokens(tokens)
    writing = symbol_loss(again.decoder(codes, tokens).scores, tokens)
    reading = functional.cross_entropy(again.head(codes), labels)
    again.optimizers["adam"].zero_grad()
    (writing + reading).backward()  # type: ignore[no-untyped-call]
    again.optimizers["adam"].step()
    scalars = learner.update(batch)
    assert float(scalars["reconstruction"]) == pytest.approx(writing.item(), rel=1e-5)
    assert float(scalars["classifier"]) == pytest.approx(reading.item(), rel=1e-5)
    for ours, theirs in zip(learner.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_batch_without_labels_teaches_writing_alone() -> None:
    learner = made(0).train()
    head = [weight.clone() for weight in learner.head.parameters()]
    written = learner.decoder.output.weight.clone()
    scalars = learner.update({"observation": batches()(0)["observation"]})
    assert set(scalars) == {"reconstruction"}
    assert all(a.equal(b) for a, b in zip(learner.head.parameters(), head, strict=True))
    assert not learner.decoder.output.weight.equal(written)
    assert (learner.kept == PAD).all()
    assert learner.transfer(SENTENCES[:2], "positive") == learner.decode(learner.encode(SENTENCES[:2]))


def test_the_latest_sentences_of_each_value_are_kept() -> None:
    learner = MMDTraversal(**SMALL | {"longest": 4, "examples": 2})
    learner.keep(torch.tensor([[4, 5, 2], [6, 2, 0], [7, 2, 0]]), torch.tensor([0, 1, 1]))
    learner.keep(torch.tensor([[8, 9, 4, 5, 6, 2]]), torch.tensor([1]))
    assert learner.kept.tolist() == [[[4, 5, 2, 0, 0], [0] * 5], [[8, 9, 4, 5, 6], [6, 2, 0, 0, 0]]]
    assert [each.shape for each in learner.kept_codes()] == [(1, 24), (2, 24)]


def test_moved_codes_give_sentences_with_the_other_attribute_and_the_same_rest() -> None:
    learner, half = made(300, dropout=0.3, price=0.3), len(SUBJECTS)
    expected = SENTENCES[half:] + SENTENCES[:half]

    def swapped(learner: MMDTraversal) -> float:
        written = learner.transfer(SENTENCES, 1 - LABELS)
        return float(np.mean([a == b for a, b in zip(written, expected, strict=True)]))

    assert learner.decode(learner.encode(SENTENCES)) == SENTENCES
    assert (learner.classify(learner.encode(SENTENCES)).numpy() == LABELS).all()
    assert swapped(made(0)) == 0
    assert swapped(learner) >= 0.75
    learner.price = 100.0  # nothing moves
    assert learner.transfer(SENTENCES, 1 - LABELS) == SENTENCES
    learner.price = 0.0  # codes move to the middle of the target, and forget the rest
    assert swapped(learner) <= 0.5

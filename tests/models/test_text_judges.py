"""Judges of sentences against cases worked by hand."""

from typing import Any

import numpy as np
import pytest
import torch

from unknot.models.data.sentences import Reviews
from unknot.models.text.judges import NgramJudge, exact_transfer, fit_language_model, reverse_perplexity
from unknot.models.text.vocabulary import tokenised
from unknot.representation.metrics.bleu import bleu


@pytest.mark.parametrize(
    ("outputs", "references", "expected"),
    [  # by hand, and by sacrebleu 2.6.0 without a tokeniser
        (["a b c d e"], [["a b c d e"]], 100.0),
        (["the cat sat on the mat"], [["the cat sat on a mat"], ["a cat was on the mat"]], 67.56000774035172),
        (["a b c d e", "f g h"], [["a b c d x y", "f g"]], 59.460355750136046),
        (["a b c d", "x y z w"], [["a c b d", "x y w z"]], 22.59005009024613),
        (["a b c d"], [["a b c d e f g h"]], 100 * np.exp(-1)),  # half as long
        (["a b c d x"], [["a b c d"]], 100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25),
        (["a b c d"], [["w x y z"]], 0.0),
        (["a b"], [["a b"]], 0.0),  # there is no 4-gram
        (["A b c d"], [["a b c d"]], 100 * (3 / 4 * 2 / 3 * 1 / 2 * 1 / 2) ** 0.25),
    ],
)
def test_bleu_is_the_published_one(outputs: list[str], references: list[list[str]], expected: float) -> None:
    assert bleu(outputs, *references) == pytest.approx(expected, abs=1e-9)


def test_bleu_counts_a_corpus_and_refuses_other_lists() -> None:
    # Brevity is of the corpus: the second output makes up for the first one's missing word.
    assert bleu(["a b c d", "f g h i j k"], ["a b c d e", "f g h i j"]) == pytest.approx(
        100 * (9 / 10 * 7 / 8 * 5 / 6 * 3 / 4) ** 0.25
    )
    for outputs, references in (([], [[]]), (["a"], []), (["a"], [["a", "b"]]), ("a", [["a"]])):
        with pytest.raises(ValueError, match="references must be"):
            bleu(outputs, *references)


REVIEWS = Reviews()


def test_the_grammar_says_what_was_transferred_and_what_was_kept() -> None:
    factors = REVIEWS.sample_factors(40, np.random.default_rng(0))
    originals = REVIEWS.render_factors(factors)
    wanted = 1 - factors["sentiment"]
    perfect = exact_transfer(originals, REVIEWS.render_factors(factors | {"sentiment": wanted}), wanted)
    assert set(perfect.shares().values()) == {1.0}
    copied = exact_transfer(originals, originals, wanted)
    assert copied.shares()["transferred"] == copied.shares()["both"] == 0
    assert copied.shares()["all_kept"] == 1
    moved = factors | {"sentiment": wanted, "place": (factors["place"] + (np.arange(40) < 10)) % 64}
    outputs = [*REVIEWS.render_factors(moved)[:30], *["good food"] * 10]
    found = exact_transfer(originals, outputs, wanted)
    shares = found.shares()
    assert (shares["grammatical"], shares["transferred"], shares["noun"]) == (0.75, 0.75, 0.75)
    assert (shares["place"], shares["all_kept"], shares["both"]) == (0.5, 0.5, 0.5)
    assert found.both.tolist() == [False] * 10 + [True] * 20 + [False] * 10
    topics = exact_transfer(originals, originals, factors["topic"], factor="topic")
    assert topics.shares()["both"] == 1
    assert "sentiment" in topics.kept
    with pytest.raises(ValueError, match="originals must be of the grammar, not 'good food'"):
        exact_transfer(["good food"], ["good food"], 1)
    with pytest.raises(ValueError, match="outputs must be as many as originals, 40, not 1"):
        exact_transfer(originals, ["good food"], wanted)
    with pytest.raises(ValueError, match="did you mean 'sentiment'"):
        exact_transfer(originals, originals, 1, factor="sentiments")


def test_the_judge_of_ngrams_learns_words_and_neighbours() -> None:
    sentences = ["good food", "not good food", "bad food", "not bad food"] * 20
    judge = NgramJudge(sentences, [1, 0, 0, 1] * 20)
    assert judge.classify(["not bad food", "good soup", "not good"]).tolist() == [1, 1, 0]
    with pytest.raises(ValueError, match="sentences must be a list of strings"):
        judge.classify("good")
    topics = NgramJudge(["a soup", "a film", "a phone"] * 4, [0, 1, 2] * 4)
    assert topics.classify(["phone", "the soup", "film"]).tolist() == [2, 0, 1]


def test_the_reverse_perplexity_is_low_for_what_is_true_and_varied() -> None:
    words = [f"{a} {b} ." for a in "abcd" for b in "wxyz"]
    state = torch.get_rng_state()
    settings: dict[str, Any] = {
        "steps": 150,
        "batch_size": 16,
        "embedding": 8,
        "hidden": 16,
        "learning_rate": 1e-2,
        "dropout": 0.0,
    }
    vocabulary = (*"abcdwxyz", ".")
    good = reverse_perplexity(words, words, vocabulary, **settings)
    assert good == pytest.approx(16 ** (1 / 4), rel=0.05)  # four nats' worth of choices over four symbols
    collapsed = reverse_perplexity(words[:1] * 16, words, vocabulary, **settings)
    assert collapsed > 2 * good
    assert torch.get_rng_state().equal(state)
    model = fit_language_model(words, vocabulary, **settings)
    assert model.perplexity(words) == good  # the same seed, the same judge


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("I didn't like it, can't say why!!", "i did n't like it , ca n't say why !!"),
        ("It’s “great” (5 stars)...", "it 's “ great ” ( 5 stars ) ..."),
        ("A well-known ad-2500 for $5.99.", "a well-known ad-2500 for $ 5.99 ."),
        ("the cake was n't bad .", "the cake was n't bad ."),
    ],
)
def test_sentences_are_split_like_yelps(sentence: str, expected: str) -> None:
    assert tokenised(sentence) == expected
    assert tokenised(expected) == expected

"""The grammar of reviews: read back exactly, varied, and a source like every other."""

from collections import Counter

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from unknot.models.data.review_words import ADJECTIVES, DEGREES, FRAMES, NOUNS, PLACES, SUBJECTS, TIMES
from unknot.models.data.sentences import NEGATING, Reviews
from unknot.models.data.stream import stream
from unknot.models.text.vocabulary import Vocabulary
from unknot.representation.metrics import evaluate_codes

REVIEWS = Reviews()
ONE = {name: np.zeros(1, np.int64) for name in REVIEWS.factor_space}


def sentence(**factors: int) -> str:
    return str(REVIEWS.render_factors(ONE | {name: np.array([k]) for name, k in factors.items()})[0])


def test_every_factor_of_ten_thousand_sentences_is_read_back() -> None:
    factors = REVIEWS.sample_factors(10_000, np.random.default_rng(0))
    sentences = REVIEWS.render_factors(factors)
    assert len(set(sentences)) == 10_000
    read = REVIEWS.read(sentences)
    assert read.keys() == factors.keys() == REVIEWS.factor_space.spaces.keys()
    for name, values in factors.items():
        np.testing.assert_array_equal(read[name], values)
    assert {word for each in sentences for word in each.split()} <= set(REVIEWS.words)
    assert {len(each.split()) for each in sentences} == set(range(10, 21))


def test_each_word_of_a_slot_is_in_one_list_and_there_are_over_a_thousand_words() -> None:
    nested = [words for table in (NOUNS, ADJECTIVES, DEGREES) for part in table for words in part]
    counts = Counter(word for words in [*nested, *TIMES, SUBJECTS, PLACES] for word in words)
    fixed = {form for pair in FRAMES for t in pair for word in t.split() for form in word.split("|")}
    assert max(counts.values()) == 1
    assert not counts.keys() & fixed
    assert len(REVIEWS.words) > 1000
    assert {len(words) for topic in NOUNS for words in topic} == {24}


def test_sentences_say_what_their_factors_say() -> None:
    assert sentence() == "yesterday anna said the soup in lisbon was kinda bland ."
    assert sentence(sentiment=1, tense=2, intensity=2) == (
        "tomorrow anna will say the soup in lisbon will be super delicious ."
    )
    assert sentence(sentiment=1, formality=1, frame=11) == (
        "yesterday , anna denied that the soup in lisbon was somewhat flavourless ."
    )
    assert sentence(frame=9) == (
        "some guys called the soup in lisbon wholesome but anna thought it was kinda bland yesterday ."
    )
    for frame in range(len(FRAMES)):
        adjectives = [word for word in sentence(frame=frame).split() if word in sum(ADJECTIVES[0], ())]
        assert (adjectives[-1] in ADJECTIVES[0][1]) == (frame in NEGATING)


def test_neither_words_nor_neighbours_give_the_sentiment_away() -> None:
    factors = REVIEWS.sample_factors(6000, np.random.default_rng(1))
    counts = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\S+").fit_transform(
        REVIEWS.render_factors(factors)
    )
    model = LogisticRegression(max_iter=200).fit(counts[:5000], factors["sentiment"][:5000])
    assert 0.6 < model.score(counts[5000:], factors["sentiment"][5000:]) < 0.9


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("soup", "waiter"),  # a bland waiter
        ("kinda", "somewhat"),  # a formal word in an informal sentence
        ("yesterday", "tomorrow"),
        ("soup", "soup soup"),
        ("anna", "{subject}"),
        ("lisbon", "atlantis"),
        (" .", ""),
    ],
)
def test_a_sentence_that_the_grammar_cannot_write_is_not_read(old: str, new: str) -> None:
    assert REVIEWS.read([sentence().replace(old, new)])["noun"].tolist() == [-1]


def test_any_word_that_says_the_same_is_read() -> None:
    other = sentence().replace("bland", "soggy").replace("kinda", "sorta").replace("yesterday", "recently")
    assert {name: int(values[0]) for name, values in REVIEWS.read([other]).items()} == dict.fromkeys(ONE, 0)
    quoting = sentence(frame=9)
    assert REVIEWS.read([quoting])["frame"].tolist() == [9]
    good = next(word for word in quoting.split() if word in ADJECTIVES[0][1])
    assert REVIEWS.read([quoting.replace(good, "soggy")])["frame"].tolist() == [-1]
    assert REVIEWS.read([])["frame"].shape == (0,)
    with pytest.raises(ValueError, match="sentences must be a list of strings"):
        REVIEWS.read("one string")


def test_a_small_grammar_samples_fewer_words_of_the_same_sentences() -> None:
    small = Reviews(nouns=3, subjects=2, places=4)
    factors = small.sample_factors(300, np.random.default_rng(0))
    assert [len(set(factors[name])) for name in ("noun", "subject", "place")] == [3, 2, 4]
    np.testing.assert_array_equal(small.render_factors(factors), REVIEWS.render_factors(factors))
    with pytest.raises(ValueError, match="nouns must be from 2 to 24, not 25"):
        Reviews(nouns=25)


def test_factors_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"noun must be in \[0, 23\]"):
        sentence(noun=24)
    with pytest.raises(ValueError, match="factors must be"):
        REVIEWS.render_factors({"noun": np.array([0])})


def test_sentences_are_streamed_and_their_codes_measured() -> None:
    vocabulary = Vocabulary(REVIEWS.words)
    batch = stream(REVIEWS, 5, seed=0, factors=True, convert=vocabulary.encode)(3)
    assert batch["observation"].dtype == torch.int64
    read = REVIEWS.read(vocabulary.decode(batch["observation"]))
    assert read["topic"].tolist() == batch["topic"].tolist()

    def oracle(sentences: list[str]) -> NDArray[np.float64]:
        read = REVIEWS.read(sentences)
        return np.stack([read[name].astype(float) for name in REVIEWS.factor_space], 1)

    scores = evaluate_codes(oracle, REVIEWS, ["mig", "modularity"], samples=2000)
    assert scores["mig"].value > 0.85
    assert scores["mig"].choices["factors"] == list(REVIEWS.factor_space)

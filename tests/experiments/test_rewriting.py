"""What experiments that rewrite sentences share: data, rules, measures."""

from pathlib import Path

import numpy as np
import pytest

from unknot.experiments.common.rewriting import (
    SENTIMENT,
    SIGNS,
    Task,
    load_grammar,
    load_yelp,
    other_values,
    split,
)
from unknot.experiments.common.rewriting_measures import judge, published, shown_rows
from unknot.experiments.common.rewriting_rules import COPY, ORACLE, TEMPLATE, Template, make_rule, rules_of
from unknot.models.data.sentences import Reviews
from unknot.models.data.sentiment import LabelledSentences


def task(seed: int = 0) -> Task:
    return load_grammar(SENTIMENT, SIGNS, Reviews(nouns=2, subjects=2, places=2), 400, 40, 2, seed)


# Data


def test_tests_are_the_same_for_all_seeds_and_training_is_not() -> None:
    one, two = (task(seed) for seed in (0, 1))
    assert one.test.sentences == two.test.sentences
    assert one.training.sentences != two.training.sentences
    assert one.read(one.test.sentences).tolist() == one.test.labels.tolist()
    assert one.read(["no such sentence"]).tolist() == [-1]
    for sentences in (one.training.sentences, one.language.sentences):
        assert sentences[:5] != one.test.sentences[:5]


def test_wanted_values_are_others_in_turn() -> None:
    assert other_values(np.array([0, 1, 0]), 2).tolist() == [1, 0, 1]
    wanted = other_values(np.array([0, 0, 2, 2]), 3)
    assert wanted.tolist() == [1, 2, 0, 1]


def yelp(folder: Path) -> Path:
    """Write files in the formats of Shen et al. and of Luo et al."""
    words = (("bad", "awful"), ("good", "great"))
    for part, n in (("dev", 40), ("test", 40)):
        for label in (0, 1):
            lines = [
                f"the {part} {'soup' if k % 2 else 'cake'} is {words[label][k % 3 % 2]} {k} ."
                for k in range(n)
            ]
            (folder / f"sentiment.{part}.{label}").write_text("\n".join(lines) + "\n")
    for name in ("data/yelp", "references/yelp", "outputs/yelp/CrossAlignment_Shen"):
        (folder / name).mkdir(parents=True)
    own = [[f"the pie is {word} ." for word in pair] for pair in words]
    for label in (0, 1):
        lines = [f"{a}\t{b}" for a, b in zip(own[label], own[1 - label], strict=True)]
        (folder / f"data/yelp/test.{label}").write_text("\n".join(own[label]) + "\n")
        for k in range(4):
            (folder / f"references/yelp/reference{k}.{label}").write_text("\n".join(lines) + "\n")
        path = folder / f"outputs/yelp/CrossAlignment_Shen/test.{label}-{1 - label}.tsf"
        path.write_text("\n".join(lines) + "\n")
    return folder


def test_yelps_sentences_for_judges_training_and_testing_are_different_ones(tmp_path: Path) -> None:
    found = load_yelp(str(yelp(tmp_path)), judge_steps=1)
    parts = [found.training.sentences, found.language.sentences, found.held_out, found.test.sentences]
    assert [len(part) for part in parts] == [54, 53, 53, 4]
    assert len(set().union(*parts)) == sum(map(len, parts))
    assert sorted(found.test.labels) == [0, 0, 1, 1]
    scores = published(found)
    assert set(scores) == {"CrossAlignment_Shen", *(f"person {k}" for k in range(1, 5))}
    assert scores["CrossAlignment_Shen"]["transfer"] == 1
    assert scores["person 1"]["references"] == pytest.approx(100)
    assert rules_of(found.exact) == (COPY, TEMPLATE)
    copied = judge(found.test.sentences, found)
    assert (copied["transfer"], copied["bleu"]) == (0, pytest.approx(100))
    assert "both" not in copied


def test_all_copies_of_a_sentence_are_in_one_part() -> None:
    sentences = [f"s{k % 30}" for k in range(100)]
    parts = split(LabelledSentences(sentences, np.arange(100) % 2), 20, 10)
    assert sorted(each for part in parts for each in part.sentences) == sorted(sentences)
    first, second, _ = (len(part.sentences) for part in parts)
    assert 20 <= first <= 23
    assert 30 <= first + second <= 33
    assert sum(len(set(part.sentences)) for part in parts) == 30
    for part in parts:  # the label still belongs to the sentence
        assert [int(each[1:]) % 2 for each in part.sentences] == part.labels.tolist()


# Rules


def test_markers_are_replaced_by_those_of_the_most_similar_sentence() -> None:
    sentences = ["the soup is bad", "the film is so boring", "a bad place"] * 3
    sentences += ["the soup is tasty", "the film is so funny", "a nice place"] * 3
    rule = Template(LabelledSentences(sentences, np.repeat([0, 1], 9)), 2)
    given = ["the film is so boring", "the soup is bad", "the film is tasty", "nothing is known"]
    written = rule(given, np.array([1, 1, 0, 1]))
    assert written == ["the film is so funny", "the soup is tasty", "the film is boring", "nothing is known"]
    assert given[0] == "the film is so boring"


def test_the_truth_transfers_and_keeps_everything_and_a_copy_nothing() -> None:
    found = task()
    assert rules_of(found.exact) == (COPY, TEMPLATE, ORACLE)
    oracle = judge(make_rule(ORACLE, found)(found.test.sentences, found.wanted), found)
    assert (oracle["transfer"], oracle["kept"], oracle["both"]) == (1, 1, 1)
    assert "noun" in oracle["factors"]
    copied = judge(make_rule(COPY, found)(found.test.sentences, found.wanted), found)
    assert (copied["transfer"], copied["kept"], copied["bleu"]) == (0, 1, pytest.approx(100))
    assert copied["examples"] == [found.test.sentences[k] for k in shown_rows(len(found.test.sentences))]


# Measures


def test_transferred_and_kept_are_counted_sentence_by_sentence() -> None:
    found = task()
    factors = Reviews().read(found.test.sentences)
    factors[found.factor] = 1 - factors[found.factor]
    outputs = list(map(str, Reviews().render_factors(factors)))
    factors["tense"] = (factors["tense"] + 1) % 3
    outputs[:4] = list(map(str, Reviews().render_factors(factors)))[:4]
    outputs[4:10] = found.test.sentences[4:10]
    outputs[10] = "no such sentence"
    scores = judge(outputs, found)
    n = len(outputs)
    assert scores["transfer"] == pytest.approx((n - 7) / n)
    assert scores["kept"] == pytest.approx((n - 5) / n)
    assert scores["both"] == pytest.approx((n - 11) / n)
    assert scores["grammatical"] == pytest.approx((n - 1) / n)
    assert scores["factors"]["tense"] == pytest.approx((n - 5) / n)
    assert scores["factors"]["place"] == pytest.approx((n - 1) / n)
    assert scores["outcomes"]["both"] == "0" * 11 + "1" * (n - 11)
    assert scores["perplexity"] > 1

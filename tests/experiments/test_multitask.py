"""The experiment `multitask`: its sentences, rules, measures and tables."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from unknot.experiments.common.runs import UNTRAINED
from unknot.experiments.multitask import PRESETS, Settings
from unknot.experiments.multitask import data as multitask_data
from unknot.experiments.multitask.data import load_corpus, words_of
from unknot.experiments.multitask.figures import plot_errors
from unknot.experiments.multitask.measures import (
    ENDS,
    POINTS,
    TRIPLES,
    add_and_subtract,
    cluster,
    clustering_error,
    interpolate,
    known_words,
)
from unknot.experiments.multitask.models import FEWER, REP_DE_FR, REP_DE_POS, ROWS, make, training_arrays
from unknot.experiments.multitask.prototypes import ALIKE_LENGTH, SETS, WORDS, fill
from unknot.experiments.multitask.rules import FUNCTION_WORDS, LENGTH, ORACLE, RULES, TAGGED
from unknot.experiments.multitask.tables import headlines, tabulate
from unknot.models.text.multitask import MultitaskAutoencoder

SMOKE = PRESETS["smoke"]


# Data


def test_test_sentences_are_not_learnt_from_and_rows_get_what_they_need() -> None:
    corpus = load_corpus(SMOKE)
    assert not set(corpus.training) & set(corpus.test)
    assert len(corpus.test) == SMOKE.test
    arrays = training_arrays("rep-de-pos-third", corpus)
    assert set(arrays) == {"observation", "de", "pos"}
    assert len(arrays["pos"]) == len(corpus.training) // 3
    english, german, _, tags = corpus.training[0]
    assert corpus.alphabet.decode(arrays["observation"][:1].astype(np.int64)) == [english]
    assert corpus.alphabet.decode(arrays["de"][:1].astype(np.int64)) == [german]
    assert corpus.tags.decode(arrays["pos"][:1].astype(np.int64)) == [tags]
    with pytest.raises(ValueError, match="test must leave three batches"):
        load_corpus(Settings(toy=20, test=100))


def test_real_sentences_are_those_of_all_files_that_are_short_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Shout:
        def tag(self, words: list[str]) -> list[str]:
            return [word.upper() for word in words]

    def pages() -> list[tuple[str, str, str]]:
        some = [(f"Press key {k}, now!", f"Taste {k}.", f"Touche {k}.") for k in range(20)]
        return [*some, ("A" * 101, "a", "b"), ("Long in German.", "a" * 141, "b"), some[0]]

    monkeypatch.setattr(multitask_data, "Tagger", Shout)
    monkeypatch.setattr(multitask_data, "read_help_pages", pages)
    for end in ("en", "de", "fr"):
        (tmp_path / f"train.{end}").write_text(f"a dog in {end}\n")
    corpus = load_corpus(Settings(multi30k=str(tmp_path), test=2, batch=2))
    every = [*corpus.training, *corpus.test]
    assert len(every) == 21
    assert ("a dog in en", "a dog in de", "a dog in fr", "A DOG IN EN") in every
    assert ("Press key 3, now!", "Taste 3.", "Touche 3.", "PRESS KEY 3 , NOW !") in every
    assert words_of("Don't press 3, (now)!") == ["don't", "press", "3", "now"]


# Prototypes and rules


def test_prototypes_are_filled_with_content_words_alone() -> None:
    for kind, words in WORDS.items():
        assert len(set(words)) == len(words) > 15
        for word in words:
            assert not {word, f"{word}s", f"{word}ing"} & ENGLISH_STOP_WORDS, (kind, word)
    filled = fill("prototypes", 3)
    assert filled.sentences == fill("prototypes", 3).sentences
    assert filled.sentences[-3:] == ["", "", ""]
    assert all(sentence[0].isupper() and "+" not in sentence for sentence in filled.sentences[:-3])
    assert filled.labels.tolist()[:4] == [0, 0, 0, 1]
    assert filled.syntax[0] == "The NN is JJ."


def test_sentences_that_look_alike_share_length_and_function_words() -> None:
    filled = fill("alike", 20)
    assert {len(sentence) for sentence in filled.sentences} == {ALIKE_LENGTH}
    assert len(set(filled.syntax)) == len(SETS["alike"])
    assert len(np.unique(RULES[FUNCTION_WORDS](filled), axis=0)) == 1
    assert cluster(RULES[LENGTH](filled), filled.labels, 1)["best"] == 120
    assert cluster(RULES[ORACLE](filled), filled.labels, 2)["best"] == 0


def test_function_words_tell_all_prototypes_but_one() -> None:
    filled = fill("prototypes", 10)
    assert cluster(RULES[ORACLE](filled), filled.labels, 2)["best"] == 0
    assert cluster(RULES[FUNCTION_WORDS](filled), filled.labels, 5)["best"] == 10


# Measures


def test_the_clustering_error_is_the_papers() -> None:
    labels = np.array([0] * 4 + [1] * 3 + [2] * 3)
    clusters = np.array([0, 0, 0, 1, 1, 1, 0, 2, 2, 1])
    assert clustering_error(clusters, labels) == 1 + 2 + 0
    codes = np.eye(3)[labels] + 1e-3 * np.arange(10)[:, None]
    found = cluster(codes, labels, 3)
    assert (found["best"], len(found["errors"])) == (0, 3)
    assert sorted(map(max, found["counts"])) == [3, 3, 4]
    assert cluster(np.ones((10, 2)), labels, 2) == {
        "errors": [6, 6],
        "best": 6,
        "mean": 6.0,
        "counts": [[4, 3, 3]],
    }


def test_words_of_repeated_lines_are_not_known() -> None:
    assert known_words(["The dog.", "The dog.", "A zorb is."], {"the", "dog", "a", "is"}) == 4 / 7
    assert known_words([""], {"a"}) == 0


class Bag(MultitaskAutoencoder):
    """Codes are counts of words by place, from which sentences are read back: sums come out right."""

    def __init__(self, words: list[str]) -> None:
        super().__init__(vocabulary=("a",), hidden=2, code_dim=2)
        self.words = words

    def encode(self, images: Any) -> torch.Tensor:
        codes = torch.zeros(len(images), 12, len(self.words))
        for code, sentence in zip(codes, images, strict=True):
            for place, word in enumerate(sentence.split()[:12]):
                code[place, self.words.index(word)] = 1
        return codes.flatten(1)

    def decode(self, codes: torch.Tensor, task: str = "rep") -> list[str]:
        tables = codes.view(len(codes), 12, -1)
        return [
            " ".join(self.words[int(row.argmax())] for row in table if row.max() > 0.4) for table in tables
        ]


@pytest.fixture
def bag() -> Bag:
    corpus = load_corpus(SMOKE)
    lines = [quad[0] for quad in corpus.test] + [line for each in (*ENDS, *TRIPLES) for line in each]
    lines += [f"The {noun} is {adjective}." for noun in WORDS["N"] for adjective in WORDS["A"]]
    return Bag(sorted({word for line in lines for word in line.split()}))


def test_sums_and_interpolations_are_of_codes(bag: Bag) -> None:
    sums = add_and_subtract(bag)
    assert (sums["exact"], sums["word"]) == (1, 1)
    assert sums["lines"][2] == "A word is green."
    between = interpolate(bag, load_corpus(SMOKE))
    assert [len(lines) for lines in between["lines"]] == [POINTS, POINTS]
    for lines, ends in zip(between["lines"], ENDS, strict=True):
        assert (lines[0], lines[-1]) == ends
    assert between["known"] > 0.9


def test_rows_have_their_decoders_and_sizes() -> None:
    corpus = load_corpus(SMOKE)
    for name, row in (ROWS | FEWER).items():
        settings = make(name, corpus, SMOKE).settings()
        assert tuple(settings["decoders"]) == row.decoders
        assert settings["code_dim"] == (SMOKE.wide if row.wide else SMOKE.narrow)


# Tables


def metrics(error: float, known: float = 0.5) -> dict[str, Any]:
    one = {"best": error, "mean": error + 10, "counts": [[3, 1], [0, 4]], "errors": [error]}
    return {"sets": {"prototypes": one, "alike": one}} | {
        "perplexities": dict.fromkeys(("rep", "de", "fr", "pos"), 1.5),
        "code_dim": 8,
        "exact": 0.25,
        "between": {"lines": [["x"] * POINTS] * 2, "known": known},
        "sums": {"lines": ["y"] * 5, "exact": 0.1, "word": 0.2},
    }


ERRORS: dict[str, float] = {"rep": 140, "rep-de": 30, REP_DE_FR: 30, REP_DE_POS: 5, UNTRAINED: 800}


def seeds(errors: Mapping[str, float] | None = None, *, fewer: bool = True) -> list[dict[str, Any]]:
    chosen = ERRORS | dict(errors or {})
    names = [*ROWS, *RULES, TAGGED]
    rows = {name: metrics(0 if name == ORACLE else chosen.get(name, 100)) for name in names}
    rows[REP_DE_POS]["between"]["known"] = 0.9
    first = rows | ({name: metrics(50) for name in FEWER} if fewer else {})
    return [{"seed": 0, "rows": first}, {"seed": 1, "rows": rows}]


def test_the_bars_are_those_of_the_headlines() -> None:
    assert [line.met for line in headlines(seeds())] == [True] * 4
    for wrong in ({"rep": 29.0}, {"rep-de-fr": 141.0}, {"rep-de": 4.0}, {"rep-de-pos": 30.0}):
        assert not headlines(seeds(wrong))[0].met
    assert not headlines(seeds({"rep-de-pos": 100.0}))[1].met
    assert not headlines(seeds({"rep-de-pos": 6.0, "length": 6.0}))[2].met
    worse = seeds()
    worse[1]["rows"]["rep-de"]["between"]["known"] = 2.0
    assert not headlines(worse)[3].met


def test_tables_have_every_row_and_the_papers_figures() -> None:
    tables = {table.title: table for table in tabulate(seeds())}
    (errors,) = (table for title, table in tables.items() if "(Table 2)" in title)
    assert len(errors.rows) == len(RULES) + 1 + len(ROWS)
    assert ("REP-DE-POS-8", "5 ± 0", "15 ± 0", "3") in errors.rows
    (fewer,) = (table for title, table in tables.items() if "(Table 3)" in title)
    assert ("REP-DE-POS-8, 1/3 of the sentences", "50", "60", "1") in fewer.rows
    assert not any("Table 3" in table.title for table in tabulate(seeds(fewer=False)))
    (sums,) = (table for title, table in tables.items() if "Tables 5" in title)
    assert sums.rows[0] == (*TRIPLES[0], "y", "y")
    (figure,) = plot_errors(seeds()).values()
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels[-1] == "REP-POS-8"


@pytest.mark.parametrize(
    ("make_settings", "reason"),
    [
        (lambda: Settings(steps=0), "steps must be at least 1"),
        (lambda: Settings(fillings=1), "fillings must be at least 2"),
        (lambda: Settings(learning_rate=0.0), "learning_rate must be above 0"),
    ],
)
def test_settings_are_checked(make_settings: Callable[[], Settings], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        make_settings()

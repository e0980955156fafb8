"""The experiment `attribute-transfer`: its data, measures and tables."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from unknot.experiments.attribute_transfer import PRESETS, Settings, load_task
from unknot.experiments.attribute_transfer import data as transfer_data
from unknot.experiments.attribute_transfer.data import PRODUCTS, load_products
from unknot.experiments.attribute_transfer.measures import content, measure
from unknot.experiments.attribute_transfer.models import (
    CODES,
    COLLUDING,
    CROSS,
    LEFT_OUT,
    MAIN,
    ROWS,
    kept_nouns,
    make,
    rows_of_seed,
)
from unknot.experiments.attribute_transfer.tables import TITLES, headlines, product, tabulate
from unknot.experiments.common.rewriting import SENTIMENT, YELP, Task
from unknot.experiments.common.rewriting_rules import COPY, ORACLE, TEMPLATE, make_rule, rules_of
from unknot.models.data.sentences import Reviews
from unknot.models.data.valence import RatedSentences

SMOKE = PRESETS["smoke"]


def task() -> Task:
    return load_task(SMOKE, SENTIMENT, 0)


# Data and measures


def test_content_is_kept_where_any_noun_is_and_sentences_without_nouns_do_not_count() -> None:
    nouns = {"soup", "waiter"}
    originals = ["the soup and the waiter", "the soup", "nothing here", "a waiter !"]
    outputs = ["a waiter", "the soups", "nothing", "waiter soup"]
    kept = content(originals, outputs, lambda sentence: nouns & set(sentence.split()))
    assert kept.tolist() == [True, False, True]


def test_of_the_grammar_the_truth_and_the_copy_keep_all_content() -> None:
    found = task()
    nouns = set(Reviews().nouns)
    for name, transfer in ((ORACLE, 1.0), (COPY, 0.0)):
        scores = measure(make_rule(name, found), found)
        assert (scores["transfer"], scores["content"]) == (transfer, 1)
        assert scores["outcomes"]["content"] == "1" * len(found.test.sentences)
    changed = [
        " ".join(word if word not in nouns else "it" for word in each.split())
        for each in found.test.sentences
    ]
    assert measure(lambda *_: changed, found)["content"] == 0


def rated(kind: str) -> RatedSentences:
    """Return 30 short sentences of each sign and one of none, 20 long ones."""
    words = ("bad", "good")
    short = [f"This {kind} number {k} is {words[k % 2]}!" for k in range(60)]
    long = [f"{'very ' * 15} {words[k % 2]} {kind} number {k}" for k in range(20)]
    valences = [(-1.5, 2.0)[k % 2] for k in range(80)]
    return RatedSentences([*short, *long, "It is."], np.array([*valences, 0.0]))


def test_short_product_sentences_are_tested_on_and_long_ones_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer_data, "read_valence", rated)
    found = load_products(judge_steps=1)
    assert [len(each.sentences) for each in (found.test, found.training, found.language)] == [20, 100, 40]
    everything = [*found.test.sentences, *found.training.sentences, *found.language.sentences]
    assert len(set(everything)) == 160
    assert all("product" in sentence for sentence in found.test.sentences)
    for sentence, label in zip(found.test.sentences, found.test.labels, strict=True):
        assert sentence.endswith(f"{('bad', 'good')[label]} !")
    assert found.read(found.test.sentences).tolist() == found.test.labels.tolist()
    monkeypatch.setattr(
        transfer_data, "_tagger", lambda: SimpleNamespace(nouns=lambda each: {"product"} & {*each.split()})
    )
    assert measure(lambda sentences, _: sentences, found)["content"] == 1
    assert make(MAIN, found, SMOKE).settings()["nouns"] == ["product"]


def test_the_language_model_learns_from_whole_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer_data, "read_valence", rated)
    found = load_products(judge_steps=1)
    longest = max(len(sentence.split()) for sentence in found.language.sentences)
    assert found.longest < longest == found.language_model.longest


# Models


def test_nouns_that_tell_the_sentiment_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer_data, "read_valence", rated)
    monkeypatch.setattr(
        transfer_data,
        "_tagger",
        lambda: SimpleNamespace(nouns=lambda each: {"product", "bad", "good"} & {*each.split()}),
    )
    assert kept_nouns(load_products(judge_steps=1)) == ("product",)


def test_rows_lack_one_loss_each_and_know_the_nouns() -> None:
    found = task()
    made = {row: make(row, found, SMOKE).settings() for row in ROWS[SENTIMENT]}
    assert not made[MAIN]["collusion"]
    assert made[COLLUDING]["collusion"]
    for row, weight in LEFT_OUT.items():
        assert made[row] == made[MAIN] | {weight: 0.0}
    assert set(made[MAIN]["nouns"]) == set(Reviews().nouns) & set(found.vocabulary)
    assert "filters" in made[CROSS]
    assert "critic_weight" in made[CODES]
    assert rows_of_seed(SENTIMENT, 1, 0) == ROWS[SENTIMENT]
    assert rows_of_seed(SENTIMENT, 1, 1) == ROWS[SENTIMENT][:4]


# Tables


def metrics(name: str, **changed: tuple[float, float, float]) -> dict[str, Any]:
    """Return a task's metrics, of rows with these shares: transferred, content, both."""
    rows = {}
    for row in (*rules_of(name == SENTIMENT), *ROWS[name]):
        transfer, kept, both = changed.get(row.replace("-", "_"), (0.5, 0.5, 0.4))
        rows[row] = {
            **{"transfer": transfer, "content": kept, "bleu": 25.0, "perplexity": 5.0},
            **{"examples": ["a", "b"], "outcomes": dict.fromkeys(("transfer", "content", "both"), "10")},
        }
        if name == SENTIMENT:
            rows[row] |= {"kept": kept, "both": both, "grammatical": 1.0, "factors": {"tense": 0.9}}
        if name == YELP:
            rows[row]["references"] = 20.0
    cross = {"transfer": 0.73, "content": 0.4, "bleu": 20.7, "references": 17.9, "perplexity": 30.0}
    others = {"CrossAlignment_Shen": cross} if name == YELP else {}
    return {"rows": rows, "published": others, "originals": ["x", "y"], "wanted": ["negative", "positive"]}


def seeds(**changed: tuple[float, float, float]) -> list[dict[str, Any]]:
    found = [
        {"seed": k, "tasks": {name: metrics(name, **changed) for name in (SENTIMENT, YELP, PRODUCTS)}}
        for k in range(2)
    ]
    for row in (COLLUDING, *LEFT_OUT):
        del found[1]["tasks"][SENTIMENT]["rows"][row]  # type: ignore[index]
    return found


GOOD: dict[str, tuple[float, float, float]] = {"attention": (0.96, 0.97, 0.955), "copy": (0.0, 1.0, 0.0)}


def test_the_bars_are_those_of_the_headlines() -> None:
    assert [line.met for line in headlines(seeds(**GOOD))] == [True] * 5
    for worse, missed in (
        ((0.94, 0.97, 0.955), {0, 3}),
        ((0.96, 0.94, 0.955), {0}),
        ((0.96, 0.97, 0.94), {1}),
    ):
        lines = headlines(seeds(**GOOD | {"attention": worse}))
        assert {k for k, line in enumerate(lines) if not line.met} == missed
    assert not headlines(seeds(**GOOD | {"collusion": (0.97, 0.5, 0.4)}))[2].met
    for rival in (TEMPLATE, CROSS, CODES):
        lines = headlines(seeds(**GOOD | {rival.replace("-", "_"): (1.0, 0.95, 0.4)}))
        assert [line.met for line in lines[3:]] == [False, False]
    assert headlines(seeds(**GOOD))[3].floor.endswith("published systems: 29.2 (CrossAlignment_Shen)")


def test_a_later_seed_by_itself_has_tables_too() -> None:
    later = seeds(**GOOD)[1:]
    assert [line.met for line in headlines(later)] == [True] * 4  # without the one that colludes
    assert tabulate(later)


def test_tables_have_every_row_and_every_output() -> None:
    found = seeds(**GOOD)
    tables = tabulate(found)
    assert [row[0] for row in tables[0].rows] == list(TITLES.values())
    by_title = {row[0]: row for row in tables[0].rows}
    assert by_title[TITLES[MAIN]][1].startswith("96.0 ± 0.0 [")
    assert by_title[TITLES[MAIN]][3] == "93.1"
    assert product([{"transfer": 0.5, "content": 0.4}]) == pytest.approx(20)
    (yelp,) = (table for table in tables if "Yelp's sentences (Table 1)" in table.title)
    assert yelp.rows[-1][:5] == ("CrossAlignment_Shen (published)", "73.0", "40.0", "29.2", "17.9")
    assert {row[0]: row[-1] for row in yelp.rows}[TITLES[MAIN]] == "94.4 / 77.1 / 80.1"
    assert all(len(row) == len(table.columns) for table in tables for row in table.rows)
    outputs = [table for table in tables if "outputs" in table.title]
    assert len(outputs) == 3
    assert outputs[0].rows[0][:3] == ("x", "negative", "a")


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="warm_up must be at least 0, not -1"):
        Settings(warm_up=-1)
    with pytest.raises(ValueError, match="yelp_warm_up must be below 8000"):
        Settings(yelp="yelp", yelp_warm_up=8000)
    with pytest.raises(ValueError, match="sentences must be at least 128, the batch, not 100"):
        Settings(sentences=100, batch=128)

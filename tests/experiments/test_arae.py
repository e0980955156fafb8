"""The experiment `arae`: its data, rules, measures and tables."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unknot.experiments.arae import PRESETS, Settings, load_task
from unknot.experiments.arae.data import (
    FACTOR,
    SENTIMENT,
    TOPICS,
    YELP,
    Task,
    load_products,
    load_yelp,
    other_values,
)
from unknot.experiments.arae.measures import judge, probe, published, sample, shown_rows
from unknot.experiments.arae.models import CROSS, MAIN, PLAIN, ROWS, TODAY, make
from unknot.experiments.arae.rules import COPY, ORACLE, TEMPLATE, Template, make_rule, rules_of
from unknot.experiments.arae.tables import TITLES, headlines, tabulate
from unknot.models.data.sentences import Reviews
from unknot.models.data.sentiment import LabelledSentences
from unknot.models.text.arae import ARAE

SMOKE = PRESETS["smoke"]


def task(name: str = SENTIMENT) -> Task:
    return load_task(SMOKE, name, 0)


# Data


def test_tests_are_the_same_for_all_seeds_and_training_is_not() -> None:
    one, two = (load_task(SMOKE, SENTIMENT, seed) for seed in (0, 1))
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
    assert rules_of(YELP) == (COPY, TEMPLATE)
    copied = judge(found.test.sentences, found)
    assert (copied["transfer"], copied["bleu"]) == (0, pytest.approx(100))
    assert "both" not in copied


def test_products_have_the_topics_of_their_file(tmp_path: Path) -> None:
    lines = []
    for topic in ("books", "dvds", "music"):
        lines += [f"{topic}\t1", *(f"pos\tI like this {topic} number {k}!" for k in range(8)), ""]
    (tmp_path / "finegrained.txt").write_text("\n".join(lines) + "\n")
    found = load_products(str(tmp_path), judge_steps=1)
    assert found.values == ("books", "dvds", "music")
    assert [len(each.sentences) for each in (found.test, found.language, found.training)] == [4, 8, 12]
    assert all(each.endswith("!") and " i " not in each for each in found.test.sentences)


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
    for name in (SENTIMENT, TOPICS):
        found = task(name)
        oracle = judge(make_rule(ORACLE, found)(found.test.sentences, found.wanted), found)
        assert (oracle["transfer"], oracle["kept"], oracle["both"]) == (1, 1, 1)
        copied = judge(make_rule(COPY, found)(found.test.sentences, found.wanted), found)
        assert (copied["transfer"], copied["kept"], copied["bleu"]) == (0, 1, pytest.approx(100))
        assert copied["examples"] == [found.test.sentences[k] for k in shown_rows(len(found.test.sentences))]
        assert ("noun" in oracle["factors"]) == (name == SENTIMENT)


# Measures


def test_transferred_and_kept_are_counted_sentence_by_sentence() -> None:
    found = task()
    factors = Reviews().read(found.test.sentences)
    factors[FACTOR[SENTIMENT]] = 1 - factors[FACTOR[SENTIMENT]]
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


def test_probes_read_what_codes_tell() -> None:
    found = load_task(Settings(**vars(SMOKE) | {"sentences": 600, "test": 200}), SENTIMENT, 0)

    class Told(ARAE):
        def encode_tokens(self, tokens: torch.Tensor) -> torch.Tensor:
            labels = torch.from_numpy(found.read(self.vocabulary.decode(tokens)))
            return torch.stack([labels.float(), torch.rand(len(labels))], 1)

    told = Told(vocabulary=found.vocabulary, hidden=2)
    assert min(probe(told, found).values()) > 0.95


def test_a_generators_sentences_are_those_of_its_codes() -> None:
    found, model = task(), make(MAIN, task(), SMOKE)
    assert isinstance(model, ARAE)
    made, again = (sample(model.eval(), found, 30) for _ in range(2))
    assert made == again
    assert made["grammatical"] == 0
    assert len(made["examples"]) == 20
    assert [len(each) for each in made["between"]] == [5] * 4


def test_rows_are_of_their_classes_with_what_they_change() -> None:
    found = task()
    made = {row: make(row, found, SMOKE).settings() for row in ROWS[SENTIMENT]}
    assert made[PLAIN]["critic_weight"] == made[PLAIN]["adversary_weight"] == 0
    assert (made[MAIN]["critic_weight"], made[MAIN]["noise"]) == (0.01, SMOKE.noise)
    assert "filters" in made[CROSS]
    assert "stride" in made[TODAY]
    assert all(each["steps"] == SMOKE.steps for each in made.values())


# Tables


def metrics(task: str, **shares: tuple[float, float, float]) -> dict[str, Any]:
    """Return a task's metrics, of rows with these shares that were transferred, kept, both."""
    names = [*rules_of(task), *ROWS[task]]
    rows = {}
    for name in names:
        transfer, kept, both = shares.get(name.replace("-", "_"), (0.5, 0.5, 0.5))
        rows[name] = {
            **{"transfer": transfer, "bleu": 25.0, "perplexity": 5.0, "reverse": 9.0, "examples": ["a", "b"]},
            "outcomes": {"transfer": "10", "both": "00"},
        }
        if task in FACTOR:
            rows[name] |= {"kept": kept, "both": both, "grammatical": 1.0, "factors": {"tense": 0.9}}
        if name in ROWS[task]:
            rows[name] |= {"probe": {"linear": 0.5, "mlp": 0.6}, "exact": None if name == TODAY else 0.8}
        if name in (MAIN, PLAIN):
            rows[name]["generator"] = {
                **{"asked": 0.9, "grammatical": 0.9 if task in FACTOR else None, "different": 1.0},
                **{"perplexity": 6.0, "reverse": 10.0, "examples": ["c"], "between": [["d", "e"]]},
            }
    rows.get(CROSS, {})["reverse"] = 20.0
    others = {"CrossAlignment_Shen": {"transfer": 0.73, "bleu": 20.7, "references": 17.9, "perplexity": 30.0}}
    shown = {"originals": ["x", "y"], "wanted": ["negative", "positive"]}
    return {"rows": rows, "published": others if task == YELP else {}, **shown}


def seeds(**shares: tuple[float, float, float]) -> list[dict[str, Any]]:
    return [{"seed": 0, "tasks": {name: metrics(name, **shares) for name in (SENTIMENT, TOPICS, YELP)}}] * 2


GOOD: dict[str, tuple[float, float, float]] = {"arae": (0.98, 0.92, 0.9), "copy": (0.0, 1.0, 0.0)}


def test_the_bars_are_those_of_the_headlines() -> None:
    assert [line.met for line in headlines(seeds(**GOOD))] == [True] * 6
    for worse in ((0.96, 0.92, 0.9), (0.98, 0.89, 0.89), (0.98, 0.92, 0.87)):
        assert not headlines(seeds(**GOOD | {"arae": worse}))[0].met
    assert not headlines(seeds(**GOOD | {"daae": (1.0, 1.0, 0.95)}))[-1].met
    assert not headlines(seeds(**GOOD | {"template": (1.0, 1.0, 0.95)}))[3].met
    told = seeds(**GOOD)
    told[0]["tasks"][SENTIMENT]["rows"][MAIN]["probe"] = {"linear": 0.5, "mlp": 0.7}
    assert not headlines(told)[1].met
    weak = seeds(**GOOD | {"arae": (0.83, 0.9, 0.8)})
    weak[0]["tasks"][YELP]["rows"][MAIN]["bleu"] = 20.0
    assert not headlines(weak)[4].met


def test_tables_have_every_row_and_every_output() -> None:
    tables = tabulate(seeds(**GOOD))
    first = tables[0]
    assert [row[0] for row in first.rows] == list(TITLES.values())
    assert first.rows[5][1].startswith("98.0 ± 0.0 [")
    outputs = [table for table in tables if "outputs" in table.title]
    assert len(outputs) == 3
    assert outputs[0].rows[0][:3] == ("x", "negative", "a")
    (systems,) = (table for table in tables if "Yelp" in table.title and "Table 1" in table.title)
    assert systems.rows[-1][:4] == ("CrossAlignment_Shen (published)", "73.0", "17.9", "20.7")


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="nouns must be from 2 to 24, not 25"):
        Settings(nouns=25)
    with pytest.raises(ValueError, match="sentences must be at least 128, the batch, not 100"):
        Settings(sentences=100, batch=128)

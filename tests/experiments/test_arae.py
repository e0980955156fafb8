"""The experiment `arae`: its data, measures and tables."""

from pathlib import Path
from typing import Any

import pytest
import torch

from unknot.experiments.arae import PRESETS, Settings, load_task
from unknot.experiments.arae.data import TOPICS, load_products
from unknot.experiments.arae.measures import probe, sample
from unknot.experiments.arae.models import CLIPPED, CROSS, MAIN, PLAIN, ROWS, STRONGER, TODAY, batches, make
from unknot.experiments.arae.tables import TITLES, headlines, tabulate
from unknot.experiments.common.rewriting import SENTIMENT, YELP, Task
from unknot.experiments.common.rewriting_measures import judge
from unknot.experiments.common.rewriting_rules import ORACLE, make_rule, rules_of
from unknot.models.text.arae import ARAE
from unknot.models.text.vocabulary import Vocabulary

SMOKE = PRESETS["smoke"]
EXACT = (SENTIMENT, TOPICS)


def task(name: str = SENTIMENT) -> Task:
    return load_task(SMOKE, name, 0)


# Data


def test_topics_have_nouns_of_their_own() -> None:
    found = task(TOPICS)
    assert found.read(found.test.sentences).tolist() == found.test.labels.tolist()
    oracle = judge(make_rule(ORACLE, found)(found.test.sentences, found.wanted), found)
    assert (oracle["transfer"], oracle["kept"], oracle["both"]) == (1, 1, 1)
    assert "noun" not in oracle["factors"]


def test_products_have_three_topics_of_their_file(tmp_path: Path) -> None:
    lines = []
    for topic in ("books", "music", "electronics", "videogames"):
        lines += [f"{topic}\t1", *(f"pos\tI like this {topic} number {k}!" for k in range(8)), ""]
    (tmp_path / "finegrained.txt").write_text("\n".join(lines) + "\n")
    found = load_products(str(tmp_path), judge_steps=1)
    assert found.values == ("electronics", "music", "videogames")
    assert [len(each.sentences) for each in (found.test, found.language, found.training)] == [4, 8, 12]
    assert all(each.endswith("!") and " i " not in each for each in found.test.sentences)


# Measures


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


def test_the_classifier_that_is_fooled_has_other_sentences() -> None:
    found = task()
    for row in ROWS[SENTIMENT]:
        batch = batches(row, found, SMOKE, 0)(0)
        others = {name for name in batch if name.startswith("other_")}
        assert bool(others) == (row in (MAIN, STRONGER, CLIPPED))
        if others:
            assert len(batch["other_label"]) == 3 * len(batch["label"])
            sentences = Vocabulary(found.vocabulary).decode(batch["other_observation"])
            assert found.read(sentences).tolist() == batch["other_label"].tolist()


# Tables


def metrics(task: str, **shares: tuple[float, float, float]) -> dict[str, Any]:
    """Return a task's metrics, of rows with these shares that were transferred, kept, both."""
    names = [*rules_of(task in EXACT), *ROWS[task]]
    rows = {}
    for name in names:
        transfer, kept, both = shares.get(name.replace("-", "_"), (0.5, 0.5, 0.5))
        rows[name] = {
            **{"transfer": transfer, "bleu": 25.0, "perplexity": 5.0, "reverse": 9.0, "examples": ["a", "b"]},
            "outcomes": {"transfer": "10", "both": "00"},
        }
        if task in EXACT:
            rows[name] |= {"kept": kept, "both": both, "grammatical": 1.0, "factors": {"tense": 0.9}}
        if name in ROWS[task]:
            rows[name] |= {"probe": {"linear": 0.5, "mlp": 0.6}, "exact": 0.8}
        if name in (MAIN, PLAIN):
            rows[name]["generator"] = {
                **{"asked": 0.9, "grammatical": 0.9 if task in EXACT else None, "different": 1.0},
                **{"perplexity": 6.0, "reverse": 10.0, "examples": ["c"], "between": [["d", "e"]]},
            }
    rows.get(CROSS, {})["reverse"] = 20.0
    others = {"CrossAlignment_Shen": {"transfer": 0.73, "bleu": 20.7, "references": 17.9, "perplexity": 30.0}}
    shown = {"originals": ["x", "y"], "wanted": ["negative", "positive"]}
    return {"rows": rows, "published": others if task == YELP else {}, **shown}


def seeds(**shares: tuple[float, float, float]) -> list[dict[str, Any]]:
    return [{"seed": 0, "tasks": {name: metrics(name, **shares) for name in (SENTIMENT, TOPICS, YELP)}}] * 2


GOOD: dict[str, tuple[float, float, float]] = {
    "arae": (0.98, 0.92, 0.9),
    "arae_stronger": (0.83, 0.5, 0.5),
    "copy": (0.0, 1.0, 0.0),
}


def test_the_bars_are_those_of_the_headlines() -> None:
    assert [line.met for line in headlines(seeds(**GOOD))] == [True] * 6
    for worse in ((0.96, 0.92, 0.9), (0.98, 0.89, 0.89), (0.98, 0.92, 0.87)):
        assert not headlines(seeds(**GOOD | {"arae": worse}))[0].met
    assert not headlines(seeds(**GOOD | {"daae": (1.0, 1.0, 0.95)}))[-1].met
    assert not headlines(seeds(**GOOD | {"template": (1.0, 1.0, 0.95)}))[3].met
    told = seeds(**GOOD)
    told[0]["tasks"][SENTIMENT]["rows"][MAIN]["probe"] = {"linear": 0.5, "mlp": 0.7}
    assert not headlines(told)[1].met
    weak = seeds(**GOOD)
    weak[0]["tasks"][YELP]["rows"][STRONGER]["bleu"] = 20.0  # the paper's bar is that of its λb
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

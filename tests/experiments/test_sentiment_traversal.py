"""The experiment `sentiment-traversal`: its data, ways to move codes, measures and tables."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from unknot.experiments.common.rewriting import SENTIMENT, Labels
from unknot.experiments.common.rewriting_rules import COPY, ORACLE, TEMPLATE
from unknot.experiments.sentiment_traversal import PRESETS, Settings, data, load_study, run
from unknot.experiments.sentiment_traversal.data import REAL, Phases, Study, load_real
from unknot.experiments.sentiment_traversal.figures import curves
from unknot.experiments.sentiment_traversal.measures import (
    choose,
    distance,
    measure_model,
    measure_rewriting,
    measure_way,
    reconstruct,
)
from unknot.experiments.sentiment_traversal.models import (
    DENOISING,
    MAIN,
    MEAN,
    MODEL,
    MODELS,
    PAPER,
    TODAY,
    UNLABELLED,
    WAYS,
    Way,
    make,
)
from unknot.experiments.sentiment_traversal.rules import RETRIEVE, Retrieve
from unknot.experiments.sentiment_traversal.tables import TITLES, headlines, tabulate
from unknot.models.data.sentences import Reviews
from unknot.models.data.sentiment import LabelledSentences
from unknot.models.data.valence import RatedSentences
from unknot.models.text.traversal import MMDTraversal

SMOKE = PRESETS["smoke"]


def study(seed: int = 0) -> Study:
    return load_study(SMOKE, SENTIMENT, seed)


# Data


def test_movements_are_chosen_on_sentences_that_are_neither_learnt_nor_tested() -> None:
    one, two = study(0), study(1)
    assert one.tuning.sentences == two.tuning.sentences
    assert one.tuning.sentences != one.task.test.sentences[: SMOKE.tuned]
    assert one.unlabelled == one.task.training.sentences
    assert one.read_topics(one.tuning.sentences).tolist() == one.tuning_topics.tolist()
    assert one.read_topics(["no such sentence"]).tolist() == [-1]


def rated(kind: str) -> RatedSentences:
    """Return 60 sentences of 5 words, and 60 of 25; every third is rated near 0, the last as 0."""
    word = {"film": "actor", "product": "battery"}[kind]
    sentences, valences = [], []
    for k in range(60):
        verdict = "good" if k % 2 else "bad"
        for n in (5, 25):
            sentences.append(f"The {word} {k} is {verdict}" + " really" * (n - 5))
            valences.append((2.0 if k % 3 else 0.5) * (1 if k % 2 else -1))
    return RatedSentences([*sentences, "so so"], np.array([*valences, 0.0]))


@pytest.fixture
def _real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "read_valence", rated)


@pytest.mark.usefixtures("_real")
def test_clear_short_sentences_are_tested_and_judges_learn_from_long_ones(tmp_path: Path) -> None:
    found = load_real(8, 6, 1)
    task = found.task
    parts = [task.training.sentences, task.test.sentences, found.tuning.sentences]
    assert [len(part) for part in parts] == [106, 8, 6]
    assert len(set().union(*parts)) == 120
    assert all(len(each.split()) == 5 for part in parts for each in part)
    assert all(int(each.split()[2]) % 3 for part in parts[1:] for each in part)
    assert len(task.language.sentences) == 120
    assert all(len(each.split()) == 25 for each in task.language.sentences)
    assert task.read(task.test.sentences).tolist() == task.test.labels.tolist()
    assert found.read_topics(task.test.sentences).tolist() == found.topics.tolist()
    assert [("battery" in each) for each in task.test.sentences] == found.topics.astype(bool).tolist()

    lines = ["dvds\t1", "pos\tI like it!", "neg\t" + "no " * 30, ""]
    (tmp_path / "finegrained.txt").write_text("\n".join(lines) + "\n")
    for label, line in enumerate(("it was cold", "it was warm")):
        for part in ("dev", "test"):
            (tmp_path / f"sentiment.{part}.{label}").write_text(f"{line} {part}\n" + "so " * 30 + "\n")
    more = load_real(8, 6, 1, str(tmp_path), str(tmp_path))
    assert more.task.training.sentences[106:] == ["i like it !"]
    assert more.task.training.labels[-1] == 1
    assert more.unlabelled[107:] == [
        f"it was {each} {part}" for part in ("dev", "test") for each in ("cold", "warm")
    ]


def test_labels_come_in_the_second_phase() -> None:
    found = study()
    batches = Phases(found, 8, 3, 0)
    assert [("label" in batches(step)) for step in range(5)] == [False, False, False, True, True]
    never = Phases(found, 8, 3, 0, labelled=False)
    assert not any("label" in never(step) for step in range(5))
    assert batches(4)["observation"].equal(never(4)["observation"])
    again = Phases(found, 8, 3, 0)
    assert all(batches(4)[name].equal(again(4)[name]) for name in ("observation", "label"))


# Rules


def test_the_most_similar_sentence_with_the_wanted_sentiment_is_retrieved() -> None:
    sentences = ["the soup is bad", "the film is bad", "the soup is good", "the film is good"]
    rule = Retrieve(LabelledSentences(sentences, np.array([0, 0, 1, 1])))
    given = ["a film that is bad", "the soup was good", "the soup was bad"]
    assert rule(given, np.array([1, 0, 1])) == ["the film is good", "the soup is bad", "the soup is good"]
    assert rule(given, np.array([1, 1, 1]))[1] == "the soup is good"


# Measures


class Factors:
    """Stands in for a model: codes are the factors of the grammar, in the order of the space."""

    names = tuple(Reviews().read([]))
    device = torch.device("cpu")

    def encode(self, sentences: list[str]) -> Tensor:
        factors = Reviews().read(sentences)
        return torch.from_numpy(np.stack([factors[name] for name in self.names], 1)).float()

    def decode(self, codes: Tensor) -> list[str]:
        factors = {name: codes[:, k].long().numpy() for k, name in enumerate(self.names)}
        return list(map(str, Reviews().render_factors(factors)))


class Probe:
    """Reads topics off such codes."""

    def predict(self, codes: Any) -> Labels:
        read: Labels = codes[:, Factors.names.index("topic")].astype(np.int64)
        return read


def turned(_: Any, codes: Tensor, wanted: Tensor, budget: float) -> Tensor:
    """Set the sentiment with a budget above 0; above 1 change every other topic, too."""
    moved = codes.clone()
    if budget > 0:
        moved[:, Factors.names.index("sentiment")] = wanted.float()
    if budget > 1:
        moved[::2, Factors.names.index("topic")] = (moved[::2, Factors.names.index("topic")] + 1) % 3
    return moved


def test_a_budget_is_chosen_on_the_sentences_for_tuning_and_the_test_sentences_are_judged_with_it() -> None:
    found = study()
    model: Any = Factors()
    measured = measure_way(Way("factors", (0.0, 1.0, 2.0), turned), model, found, Probe())
    assert [point["transfer"] for point in measured["curve"]] == [0, 1, 1]
    assert [point["topic"] for point in measured["curve"]] == [1, 1, 0.5]
    assert [point["kept"] for point in measured["curve"]] == [1, 1, 0.5]
    assert [point["claimed"] for point in measured["curve"]] == [None] * 3
    assert measured["curve"][0]["moved"] == 0 < measured["curve"][1]["moved"]
    assert measured["budget"] == 1
    assert (measured["transfer"], measured["topic"], measured["with_topic"], measured["both"]) == (1,) * 4
    assert measured["code_topic"] == 1
    assert measured["outcomes"]["with_topic"] == "1" * SMOKE.test

    far = measure_way(Way("factors", (2.0,), turned), model, found, Probe())
    assert (far["transfer"], far["topic"], far["with_topic"], far["code_topic"]) == (1, 0.5, 0.5, 0.5)


def test_the_lower_of_transfer_and_topic_decides() -> None:
    points = [(0.1, 1.0), (0.7, 0.8), (0.9, 0.6), (0.7, 0.7)]
    assert choose([{"transfer": a, "topic": b} for a, b in points]) == 1


def test_how_far_codes_move_is_in_lengths_of_the_codes() -> None:
    codes = torch.tensor([[3.0, 4.0], [0.0, 2.0], [0.0, 0.0]])
    moved = torch.tensor([[3.0, 9.0], [0.0, 1.0], [1.0, 1.0]])
    assert distance(codes, moved) == pytest.approx((1 + 0.5 + 0) / 3)


def test_sentences_are_both_only_with_the_wanted_sentiment_and_their_topic() -> None:
    found = study()
    outputs = list(found.task.test.sentences)
    factors = Reviews().read(outputs)
    other = list(map(str, Reviews().render_factors(factors | {"sentiment": found.task.wanted})))
    strange = factors | {"sentiment": found.task.wanted, "topic": (factors["topic"] + 1) % 3}
    outputs[:6] = other[:6]
    outputs[6:10] = list(map(str, Reviews().render_factors(strange)))[6:10]
    scores = measure_rewriting(outputs, found)
    n = len(outputs)
    assert scores["transfer"] == pytest.approx(10 / n)
    assert scores["topic"] == pytest.approx((n - 4) / n)
    assert scores["with_topic"] == pytest.approx(6 / n)


def test_reconstruction_is_counted_by_length() -> None:
    found = study()

    class Forgetful(Factors):
        """Loses the place of long sentences."""

        def decode(self, codes: Tensor) -> list[str]:
            written = super().decode(codes)
            return [s if len(s.split()) <= 16 else s.replace("paris", "lisbon") for s in written]

    model: Any = Forgetful()
    counted = reconstruct(model, found)
    lengths = counted["lengths"]
    assert lengths["1-8"] == {"exact": None, "bleu": None, "count": 0}
    assert lengths["9-12"]["exact"] == lengths["13-16"]["exact"] == 1
    assert lengths["17-24"]["exact"] < 1
    assert sum(each["count"] for each in lengths.values()) == SMOKE.test
    assert counted["examples"][0] == found.task.test.sentences[0]


def test_ways_move_towards_what_is_wanted() -> None:
    found = study()
    torch.manual_seed(0)
    model = make(MODEL, found.task, replace(SMOKE, filters=4))
    assert isinstance(model, MMDTraversal)
    measured = measure_model(MODEL, model, found)
    assert set(measured["ways"]) == {MAIN, PAPER, MEAN}
    assert 0 <= measured["classifier"] <= 1
    codes = model.encode(found.task.test.sentences[:4]).detach()
    wanted = torch.tensor([0, 1, 0, 1])
    negative, positive = (torch.from_numpy(each.mean(0)).float() for each in model.kept_codes())
    moved = WAYS[MEAN].move(model, codes, wanted, 2.0)
    torch.testing.assert_close(moved[0], codes[0] + 2 * (negative - positive))
    torch.testing.assert_close(moved[1], codes[1] + 2 * (positive - negative))
    torch.testing.assert_close(WAYS[MAIN].move(model, codes, wanted, 0.3), model.traverse(codes, wanted, 0.3))
    model.neighbours = 90
    torch.testing.assert_close(
        WAYS[PAPER].move(model, codes, wanted, 0.3), model.traverse(codes, wanted, 0.3)
    )


def test_models_have_the_settings_of_the_run() -> None:
    found = study()
    made = {name: make(name, found.task, SMOKE).settings() for name in MODELS}
    assert made[MODEL] == made[UNLABELLED]
    assert (made[MODEL]["examples"], made[MODEL]["dropout"]) == (SMOKE.examples, SMOKE.dropout)
    assert made[DENOISING]["code_dim"] == 4 * SMOKE.filters
    assert all(each["steps"] == SMOKE.steps for each in made.values())


# Tables


def row(transfer: float, topic: float, joint: float) -> dict[str, Any]:
    return {
        **{"transfer": transfer, "topic": topic, "with_topic": joint, "kept": 0.5, "both": 0.4},
        **{"bleu": 25.0, "perplexity": 5.0, "grammatical": 0.9, "factors": {"topic": topic, "tense": 0.9}},
        "outcomes": dict.fromkeys(("transfer", "topic", "with_topic", "both"), "10"),
        "examples": ["a", "b"],
    }


def metrics(**shares: tuple[float, float, float]) -> dict[str, Any]:
    """Return a task's metrics, of rows with these shares transferred, of kept topics, and of both."""
    got = {name: row(*shares.get(name.replace("-", "_"), (0.5, 0.5, 0.4))) for name in TITLES}
    point = {"budget": 0.3, "moved": 0.4, "transfer": 0.5, "topic": 0.5, "kept": 0.5, "claimed": 0.9}
    models: dict[str, Any] = {}
    for model in MODELS:
        claimed = 0.9 if model == MODEL else None
        more = {"moved": 0.4, "budget": 0.3, "claimed": claimed, "code_topic": 0.9, "curve": [point] * 2}
        part = {"exact": 0.8, "bleu": 90.0, "count": 1}
        lengths = {"1-8": part, "9-12": part | {"exact": None, "count": 0}, "13-16": part | {"exact": 0.6}}
        models[model] = {
            "reconstruction": part | {"lengths": lengths, "examples": ["c", "d"]},
            "classifier": claimed,
            "ways": {name: got[name] | more for name, way in WAYS.items() if way.model == model},
        }
    rules = {name: got[name] for name in (COPY, TEMPLATE, RETRIEVE, ORACLE)}
    return {"models": models, "rules": rules, "originals": ["x", "y"]}


def seeds(*tasks: str, **shares: tuple[float, float, float]) -> list[dict[str, Any]]:
    return [{"seed": 0, "tasks": {name: metrics(**shares) for name in tasks or (SENTIMENT,)}}] * 2


GOOD = {"nearest": (0.92, 0.91, 0.85), "random": (0.8, 0.8, 0.7), "mean": (0.7, 0.7, 0.6)}


def test_the_bars_are_those_of_the_headlines() -> None:
    assert [line.met for line in headlines(seeds(**GOOD))] == [True] * 5
    for worse in ((0.89, 0.95, 0.85), (0.95, 0.89, 0.85)):
        assert not headlines(seeds(**GOOD | {"nearest": worse}))[0].met
    found = headlines(seeds(SENTIMENT, REAL, **GOOD | {"nearest": (0.82, 0.81, 0.69), "daae": (1, 1, 1)}))
    assert [line.met for line in found] == [False, True, False, True, False, True, True]
    assert found[0].floor.startswith("50.0 / 50.0 (copy)")
    assert not headlines(seeds(**GOOD | {"mean": (1, 1, 1)}))[2].met


def test_tables_have_every_row_and_every_output() -> None:
    tables = tabulate(seeds(SENTIMENT, REAL, **GOOD))
    assert [line[0] for line in tables[0].rows] == list(TITLES.values())
    assert [line[1] for line in tables[0].rows[:5]] == ["–"] * 4 + ["0.40 ± 0.00"]
    codes = tables[1].rows
    assert codes[0][1:3] == ("90.0 ± 0.0", "80.0 ± 0.0")
    assert codes[-1][0] == TITLES[TODAY]
    assert codes[-1][1] == "–"
    outputs = [table for table in tables if "Table 1" in table.title]
    assert outputs[0].rows[0] == ("x", "c", "a", "a", "a", "a")
    (written, _) = (table for table in tables if "written again" in table.title)
    assert written.columns[1:4] == ("all", "1-8 words", "13-16 words")
    assert written.rows[0][3] == "60.0 ± 0.0; 90.0 ± 0.0"
    assert len(tables) == 6 + 5 + 2


def test_the_curves_have_a_panel_a_way() -> None:
    figures = curves(seeds(SENTIMENT, REAL))
    assert set(figures) == {"curves-sentiment", "curves-real"}
    panels = figures["curves-sentiment"].axes
    assert [panel.get_title() for panel in panels] == [TITLES[name] for name in TITLES if name in WAYS]
    assert len(panels[0].get_lines()) == 4


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="places must be from 2 to 64, not 65"):
        Settings(places=65)
    with pytest.raises(ValueError, match="sentences must be at least 128, the batch, not 100"):
        Settings(sentences=100, batch=128)
    with pytest.raises(ValueError, match=r"unlabelled must be from 0 to 0\.99"):
        Settings(unlabelled=1.5)
    with pytest.raises(ValueError, match="real must be True where products or yelp is given, not False"):
        Settings(yelp="somewhere")


def test_missing_sentences_are_missed_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(kind: str) -> RatedSentences:
        raise FileNotFoundError(f"{kind}: run `unknot fetch reviews`")

    monkeypatch.setattr(data, "read_valence", missing)
    with pytest.raises(FileNotFoundError, match="unknot fetch reviews"):
        run(replace(SMOKE, real=True), tmp_path, 0, False)
    assert not list(tmp_path.iterdir())

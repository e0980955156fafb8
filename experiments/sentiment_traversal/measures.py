"""What moves of codes make of sentences: sentiment, topic, all else, at every budget and at a chosen one."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from unknot.agents.intervals import as_digits
from unknot.experiments.common.rewriting import Labels
from unknot.experiments.common.rewriting_measures import judge, shown_rows
from unknot.experiments.common.rewriting_rules import Rewrite
from unknot.experiments.sentiment_traversal.data import Study
from unknot.experiments.sentiment_traversal.models import MODEL, WAYS, AnyModel, Way
from unknot.models.text.judges import exact_transfer
from unknot.models.text.traversal import MMDTraversal
from unknot.representation.learner import encode_all
from unknot.representation.metrics.bleu import bleu

LENGTHS = ((1, 8), (9, 12), (13, 16), (17, 24))
"""Words of sentences whose reconstruction is reported by itself, at least and at most."""
PROBED = 2000
"""Training sentences whose codes the probe of topics learns from, at most."""


def measure_rewriting(outputs: list[str], study: Study) -> dict[str, Any]:
    """Judge what became of the test sentences.

    Returns:
        What `judge` returns, and the shares `topic`, of sentences whose topic stayed, and `with_topic`, of
        those with the wanted sentiment, too.
    """
    found = judge(outputs, study.task)
    stayed = study.read_topics(outputs) == study.topics
    transferred = study.task.read(outputs) == study.task.wanted
    for name, each in {"topic": stayed, "with_topic": stayed & transferred}.items():
        found[name] = float(each.mean())
        found["outcomes"][name] = as_digits(each)
    return found


def measure_rule(rewrite: Rewrite, study: Study) -> dict[str, Any]:
    """Judge a system without networks (see `measure_rewriting`)."""
    return measure_rewriting(rewrite(study.task.test.sentences, study.task.wanted), study)


@torch.no_grad()
def measure_model(name: str, model: AnyModel, study: Study) -> dict[str, Any]:
    """Measure a model and all ways to move its codes.

    Returns:
        `reconstruction` as `reconstruct` returns it; `classifier`, its accuracy on test sentences, None where
        it learnt none; `ways`, by name what `measure_way` returns.
    """
    prepare(model, study)
    accuracy = None
    if name == MODEL and isinstance(model, MMDTraversal):
        codes = encode_all(model, study.task.test.sentences)
        accuracy = float((model.classify(codes).numpy(force=True) == study.task.test.labels).mean())
    probe = _topic_probe(model, study)
    ways = {row: measure_way(way, model, study, probe) for row, way in WAYS.items() if way.model == name}
    return {"reconstruction": reconstruct(model, study), "classifier": accuracy, "ways": ways}


def prepare(model: AnyModel, study: Study) -> None:
    """Let a model keep the first training sentences, the same for all models; put it in evaluation mode."""
    model.eval()
    if isinstance(model, MMDTraversal):
        n = 4 * model.kept.shape[1]
        labels = torch.from_numpy(study.task.training.labels[:n]).to(model.device)
        model.keep(model.tokens(study.task.training.sentences[:n]), labels)


def _topic_probe(model: AnyModel, study: Study) -> Pipeline:
    """Return a linear classifier that reads topics off codes."""
    sentences = study.task.training.sentences[:PROBED]
    codes = encode_all(model, sentences).numpy(force=True)
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return probe.fit(codes, study.read_topics(sentences))


def reconstruct(model: AnyModel, study: Study) -> dict[str, Any]:
    """Write the test sentences again from their codes.

    Returns:
        `exact`, the share that is the same word for word; `bleu`; `lengths`, by "least-most" words the exact
        share, BLEU and the `count`; `examples`, the sentences that are printed.
    """
    originals = study.task.test.sentences
    again = model.decode(encode_all(model, originals))
    words = np.array([len(sentence.split()) for sentence in originals])
    lengths = {
        f"{least}-{most}": _exactness(originals, again, np.flatnonzero((words >= least) & (words <= most)))
        for least, most in LENGTHS
    }
    whole = _exactness(originals, again, np.arange(len(words)))
    return whole | {"lengths": lengths, "examples": [again[k] for k in shown_rows(len(again))]}


def _exactness(originals: list[str], again: list[str], rows: NDArray[np.intp]) -> dict[str, float | None]:
    if not len(rows):
        return {"exact": None, "bleu": None, "count": 0}
    pairs = [(originals[k], again[k]) for k in rows]
    exact = float(np.mean([a == b for a, b in pairs]))
    return {"exact": exact, "bleu": bleu([b for _, b in pairs], [a for a, _ in pairs]), "count": len(rows)}


def measure_way(way: Way, model: AnyModel, study: Study, probe: Pipeline) -> dict[str, Any]:
    """Move codes by every budget, choose one, judge the test sentences with it.

    Returns:
        What `measure_rewriting` returns of the test sentences; the `curve` of all budgets on the sentences
        for tuning (see `curve_of`), and the `budget` chosen there; of the test sentences how far codes
        `moved`, |z* - z| / |z|, and what a reader of codes alone would say: `claimed`, the share that the
        model's own classifier gives the wanted sentiment, None without one, and `code_topic`, the share that
        a linear probe gives the original topic.
    """
    curve = curve_of(way, model, study)
    budget = way.budgets[choose(curve)]
    wanted = study.task.wanted
    codes = encode_all(model, study.task.test.sentences)
    moved = way.move(model, codes, torch.from_numpy(wanted).to(codes.device), budget)
    read = probe.predict(moved.numpy(force=True))
    return measure_rewriting(model.decode(moved), study) | {
        "curve": curve,
        "budget": budget,
        "moved": distance(codes, moved),
        "claimed": _claimed(way, model, moved, wanted),
        "code_topic": float((read == study.topics).mean()),
    }


def _claimed(way: Way, model: AnyModel, moved: Tensor, wanted: Labels) -> float | None:
    """Return the share of moved codes that the model's own classifier gives the wanted value."""
    if way.model != MODEL or not isinstance(model, MMDTraversal):
        return None
    return float((model.classify(moved).numpy(force=True) == wanted).mean())


def curve_of(way: Way, model: AnyModel, study: Study) -> list[dict[str, float | None]]:
    """Judge the sentences for tuning at every budget.

    Returns:
        Of each budget `moved`, |z* - z| / |z|; the shares `transfer`, by the judge of the written text, and
        `topic`, and `kept`, all other factors, None for real sentences; `claimed`, the share of moved codes
        that the model's own classifier gives the wanted value, None without one.
    """
    tuning = study.tuning
    codes = encode_all(model, tuning.sentences)
    wanted: Labels = 1 - tuning.labels
    points = []
    for budget in way.budgets:
        moved = way.move(model, codes, torch.from_numpy(wanted).to(codes.device), budget)
        claimed = _claimed(way, model, moved, wanted)
        point = {"budget": budget, "moved": distance(codes, moved), "claimed": claimed}
        points.append(point | _shares(model.decode(moved), wanted, study))
    return points


def _shares(outputs: list[str], wanted: Labels, study: Study) -> dict[str, float | None]:
    kept = None
    if study.task.exact:
        exact = exact_transfer(study.tuning.sentences, outputs, wanted, study.task.factor)
        kept = float(exact.all_kept.mean())
    return {
        "transfer": float((study.task.read(outputs) == wanted).mean()),
        "topic": float((study.read_topics(outputs) == study.tuning_topics).mean()),
        "kept": kept,
    }


def choose(curve: list[dict[str, Any]]) -> int:
    """Return the point of a curve where the lower of transfer and topic is highest; the first such."""
    return int(np.argmax([min(point["transfer"], point["topic"]) for point in curve]))


def distance(codes: Tensor, moved: Tensor) -> float:
    """Return the mean of |z* - z| / |z|; a code of zeros counts as 0."""
    lengths = codes.norm(dim=1)
    shares = (moved - codes).norm(dim=1) / lengths.where(lengths > 0, torch.inf)
    return float(shares.mean())

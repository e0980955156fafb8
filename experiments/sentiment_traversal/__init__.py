"""Disentangled representations for manipulation of sentiment in text.

Larsson, Nilsson and Kågebäck, 2017. Convolutions encode a sentence, a classifier of sentiment and a GRU that
writes the sentence again learn from the code; the code moves from those of one sentiment towards those of the
other, by the maximum mean discrepancy (Fig. 2, Table 1). The paper has no number; here every sentence that is
written is judged, at every distance that codes move.

The default is the grammar of reviews, whose reader knows the sentiment, the topic and all else of a sentence.
With `--real true` the sentences are about films and products (`unknot fetch reviews`), with `--products
FOLDER` also those of Täckström and McDonald (2011), and with `--yelp FOLDER` models learn to write Yelp's
sentences first, in place of the paper's unlabelled film reviews. The 1,500 sentences of Kotzias et al. are
not to be had.

Beside the paper's way: sets of the nearest codes; the difference of mean codes; codes without the
classifier; a denoising adversarial autoencoder (Shen et al., 2020), which a user may take today; the most
similar sentence with the other sentiment, a rule of counted words, the copy, and the truth.
"""

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from unknot.checks import settings_at_least, within
from unknot.experiments.common.rewriting import SENTIMENT
from unknot.experiments.common.rewriting_measures import shown_rows
from unknot.experiments.common.rewriting_rules import Rewrite, make_rule, rules_of
from unknot.experiments.common.rewriting_runs import SMOKE, GrammarSettings, row_of, task_of
from unknot.experiments.common.runs import load_model, models_in, run_models, train_model
from unknot.experiments.sentiment_traversal.data import REAL, Phases, Study, load_real, load_reviews
from unknot.experiments.sentiment_traversal.figures import curves, save_pictures
from unknot.experiments.sentiment_traversal.measures import measure_model, measure_rule
from unknot.experiments.sentiment_traversal.models import MODELS, UNLABELLED, make, updates
from unknot.experiments.sentiment_traversal.rules import RETRIEVE, Retrieve
from unknot.experiments.sentiment_traversal.tables import headlines, tabulate
from unknot.models.text.transfer import Rewriter

__all__ = ["PRESETS", "Settings", "evaluate", "headlines", "plot", "run", "tabulate"]


@dataclass(frozen=True)
class Settings(GrammarSettings):
    """Settings of the experiment."""

    steps: int = 12_000
    """Updates of each model of the grammar."""
    real_steps: int = 10_000
    """Updates of each model of real sentences."""
    unlabelled: float = 0.25
    """Share of the updates, the first, that only teach writing."""
    real_unlabelled: float = 0.4
    """The same, of real sentences."""
    filters: int = 75
    """Filters of each height; codes have four times as many dimensions."""
    hidden: int = 192
    """Units of decoders and of the denoising autoencoder's encoder."""
    dropout: float = 0.52
    """Share of the code that is left out in training."""
    examples: int = 1500
    """Sentences of each sentiment whose codes the nearest are taken from."""
    neighbours: int = 60
    """Of the nearest codes, how many make each of the two sets."""
    test: int = 1000
    """Sentences to test on, of real ones at most an eighth of the clear."""
    tuned: int = 300
    """Sentences on which the budget of each way is chosen."""
    real: bool = False
    """Sentences about films and products, too. Needs `unknot fetch reviews`."""
    products: str = ""
    """A folder with the product sentences of Täckström and McDonald (2011), to learn from; empty for none."""
    yelp: str = ""
    """A folder with Yelp's sentences in Shen's format, to be written in the first phase; empty for none."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        settings_at_least(self, steps=1, real_steps=1, batch=2, embedding=1, filters=1, hidden=1, examples=1)
        settings_at_least(self, neighbours=1, sentences=100, nouns=2, subjects=2, places=2, test=20, tuned=10)
        settings_at_least(self, judge_steps=1)
        within(0, 1, dropout=self.dropout)
        within(0, 0.99, unlabelled=self.unlabelled, real_unlabelled=self.real_unlabelled)
        if (self.products or self.yelp) and not self.real:
            raise ValueError("real must be True where products or yelp is given, not False")

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks that are run."""
        return (SENTIMENT, REAL) if self.real else (SENTIMENT,)


PRESETS = {
    "default": Settings(),
    "smoke": Settings(
        **SMOKE,
        steps=4,
        real_steps=4,
        filters=2,
        hidden=8,
        examples=20,
        neighbours=5,
        tuned=10,
    ),
    "paper": Settings(steps=40_000, real_steps=40_000, embedding=300, hidden=300, real=True),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed, and measure the rules."""
    for name in reversed(settings.tasks):  # data that are missing are missed before a model is trained
        load_study(settings, name, seed)

    def of_model(name: str, path: Path) -> dict[str, Any]:
        study, kind = load_study(settings, task_of(name), seed), row_of(name)
        steps, labelled = updates(task_of(name), settings), kind != UNLABELLED
        share = settings.real_unlabelled if task_of(name) == REAL else settings.unlabelled
        learner = train_model(
            partial(make, kind, study.task, settings),
            Phases(study, settings.batch, int(share * steps), seed, labelled=labelled),
            steps,
            path,
            seed,
            resume,
        )
        metrics = measure_model(kind, learner, study)
        save_pictures(kind, learner, study, metrics, path)
        return metrics

    models = run_models(_names(settings, MODELS), folder, of_model)
    rules = run_models(_rules(settings), folder, lambda name, _: _of_rule(name, settings, seed))
    return _collect(settings, seed, models, rules)


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the models of a seed from their weights, and the rules; in either case as the run did."""
    models = {}
    for name in models_in(folder, _names(settings, MODELS)):
        study = load_study(settings, task_of(name), seed)
        learner: Any = load_model(folder, name, Rewriter)
        models[name] = measure_model(row_of(name), learner, study)
    rules = {name: _of_rule(name, settings, seed) for name in _rules(settings)}
    return _collect(settings, seed, models, rules)


def plot(seeds: list[dict[str, Any]]) -> dict[str, Figure]:
    """Plot what is transferred and what stays over how far codes move, a figure for each task."""
    return curves(seeds)


@lru_cache(maxsize=4)
def load_study(settings: Settings, name: str, seed: int) -> Study:
    """Return a task of a seed; the last few are kept, with their judges."""
    if name == REAL:
        sizes = (settings.test, settings.tuned, settings.judge_steps)
        return load_real(*sizes, settings.products, settings.yelp)
    return load_reviews(
        settings.source(), settings.sentences, settings.test, settings.tuned, settings.judge_steps, seed
    )


def _of_rule(name: str, settings: Settings, seed: int) -> dict[str, Any]:
    study = load_study(settings, task_of(name), seed)
    training = study.task.training
    rule: Rewrite = Retrieve(training) if row_of(name) == RETRIEVE else make_rule(row_of(name), study.task)
    return measure_rule(rule, study)


def _names(settings: Settings, rows: tuple[str, ...]) -> list[str]:
    return [f"{task} {row}" for task in settings.tasks for row in rows]


def _rules(settings: Settings) -> list[str]:
    return [f"{t} {rule}" for t in settings.tasks for rule in (*rules_of(t == SENTIMENT), RETRIEVE)]


def _collect(settings: Settings, seed: int, models: dict[str, Any], rules: dict[str, Any]) -> dict[str, Any]:
    """Return a seed's metrics: by task the models and rules, and the sentences that are printed."""
    found = {}
    for name in settings.tasks:
        test = load_study(settings, name, seed).task.test.sentences
        parts = {"models": models, "rules": rules}
        found[name] = {
            part: {row_of(each): metrics for each, metrics in rows.items() if task_of(each) == name}
            for part, rows in parts.items()
        } | {"originals": [test[k] for k in shown_rows(len(test))]}
    return {"seed": seed, "tasks": found}

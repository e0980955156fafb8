"""ARAE: adversarially regularized autoencoders for unaligned text style-transfer.

Zhao, Kim, Zhang, Rush and LeCun, 2017. Sentences get the opposite sentiment (Tables 1, 2 and 4) and another
topic (Tables 3, 5 and 6); a generator writes sentences, and those between two of its codes.

The default transfers the sentiment and the topics of the grammar of reviews, of which a reader knows every
factor, so that what was transferred and what was kept are exact. With `--yelp FOLDER` it also transfers the
sentiment of Yelp's sentences, beside published outputs of other systems and people, with `--products FOLDER`
the topics of product sentences. Yahoo's questions and answers, of the paper's other tables, are not to be
had.

Beside ARAE: the plain autoencoder and the cross-aligned one (Shen et al., 2017), as in Table 1; ARAE with
weight clipping, as in the paper, and λ1 = 1; a denoising adversarial autoencoder (Shen et al., 2020), which a
user may take today; a rule of counted words, the copy, and the truth.
"""

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from unknot.checks import settings_at_least
from unknot.experiments.arae.data import PRODUCTS, TOPICS, load_products, load_reviews
from unknot.experiments.arae.figures import save_pictures
from unknot.experiments.arae.measures import measure_model
from unknot.experiments.arae.models import ROWS, batches, make, tasks, updates
from unknot.experiments.arae.tables import NAMES, TITLES, headlines, rows_of, tabulate
from unknot.experiments.common.rewriting import SENTIMENT, YELP, Task, load_yelp
from unknot.experiments.common.rewriting_figures import tradeoffs
from unknot.experiments.common.rewriting_measures import measure, published
from unknot.experiments.common.rewriting_rules import make_rule, rules_of
from unknot.experiments.common.rewriting_runs import (
    SMOKE,
    GrammarSettings,
    collected,
    row_of,
    task_of,
)
from unknot.experiments.common.runs import load_model, models_in, run_models, train_model
from unknot.models.text.transfer import Rewriter

__all__ = ["PRESETS", "Settings", "evaluate", "headlines", "plot", "run", "tabulate"]

FEWER, LEAST = 10, 10
"""An evaluation that is not full has this many times fewer rewritten sentences, but at least so many."""


@dataclass(frozen=True)
class Settings(GrammarSettings):
    """Settings of the experiment."""

    steps: int = 24_000
    """Updates of each model of the grammar."""
    yelp_steps: int = 12_000
    """Updates of each model of Yelp's sentences."""
    hidden: int = 128
    """Units of encoders and decoders, and dimensions of codes."""
    noise: float = 0.05
    """Standard deviation, in each dimension, of noise on ARAE's codes in training."""
    rewritten: int = 5000
    """Sentences of a system that its reverse perplexity is measured with."""
    yelp: str = ""
    """A folder with Yelp's sentences in Shen's format, and the outputs of Luo et al. (2019); empty for
    none."""
    products: str = ""
    """A folder with the product sentences of Täckström and McDonald (2011); empty for none."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        settings_at_least(self, steps=1, yelp_steps=1, batch=2, embedding=1, hidden=1, sentences=100)
        settings_at_least(self, noise=0, nouns=2, subjects=2, places=2, test=20, rewritten=10, judge_steps=1)


PRESETS = {
    "default": Settings(),
    "smoke": Settings(
        **SMOKE,
        steps=2,
        yelp_steps=2,
        hidden=8,
        rewritten=40,
    ),
    "paper": Settings(steps=50_000, yelp_steps=100_000, hidden=256, sentences=1_000_000),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed, and measure the rules."""
    for name in reversed(tasks(settings)):  # data that are missing are missed before a model is trained
        load_task(settings, name, seed)

    def of_model(name: str, path: Path) -> dict[str, Any]:
        task, row = load_task(settings, task_of(name), seed), row_of(name)
        learner = train_model(
            partial(make, row, task, settings),
            batches(row, task, settings, seed),
            updates(task.name, settings),
            path,
            seed,
            resume,
        )
        save_pictures(learner, task, path)
        return measure_model(learner, task, settings.rewritten)

    def of_rule(name: str, _: Path) -> dict[str, Any]:
        task = load_task(settings, task_of(name), seed)
        return measure(make_rule(row_of(name), task), task, settings.rewritten)

    rows = run_models(_names(settings), folder, of_model)
    return _collect(settings, seed, rows | run_models(_rule_names(settings), folder, of_rule))


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the models of a seed from their weights, and the rules.

    Unless `full`, reverse perplexities are of a tenth of the sentences.
    """
    rewritten = settings.rewritten if full else max(settings.rewritten // FEWER, LEAST)
    rows = {}
    for name in models_in(folder, _names(settings)):
        task = load_task(settings, task_of(name), seed)
        rows[name] = measure_model(load_model(folder, name, Rewriter), task, rewritten)
    for name in _rule_names(settings):
        task = load_task(settings, task_of(name), seed)
        rows[name] = measure(make_rule(row_of(name), task), task, rewritten)
    return _collect(settings, seed, rows)


def plot(seeds: list[dict[str, Any]]) -> dict[str, Figure]:
    """Plot what is kept against what is transferred, a figure for each task."""
    return tradeoffs(seeds, rows_of, TITLES, NAMES)


@lru_cache(maxsize=4)
def load_task(settings: Settings, name: str, seed: int) -> Task:
    """Return a task of a seed; the last few are kept, with their judges."""
    if name == YELP:
        return load_yelp(settings.yelp, settings.judge_steps)
    if name == PRODUCTS:
        return load_products(settings.products, settings.judge_steps)
    sizes = (settings.sentences, settings.test, settings.judge_steps)
    return load_reviews(name, settings.source(), *sizes, seed)


def _names(settings: Settings) -> list[str]:
    return [f"{task} {row}" for task in tasks(settings) for row in ROWS[task]]


def _rule_names(settings: Settings) -> list[str]:
    return [f"{task} {rule}" for task in tasks(settings) for rule in rules_of(task in (SENTIMENT, TOPICS))]


def _collect(settings: Settings, seed: int, rows: dict[str, Any]) -> dict[str, Any]:
    """Return a seed's metrics: by task the rows, the sentences that are printed, what others published."""
    found = collected(tasks(settings), lambda name: load_task(settings, name, seed), rows, published)
    return {"seed": seed, "tasks": found}

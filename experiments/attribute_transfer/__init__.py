"""Improved neural text attribute transfer with non-parallel data.

Melnyk, dos Santos, Wadhawan, Padhi and Kumar, 2017. Sentences get the opposite sentiment and keep their
content, by attention, a classifier that works with the writer, and losses that keep nouns and bring the
sentence back (Table 1; Tables 2 and 3 are examples).

The default is the grammar of reviews, of which a reader knows every factor, so that what was transferred and
what was kept are exact; there each of the six losses is left out once. With `--yelp FOLDER` there are
Yelp's sentences beside published outputs of systems and people, with `--products true` short ones about
products.

Beside the paper's model: the cross-aligned autoencoder (Shen et al., 2017), its rival in Table 1; ARAE, and a
denoising adversarial autoencoder, which a user may take today; a rule of counted words, the copy, the truth.
The paper's losses let the classifier learn from what is written, with the wanted label: a row of its own,
as the two can then agree on any sentence.
"""

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from unknot.checks import settings_at_least
from unknot.experiments.attribute_transfer.data import PRODUCTS, load_products, nouns_of
from unknot.experiments.attribute_transfer.figures import save_pictures
from unknot.experiments.attribute_transfer.measures import measure, measure_model, published
from unknot.experiments.attribute_transfer.models import MAIN, batches, make, rows_of_seed, tasks, updates
from unknot.experiments.attribute_transfer.tables import NAMES, TITLES, headlines, rows_of, tabulate
from unknot.experiments.common.rewriting import SENTIMENT, SIGNS, YELP, Task, load_grammar, load_yelp
from unknot.experiments.common.rewriting_figures import tradeoffs
from unknot.experiments.common.rewriting_rules import make_rule, rules_of
from unknot.experiments.common.rewriting_runs import (
    SMOKE,
    GrammarSettings,
    collected,
    row_of,
    task_of,
)
from unknot.experiments.common.runs import load_model, models_in, run_models, train_model
from unknot.models.text.attribute_transfer import AttributeTransfer
from unknot.models.text.transfer import Rewriter

__all__ = ["PRESETS", "Settings", "evaluate", "headlines", "plot", "run", "tabulate"]


@dataclass(frozen=True)
class Settings(GrammarSettings):
    """Settings of the experiment."""

    steps: int = 5000
    """Updates of the models with attention, of the grammar; rivals, which are faster, have more."""
    yelp_steps: int = 8000
    """The same, of Yelp's sentences."""
    product_steps: int = 3000
    """The same, of short product sentences."""
    warm_up: int = 1000
    """Updates that learn to write sentences again alone; the other losses then grow over as many."""
    yelp_warm_up: int = 2500
    """The same, of Yelp's sentences, which have seven times as many words."""
    hidden: int = 128
    """Units of encoders, in each direction where there are two, and of decoders."""
    baselines: int = 1
    """Seeds that have the rows with other losses, too."""
    yelp: str = ""
    """A folder with Yelp's sentences in Shen's format, and the outputs of Luo et al. (2019); empty for none.
    Needs `unknot fetch tags`."""
    products: bool = False
    """Short product sentences, too. Needs `unknot fetch reviews` and `unknot fetch tags`."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        settings_at_least(self, steps=1, yelp_steps=1, product_steps=1, batch=2, embedding=1, hidden=1)
        settings_at_least(self, baselines=1, sentences=100, nouns=2, subjects=2, places=2, test=20)
        settings_at_least(self, warm_up=0, yelp_warm_up=0, judge_steps=1)
        for task in tasks(self):
            name = "yelp_warm_up" if task == YELP else "warm_up"
            steps, first = updates(MAIN, task, self), getattr(self, name)
            if first >= steps:
                raise ValueError(f"{name} must be below {steps}, the updates of a model, not {first}")


PRESETS = {
    "default": Settings(),
    "smoke": Settings(
        **SMOKE,
        steps=2,
        yelp_steps=2,
        product_steps=2,
        warm_up=1,
        yelp_warm_up=1,
        hidden=8,
    ),
    "paper": Settings(
        steps=30_000,
        yelp_steps=60_000,
        product_steps=10_000,
        warm_up=3000,
        yelp_warm_up=6000,
        hidden=256,
        baselines=3,
        sentences=1_000_000,
    ),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed, and measure the rules."""
    for name in reversed(tasks(settings)):  # data that are missing are missed before a model is trained
        nouns_of(load_task(settings, name, seed))

    def of_model(name: str, path: Path) -> dict[str, Any]:
        task, row = load_task(settings, task_of(name), seed), row_of(name)
        learner = train_model(
            partial(make, row, task, settings),
            batches(row, task, settings, seed),
            updates(row, task.name, settings),
            path,
            seed,
            resume,
        )
        if isinstance(learner, AttributeTransfer):
            save_pictures(learner, task, path)
        return measure_model(learner, task)

    def of_rule(name: str, _: Path) -> dict[str, Any]:
        task = load_task(settings, task_of(name), seed)
        return measure(make_rule(row_of(name), task), task)

    rows = run_models(_names(settings, seed), folder, of_model)
    return _collect(settings, seed, rows | run_models(_rule_names(settings), folder, of_rule))


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the models of a seed from their weights, and the rules; `full` changes nothing."""
    rows = {}
    for name in models_in(folder, _names(settings, seed)):
        task = load_task(settings, task_of(name), seed)
        rows[name] = measure_model(load_model(folder, name, Rewriter), task)
    for name in _rule_names(settings):
        task = load_task(settings, task_of(name), seed)
        rows[name] = measure(make_rule(row_of(name), task), task)
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
        return load_products(settings.judge_steps)
    sizes = (settings.sentences, settings.test, settings.judge_steps)
    return load_grammar(SENTIMENT, SIGNS, settings.source(), *sizes, seed)


def _names(settings: Settings, seed: int) -> list[str]:
    return [
        f"{task} {row}" for task in tasks(settings) for row in rows_of_seed(task, settings.baselines, seed)
    ]


def _rule_names(settings: Settings) -> list[str]:
    return [f"{task} {rule}" for task in tasks(settings) for rule in rules_of(task == SENTIMENT)]


def _collect(settings: Settings, seed: int, rows: dict[str, Any]) -> dict[str, Any]:
    """Return a seed's metrics: by task the rows, the sentences that are printed, what others published."""
    found = collected(tasks(settings), lambda name: load_task(settings, name, seed), rows, published)
    return {"seed": seed, "tasks": found}

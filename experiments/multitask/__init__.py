"""Natural language multitasking: analyzing and improving syntactic saliency of hidden representations.

Brunner, Wang, Wattenhofer and Weigelt, 2017. Autoencoders of sentences, character by character, whose code
also has to give a translation or the parts of speech. Perplexities (Table 1), how codes cluster sentences by
their syntax (Tables 2 and 3), what is written between two sentences (Table 4) and for sums of codes (Tables 5
and 6).

The default learns from 20,000 sentences of LibreOffice's and GNOME's help, which are aligned in three
languages (`unknot fetch parallel` and `unknot fetch tags`, once); `--multi30k FOLDER` and `--europarl FOLDER`
add those of a user's files. The paper has 1.5 million sentences of Europarl.

Beside the paper's models: an LSTM that learnt nothing, rules without learning (length, counts of characters,
n-grams, words and function words), the n-grams of a tagger's parts of speech, and the true syntax; a model
that tags without translating; and sentences that share length and function words, which the paper lacks.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from unknot.checks import above, settings_at_least
from unknot.experiments.common.runs import load_model, models_in, run_models, train_model
from unknot.experiments.multitask.data import load_corpus
from unknot.experiments.multitask.figures import plot_errors, save_pictures
from unknot.experiments.multitask.measures import measure_model, measure_rule
from unknot.experiments.multitask.models import FEWER, ROWS, make, training_arrays
from unknot.experiments.multitask.rules import RULES, TAGGED
from unknot.experiments.multitask.tables import headlines, tabulate
from unknot.models.text.batches import length_batches
from unknot.models.text.multitask import MultitaskAutoencoder

__all__ = ["PRESETS", "Settings", "evaluate", "headlines", "plot", "run", "tabulate"]

TENTH = 10
"""An evaluation that is not full clusters this many times less often."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    steps: int = 10_000
    """Updates of each model."""
    batch: int = 32
    """Sentences of an update."""
    embedding: int = 64
    """Dimensions of a character's vector, and of a part of speech's."""
    hidden: int = 256
    """Units of each LSTM."""
    wide: int = 1024
    """Dimensions of the larger representation."""
    narrow: int = 256
    """Dimensions of the smaller representation."""
    learning_rate: float = 2e-3
    """Adam's, at the beginning."""
    longest: int = 100
    """Characters of an English sentence, at most; others are left out."""
    sentences: int = 200_000
    """Sentences to learn from, at most."""
    test: int = 1000
    """Sentences to test on."""
    fillings: int = 100
    """How often each prototype is filled with words."""
    clusterings: int = 100
    """Runs of K-means."""
    fewer: int = 1
    """Seeds, from the first on, that also train the models with fewer sentences (Table 3)."""
    multi30k: str = ""
    """A folder with the captions of Multi30k in three languages, to learn from, too; empty for none."""
    europarl: str = ""
    """A folder with the files of Europarl, release 7, to learn from, too; empty for none."""
    toy: int = 0
    """So many sentences of a small grammar instead of all these; 0 for real ones."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        settings_at_least(self, steps=1, batch=2, embedding=1, hidden=1, wide=2, narrow=2, longest=1)
        settings_at_least(self, sentences=1, test=2, fillings=2, clusterings=1, fewer=0, toy=0)
        above(0, learning_rate=self.learning_rate)


PRESETS = {
    "default": Settings(),
    "long": Settings(steps=100_000),
    "smoke": Settings(
        steps=2,
        batch=8,
        embedding=4,
        hidden=8,
        wide=8,
        narrow=4,
        longest=40,
        test=10,
        fillings=3,
        clusterings=2,
        toy=100,
    ),
    "paper": Settings(steps=200_000, batch=64, hidden=512, sentences=1_500_000, test=200_000),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed, and measure the rules."""
    corpus = load_corpus(settings)

    def of_model(name: str, path: Path) -> dict[str, Any]:
        learner = train_model(
            lambda: make(name, corpus, settings),
            length_batches(training_arrays(name, corpus), settings.batch, seed),
            settings.steps,
            path,
            seed,
            resume,
        )
        metrics = measure_model(learner, corpus, settings, settings.clusterings)
        if name in ROWS:
            save_pictures(learner, metrics["sets"], settings.fillings, path)
        return metrics

    def of_rule(name: str, _: Path) -> dict[str, Any]:
        return measure_rule(name, settings, settings.clusterings)

    rows = run_models(_rules(settings), folder, of_rule)
    return {"seed": seed, "rows": rows | run_models(_models(settings, seed), folder, of_model)}


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the models of a seed from their weights, and the rules.

    Unless `full`, codes are clustered a tenth as often.
    """
    corpus = load_corpus(settings)
    runs = settings.clusterings if full else max(settings.clusterings // TENTH, 1)
    rows = {name: measure_rule(name, settings, runs) for name in _rules(settings)}
    for name in models_in(folder, _models(settings, seed)):
        model = load_model(folder, name, MultitaskAutoencoder)
        rows[name] = measure_model(model, corpus, settings, runs)
    return {"seed": seed, "rows": rows}


def plot(seeds: list[dict[str, Any]]) -> dict[str, Figure]:
    """Plot the clustering errors of all rows."""
    return plot_errors(seeds)


def _models(settings: Settings, seed: int) -> list[str]:
    return [*ROWS, *(FEWER if seed < settings.fewer else ())]


def _rules(settings: Settings) -> list[str]:
    """Return the rules; the small grammar needs no tagger, so that nothing has to be fetched for it."""
    return [*RULES, *([] if settings.toy else [TAGGED])]

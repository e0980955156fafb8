"""The tables and the headlines, from the metrics of each seed."""

from typing import Any

from unknot.experiments.common.rewriting import SENTIMENT
from unknot.experiments.common.rewriting_rules import COPY, ORACLE, TEMPLATE
from unknot.experiments.common.rewriting_tables import factors_table, heading, share_cell
from unknot.experiments.common.tables import cell, mean, over_seeds, percent_cell
from unknot.experiments.sentiment_traversal.data import REAL
from unknot.experiments.sentiment_traversal.models import (
    DENOISING,
    MAIN,
    MEAN,
    MODEL,
    PAPER,
    PLAIN,
    TODAY,
    UNLABELLED,
)
from unknot.experiments.sentiment_traversal.rules import RETRIEVE
from unknot.report import Headline, Table

TITLES = {
    COPY: "copy (floor)",
    RETRIEVE: "most similar sentence with the other sentiment (no training)",
    TEMPLATE: "template of counted words (no training)",
    ORACLE: "true factors (oracle)",
    PAPER: "MMD traversal, 90 + 90 random codes (paper)",
    MAIN: "MMD traversal, nearest codes",
    MEAN: "difference of mean codes",
    PLAIN: "without the classifier, nearest codes",
    TODAY: "denoising AAE, mean difference (today)",
}
MODEL_TITLES = {
    MODEL: "convolutions, classifier and GRU",
    UNLABELLED: "without the classifier",
    DENOISING: "denoising AAE",
}
NAMES = {SENTIMENT: "reviews of the grammar", REAL: "films and products"}
BARS = {SENTIMENT: 90.0, REAL: 80.0}
"""What both transfer and topic have to reach, in percent."""
LEAST = "the paper has examples, no number"

Seeds = list[dict[str, Any]]
Rows = dict[str, list[dict[str, Any]]]


def models_of(seeds: Seeds, task: str) -> Rows:
    """Return the metrics of each model of a task, by seed."""
    each = over_seeds(seeds, "tasks", task, "models")
    return {name: [rows[name] for rows in each] for name in MODEL_TITLES if all(name in r for r in each)}


def ways_of(seeds: Seeds, task: str) -> Rows:
    """Return the metrics of each way to move codes, by seed, in the order of `TITLES`."""
    found = {
        way: [each["ways"][way] for each in measured]
        for measured in models_of(seeds, task).values()
        for way in measured[0]["ways"]
    }
    return {name: found[name] for name in TITLES if name in found}


def rows_of(seeds: Seeds, task: str) -> Rows:
    """Return the metrics of all rules and ways of a task, by seed, in the order of `TITLES`."""
    rules = over_seeds(seeds, "tasks", task, "rules")
    found = {name: [each[name] for each in rules] for name in rules[0]} | ways_of(seeds, task)
    return {name: found[name] for name in TITLES if name in found}


def tabulate(seeds: Seeds) -> list[Table]:
    """Make all tables: of each task what was changed and kept, codes, budgets, reconstruction; sentences."""
    tables = []
    for task in seeds[0]["tasks"]:
        tables += [_systems(seeds, task), _codes(seeds, task)]
        if task == SENTIMENT:
            tables.append(factors_table(NAMES[task], rows_of(seeds, task), TITLES))
        tables += [_budgets(seeds, task, way) for way in (MAIN, PAPER) if way in ways_of(seeds, task)]
        tables.append(_reconstruction(seeds, task))
    return [*tables, *(_outputs(seeds, task) for task in seeds[0]["tasks"])]


def _systems(seeds: Seeds, task: str) -> Table:
    exact = task == SENTIMENT
    lines = []
    for name, measured in rows_of(seeds, task).items():
        shown = [cell(measured, "moved") if "moved" in measured[0] else "–"]
        shown += [share_cell(measured, key) for key in ("transfer", "topic", "with_topic")]
        shown += [percent_cell(over_seeds(measured, "kept")), share_cell(measured, "both")] if exact else []
        shown += [cell(measured, key, digits=1) for key in ("bleu", "perplexity")]
        lines.append((TITLES[name], *shown))
    kept = ("all else kept", "transferred and all else kept") if exact else ()
    columns = ("", "|z* - z| / |z|", "transferred", "topic stays", "both", *kept)
    return Table(
        f"Sentiment traversal: {NAMES[task]}",
        (*columns, "BLEU, original", "perplexity"),
        tuple(lines),
        _notes(task),
    )


def _notes(task: str) -> tuple[str, ...]:
    common = (
        "In percent: of the test sentences, mean ± standard deviation over seeds; in brackets the 95% "
        "interval. How far codes move is chosen on other sentences, where the lower of transfer and topic is "
        "highest."
    )
    if task == SENTIMENT:
        return (
            common,
            "A reader of the grammar says what was transferred and kept; a sentence that the grammar can't "
            "write is neither. The most similar sentence keeps its topic, and little else.",
        )
    return (
        common,
        "Sentiment and topic (film or product) are read by logistic regressions on n-grams, of longer "
        "sentences, which no model learnt from; the copy's transfer and 100 less its topic are their errors.",
    )


def _codes(seeds: Seeds, task: str) -> Table:
    lines = [
        (
            TITLES[name],
            "–" if measured[0]["claimed"] is None else percent_cell(over_seeds(measured, "claimed")),
            percent_cell(over_seeds(measured, "transfer")),
            percent_cell(over_seeds(measured, "code_topic")),
            percent_cell(over_seeds(measured, "topic")),
        )
        for name, measured in ways_of(seeds, task).items()
    ]
    columns = ("", "sentiment of the code", "of the sentence", "topic of the code", "of the sentence")
    return Table(
        f"{heading(NAMES[task])}: what moved codes tell, "
        "and the sentences that are written from them (Fig. 2)",
        columns,
        tuple(lines),
        (
            "In percent. Of codes, the sentiment is read by the classifier that was trained with them, the "
            "topic by a linear probe. The paper looks at codes alone.",
        ),
    )


def _budgets(seeds: Seeds, task: str, way: str) -> Table:
    measured = ways_of(seeds, task)[way]
    lines = []
    for k, first in enumerate(measured[0]["curve"]):
        points = [each["curve"][k] for each in measured]
        shares = ("transfer", "claimed", "topic", "kept")
        shown = ("–" if first[key] is None else percent_cell(over_seeds(points, key)) for key in shares)
        lines.append((f"{first['budget']:g}", cell(points, "moved"), *shown))
    columns = ("λ|z|²", "|z* - z| / |z|", "transferred", "claimed by the classifier", "topic stays")
    return Table(
        f"{heading(NAMES[task])}: budgets of {TITLES[way]}",
        (*columns, "all else kept"),
        tuple(lines),
        ("In percent, of the sentences for tuning. The kernel's σ is the median squared distance.",),
    )


def _reconstruction(seeds: Seeds, task: str) -> Table:
    rows = models_of(seeds, task)
    lengths = next(iter(rows.values()))[0]["reconstruction"]["lengths"]
    there = [length for length, found in lengths.items() if found["count"]]
    lines = []
    for name, measured in rows.items():
        parts = [("reconstruction",), *(("reconstruction", "lengths", length) for length in there)]
        shown = [
            f"{percent_cell(over_seeds(measured, *keys, 'exact'))}; {cell(measured, *keys, 'bleu', digits=1)}"
            for keys in parts
        ]
        accuracy = over_seeds(measured, "classifier")
        shown.append("–" if accuracy[0] is None else percent_cell(accuracy))
        lines.append((MODEL_TITLES[name], *shown))
    columns = ("", "all", *(f"{length} words" for length in there), "sentiment by the classifier")
    return Table(
        f"{heading(NAMES[task])}: sentences written again from z",
        columns,
        tuple(lines),
        ("Word for word, in percent; BLEU. Of test sentences.",),
    )


def _outputs(seeds: Seeds, task: str) -> Table:
    first, rows = seeds[0]["tasks"][task], rows_of(seeds, task)
    chosen = [name for name in (MAIN, PAPER, TODAY, RETRIEVE) if name in rows]
    models = models_of(seeds, task)
    written = [models[MODEL][0]["reconstruction"]["examples"]] if MODEL in models else []
    columns = ("original", *(["from z"] if written else []), *(TITLES[name] for name in chosen))
    lines = zip(first["originals"], *written, *(rows[name][0]["examples"] for name in chosen), strict=True)
    return Table(
        f"{heading(NAMES[task])}: sentences (Table 1)",
        columns,
        tuple(lines),
        ("At even distances in the test sentences of the first seed, none picked.",),
    )


# Headlines


def headlines(seeds: Seeds) -> tuple[Headline, ...]:
    """Return the main figures: the bars of each task, then comparisons on the grammar."""
    rows = rows_of(seeds, SENTIMENT)
    return (
        *(_bar(seeds, task) for task in seeds[0]["tasks"]),
        _compared(rows, MAIN, PAPER, "nearest codes less the paper's random ones"),
        _compared(rows, PAPER, MEAN, "MMD traversal less the difference of mean codes"),
        _compared(rows, MAIN, TODAY, "MMD traversal less the denoising AAE"),
        *(_lengths(seeds, task) for task in seeds[0]["tasks"]),
    )


def _bar(seeds: Seeds, task: str) -> Headline:
    rows, bar = rows_of(seeds, task), BARS[task]
    floors = "; ".join(f"{_two(rows, name)} ({name})" for name in (COPY, TEMPLATE, RETRIEVE))
    ceiling = f"{_two(rows, ORACLE)} (true factors)" if ORACLE in rows else "none"
    reached = [100 * mean(rows[MAIN], key) for key in ("transfer", "topic")]
    ours = " / ".join(percent_cell(over_seeds(rows[MAIN], key)) for key in ("transfer", "topic"))
    return Headline(
        measure=f"{heading(NAMES[task])}, MMD traversal: transferred / topic stays, %",
        paper=LEAST,
        ours=ours,
        floor=floors,
        ceiling=ceiling,
        target=f"both at least {bar:g}",
        met=min(reached) >= bar,
    )


def _two(rows: Rows, name: str) -> str:
    return " / ".join(f"{100 * mean(rows[name], key):.1f}" for key in ("transfer", "topic"))


def _compared(rows: Rows, ours: str, other: str, what: str) -> Headline:
    first, second = (100 * mean(rows[name], "with_topic") for name in (ours, other))
    return Headline(
        measure=f"Transferred and topic stays, {what}, points",
        paper="none",
        ours=f"{first - second:+.1f}; {second:.1f} % is the latter's",
        floor="0 (no difference)",
        ceiling=f"{100 * mean(rows[ORACLE], 'with_topic'):.1f} % (true factors)",
        target="above 0",
        met=first > second,
    )


def _lengths(seeds: Seeds, task: str) -> Headline:
    found = models_of(seeds, task)[MODEL]
    lengths = [name for name, each in found[0]["reconstruction"]["lengths"].items() if each["count"]]
    keys = [("reconstruction", "lengths", name, "exact") for name in (lengths[0], lengths[-1])]
    short, long = (mean(found, *each) for each in keys)
    return Headline(
        measure=f"{heading(NAMES[task])}: of {lengths[0]} words and of {lengths[-1]}, "
        "written again exactly, %",
        paper="shorter sentences are more easily written",
        ours=" / ".join(percent_cell(over_seeds(found, *each)) for each in keys),
        floor="0 (nothing written)",
        ceiling="100 (all written)",
        target="the former above the latter",
        met=short > long,
    )

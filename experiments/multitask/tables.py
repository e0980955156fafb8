"""The tables and the headlines, from the metrics of each seed."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from unknot.experiments.common.runs import UNTRAINED
from unknot.experiments.common.tables import cell, over_seeds, percent_cell, where_measured
from unknot.experiments.multitask.measures import ENDS, TRIPLES
from unknot.experiments.multitask.models import (
    FEWER,
    REP,
    REP_DE,
    REP_DE_FR,
    REP_DE_NARROW,
    REP_DE_POS,
    ROWS,
    SHOWN,
    row_of,
)
from unknot.experiments.multitask.prototypes import ALIKE, PROTOTYPES
from unknot.experiments.multitask.rules import (
    CHARACTERS,
    FUNCTION_WORDS,
    LENGTH,
    NGRAMS,
    ORACLE,
    RULES,
    TAGGED,
    WORDS,
)
from unknot.models.text.multitask import TASKS
from unknot.report import Headline, Table

RULE_TITLES = {
    LENGTH: "length (no learning)",
    CHARACTERS: "counts of characters (no learning)",
    NGRAMS: "counts of 1 to 3 characters (no learning)",
    WORDS: "counts of words (no learning)",
    FUNCTION_WORDS: "counts of function words (no learning)",
    TAGGED: "parts of speech by TextBlob, 1 to 3 (today)",
    ORACLE: "true syntax (oracle)",
}
PAPER: dict[str, dict[str, float]] = {
    REP: {"rep": 1.05, "best": 149},
    REP_DE: {"rep": 1.04, "de": 2.02, "best": 22},
    REP_DE_FR: {"rep": 1.04, "de": 2.02, "fr": 1.86, "best": 24},
    REP_DE_NARROW: {"rep": 1.07, "de": 2.02, "best": 29},
    REP_DE_POS: {"rep": 1.14, "de": 2.05, "pos": 1.10, "best": 3},
    "rep-de-half": {"best": 37},
    "rep-de-narrow-half": {"best": 33},
    "rep-de-fr-third": {"best": 19},
    "rep-de-pos-third": {"best": 1},
}
"""Tables 1 to 3: perplexities of a character by decoder, the best clustering error of 100."""
COMPARED = (REP, REP_DE, REP_DE_FR, REP_DE_POS)
"""Rows whose errors fall in the paper, but for the two in the middle, which are about equal (22 and 24)."""

Seeds = list[dict[str, Any]]
Measured = list[dict[str, Any]]


def of_row(seeds: Seeds, name: str) -> Measured:
    """Return the metrics of a row by seed, of the seeds that have it."""
    return where_measured(seeds, "rows", name)


def title(seeds: Seeds, name: str) -> str:
    """Return a row's name in tables, such as "REP-DE-POS-256, 1/3 of the sentences"."""
    if name in RULE_TITLES:
        return RULE_TITLES[name]
    row = row_of(name)
    names = "-".join(task.upper() for task in row.decoders)
    if name == UNTRAINED:
        names = "untrained LSTM"
    size = f"{names}-{of_row(seeds, name)[0]['code_dim']}"
    return f"{size}, 1/{row.share} of the sentences" if row.share > 1 else size


def error(seeds: Seeds, name: str, which: str = "mean", of: str = "prototypes") -> float:
    """Return the best or mean clustering error of a row, the mean over seeds."""
    return float(np.mean(over_seeds(of_row(seeds, name), "sets", of, which)))


def names_in(seeds: Seeds, names: Iterable[str]) -> list[str]:
    """Return those of the rows that were measured."""
    return [name for name in names if of_row(seeds, name)]


def tabulate(seeds: Seeds) -> list[Table]:
    """Make Tables 1 to 6, and that of sentences that look alike."""
    tables = [_perplexities(seeds), _errors(seeds), _alike(seeds)]
    if names_in(seeds, FEWER):
        tables.append(_fewer(seeds))
    if names_in(seeds, SHOWN):
        tables += [_interpolations(seeds), _sums(seeds)]
    return [*tables, _counted(seeds)]


def _perplexities(seeds: Seeds) -> Table:
    lines = []
    for name in names_in(seeds, ROWS | FEWER):
        measured, paper = of_row(seeds, name), PAPER.get(name, {})
        shown = [
            cell(measured, "perplexities", task) if task in row_of(name).decoders else "–" for task in TASKS
        ]
        known = " / ".join(f"{paper[task]:.2f}" for task in TASKS if task in paper)
        exact = percent_cell(over_seeds(measured, "exact"))
        lines.append((title(seeds, name), *shown, exact, known or "–"))
    return Table(
        "Perplexities of a symbol (Table 1)",
        ("", *(task.upper() for task in TASKS), "written again exactly, %", "paper"),
        tuple(lines),
        (
            "On test sentences, END included; mean ± standard deviation over seeds. The symbols of REP, DE "
            "and FR are characters, those of POS names of parts of speech. The paper's are on Europarl.",
        ),
    )


def _errors(seeds: Seeds) -> Table:
    lines = [
        (*_error_cells(seeds, name, "prototypes"), f"{PAPER[name]['best']:g}" if name in PAPER else "–")
        for name in names_in(seeds, RULES | {TAGGED: None} | ROWS)
    ]
    return Table(
        "Clustering errors (Table 2)",
        ("", "best", "mean", "paper, best"),
        tuple(lines),
        (
            f"Of {_items(seeds, 'prototypes'):,} sentences in {len(PROTOTYPES)} kinds, those that K-means "
            "puts into a cluster with another majority; best and mean of the runs from different "
            "centres, mean ± standard deviation over seeds. Rules and sentences are the same for all seeds.",
        ),
    )


def _alike(seeds: Seeds) -> Table:
    lines = [_error_cells(seeds, name, "alike") for name in names_in(seeds, RULES | {TAGGED: None} | ROWS)]
    return Table(
        "Clustering errors of sentences that look alike",
        ("", "best", "mean"),
        tuple(lines),
        (
            f"Of {_items(seeds, 'alike'):,} sentences in {len(ALIKE)} kinds with the same function words and "
            f"the same length, such as “{ALIKE[0]}” and “{ALIKE[1]}”; the paper has no such sentences.",
        ),
    )


def _fewer(seeds: Seeds) -> Table:
    lines = [
        (*_error_cells(seeds, name, "prototypes"), f"{PAPER[name]['best']:g}")
        for name in names_in(seeds, (REP_DE, REP_DE_NARROW, REP_DE_FR, REP_DE_POS, *FEWER))
    ]
    note = "In as many updates; the models with fewer sentences are those of the first seeds alone."
    return Table(
        "Clustering errors with fewer sentences (Table 3)",
        ("", "best", "mean", "paper, best"),
        tuple(lines),
        (note,),
    )


def _error_cells(seeds: Seeds, name: str, of: str) -> tuple[str, str, str]:
    measured = of_row(seeds, name)
    return (
        title(seeds, name),
        cell(measured, "sets", of, "best", digits=0),
        cell(measured, "sets", of, "mean", digits=0),
    )


def _items(seeds: Seeds, of: str) -> int:
    return int(np.sum(of_row(seeds, ORACLE)[0]["sets"][of]["counts"]))


def _interpolations(seeds: Seeds) -> Table:
    lines, shown = [], names_in(seeds, SHOWN)
    for pair, ends in enumerate(ENDS):
        between = [of_row(seeds, name)[0]["between"]["lines"][pair] for name in shown]
        lines.append((f"from “{ends[0]}”", *("" for _ in shown)))
        lines += [(f"{k}/{len(between[0]) - 1}", *each) for k, each in enumerate(zip(*between, strict=True))]
        lines.append((f"to “{ends[1]}”", *("" for _ in shown)))
    return Table(
        "Between two sentences (Table 4)",
        ("", *(title(seeds, name) for name in shown)),
        tuple(lines),
        ("Decoded from codes at even distances on the line; of the first seed, none picked.",),
    )


def _sums(seeds: Seeds) -> Table:
    shown = names_in(seeds, SHOWN)
    written = [of_row(seeds, name)[0]["sums"]["lines"] for name in shown]
    lines = [(*triple, *each) for triple, *each in zip(TRIPLES, *written, strict=True)]
    return Table(
        "Sums of codes (Tables 5 and 6)",
        ("s1", "s2", "s3", *(f"s1 - s2 + s3, {title(seeds, name)}" for name in shown)),
        tuple(lines),
        ("Of the first seed, none picked.",),
    )


def _counted(seeds: Seeds) -> Table:
    keys = (("between", "known"), ("sums", "word"), ("sums", "exact"))
    lines = [
        (
            title(seeds, name),
            *(percent_cell(over_seeds(of_row(seeds, name), *each)) for each in keys),
        )
        for name in names_in(seeds, ROWS)
    ]
    return Table(
        "Interpolation and sums, counted, in percent",
        ("", "known words half-way", "sums with the right noun", "sums written exactly"),
        tuple(lines),
        (
            "Half-way between test sentences: words that the training sentences have; in a line that was "
            "written before, none counts. Sums: “The dog is new.” - “The cat is new.” + “The cat is green.” "
            "should be “The dog is green.”; a copy of s3 has 0.",
        ),
    )


# Headlines


def headlines(seeds: Seeds) -> tuple[Headline, ...]:
    """Return the main figures: the paper's order, the floors, sentences that look alike, interpolation."""
    return (_order(seeds), _below_function_words(seeds), _below_floors(seeds), _between(seeds))


def _order(seeds: Seeds) -> Headline:
    rep, german, french, tagging = (error(seeds, name) for name in COMPARED)
    return Headline(
        measure="Mean clustering error: REP / REP-DE / REP-DE-FR / REP-DE-POS",
        paper="149 / 22 / 24 / 3 (best of 100)",
        ours=" / ".join(
            cell(of_row(seeds, name), "sets", "prototypes", "mean", digits=0) for name in COMPARED
        ),
        floor=f"{error(seeds, UNTRAINED):.0f} (untrained LSTM)",
        ceiling=f"{error(seeds, ORACLE):.0f} (true syntax)",
        target="REP above the two in the middle, REP-DE-POS below them",
        met=rep > max(german, french) and min(german, french) > tagging,
    )


def _below_function_words(seeds: Seeds) -> Headline:
    bar = error(seeds, FUNCTION_WORDS, "best")
    runs = len(of_row(seeds, REP_DE_POS)[0]["sets"]["prototypes"]["errors"])
    return Headline(
        measure=f"Best clustering error of {runs}, REP-DE-POS",
        paper="3 (of 100)",
        ours=cell(of_row(seeds, REP_DE_POS), "sets", "prototypes", "best", digits=0),
        floor=f"{bar:.0f} (counts of function words)",
        ceiling=f"{error(seeds, ORACLE, 'best'):.0f} (true syntax)",
        target="below the counts of function words",
        met=error(seeds, REP_DE_POS, "best") < bar,
    )


def _below_floors(seeds: Seeds) -> Headline:
    floors = {name: error(seeds, name, "best", "alike") for name in RULES if name != ORACLE}
    least = min(floors, key=lambda name: floors[name])
    return Headline(
        measure="Best clustering error of sentences that look alike, REP-DE-POS",
        paper="none",
        ours=cell(of_row(seeds, REP_DE_POS), "sets", "alike", "best", digits=0),
        floor=f"{floors[least]:.0f} ({RULE_TITLES[least].partition(' (')[0]})",
        ceiling=f"{error(seeds, ORACLE, 'best', 'alike'):.0f} (true syntax)",
        target="below all rules without learning",
        met=error(seeds, REP_DE_POS, "best", "alike") < floors[least],
    )


def _between(seeds: Seeds) -> Headline:
    ours, other = (np.mean(over_seeds(of_row(seeds, name), "between", "known")) for name in SHOWN)
    return Headline(
        measure="Known words half-way between sentences, REP-DE-POS, %",
        paper="examples, no number",
        ours=percent_cell(over_seeds(of_row(seeds, REP_DE_POS), "between", "known")),
        floor=f"{percent_cell(over_seeds(of_row(seeds, REP_DE), 'between', 'known'))} (REP-DE)",
        ceiling="100 (every word)",
        target="above REP-DE",
        met=bool(ours > other),
    )

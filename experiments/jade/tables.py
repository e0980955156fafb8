"""The tables and the headlines, from the metrics of each draw of labels."""

from typing import Any

import numpy as np
from scipy.stats import ttest_rel

from unknot.experiments.common.tables import over_seeds, where_measured
from unknot.report import Headline, Table, mean_std

CEILING = "ceiling"
ROWS = {
    "single": "single classifier",
    "paired": "paired classifier",
    "jade": "JADE",
    "single-bn": "single, batch norm",
    "ccsa": "paired, batch norm, contrastive alignment (CCSA)",
    "fine-tuned": "single, batch norm, coloured MNIST first",
}
"""Rows that every seed trains."""
DECODER = "jade-decoder"
VARIANTS = {
    DECODER: "JADE, decoder taught on exchanged styles",
    "jade-label": "JADE, all weights 1 but the label's",
    "jade-literal": "JADE, all weights 1",
    "jade-bn": "JADE, batch norm",
}
"""Rows that the first seeds train, too."""
FLOORS = {
    "majority": "one class for all (trivial baseline)",
    "logistic": "logistic regression of pixels",
    "nearest": "nearest neighbour of pixels",
}
TITLES = ROWS | VARIANTS | FLOORS | {CEILING: "single classifier with all labels (oracle)"}
TODAY = ("single-bn", "ccsa", "fine-tuned")
"""What a user would pick today."""
SINGLE = ("single", "single-bn", "fine-tuned")
"""Rows that see the primary images alone."""
NORMALISED = (*TODAY, "jade-bn")
"""Rows with batch normalisation."""
PAPER = {"single": ("32.31 ± 1.56", "–"), "paired": ("30.17 ± 2.77", "0.82 ± 0.05")}
PAPER |= {"jade": ("29.08 ± 0.92", "0.72 ± 0.03")}
"""Errors of the paper in percent, on SVHN and on MNIST."""
TESTS = (
    ("jade", "paired"),
    ("paired", "single"),
    ("jade", "single"),
    ("jade", "single-bn"),
    ("jade", "ccsa"),
    ("jade", "fine-tuned"),
)
POINTS, SIGNIFICANT, RATIO, KEPT, OTHER_ERROR = 3.0, 0.05, 0.5, 80.0, 1.0
"""Bars: JADE's points below single, the p-value, Fig. 2's ratio, exchanges and MNIST's error in percent."""

Seeds = list[dict[str, Any]]


def percent(seeds: Seeds, name: str, *keys: str) -> list[float]:
    """Return a value of a model in percent, of the seeds that have it."""
    return [100 * each for each in where_measured(seeds, "models", name, *keys)]


def cell(seeds: Seeds, name: str, *keys: str, digits: int = 1) -> str:
    """Return "mean ± standard deviation" in percent, "–" where no seed has it."""
    values = percent(seeds, name, *keys)
    return mean_std(values, digits) if values else "–"


def compare(seeds: Seeds, name: str, other: str) -> tuple[float, float, int]:
    """Compare two rows over the draws of labels that have both.

    Returns:
        The mean difference of their errors in points; the p-value of the two-sided paired t-test, 1 where
        there are fewer than two draws or no difference varies; the number of draws.
    """
    both = _having(seeds, name, other)
    errors, others = (np.array(percent(both, each, "error")) for each in (name, other))
    difference = errors - others
    varies = len(both) > 1 and difference.std() > 0
    p = float(ttest_rel(errors, others).pvalue) if varies else 1.0
    return float(difference.mean()), p, len(both)


def _having(seeds: Seeds, *names: str) -> Seeds:
    """Return the draws that have all of some rows."""
    return [seed for seed in seeds if seed["models"].keys() >= set(names)]


def tabulate(seeds: Seeds) -> list[Table]:
    """Make all tables."""
    tables = [_errors(seeds), _tests(seeds), _codes(seeds)]
    return [table for table in tables if table.rows]


def _errors(seeds: Seeds) -> Table:
    rows = []
    for name, title in TITLES.items():
        if name == DECODER or not where_measured(seeds, "models", name):
            continue  # what the decoder learns on changes no error
        rows.append(
            (
                title,
                cell(seeds, name, "error"),
                cell(seeds, name, "other_error", digits=2),
                str(len(where_measured(seeds, "models", name))),
                *PAPER.get(name, ("–", "–")),
            )
        )
    return Table(
        "JADE: test error with 1,000 labels, in percent (Table 1)",
        ("", "street digits", "MNIST", "draws", "paper's SVHN", "paper's MNIST"),
        tuple(rows),
        (
            f"Images: {seeds[0]['source']}; secondary ones: {seeds[0]['other_source']}. Each seed draws the "
            "labels anew. All rows have as many updates, and their last weights are tested.",
            "The paper's other rows learn from SVHN's images without labels: VAE (M1+M2) 36.02 ± 0.10, "
            "Siddharth et al. 28.71 ± 2.38.",
        ),
    )


def _tests(seeds: Seeds) -> Table:
    rows = []
    for name, other in TESTS:
        if not _having(seeds, name, other):
            continue
        points, p, draws = compare(seeds, name, other)
        rows.append((f"{TITLES[name]} − {TITLES[other]}", f"{points:+.1f}", f"{p:.2g}", str(draws)))
    return Table(
        "Differences of errors, in points, and paired t-tests over draws of labels",
        ("", "difference", "p", "draws"),
        tuple(rows),
        ("Two-sided; below 0, the first has the lower error.",),
    )


def _codes(seeds: Seeds) -> Table:
    rows = []
    for name in ("jade", *VARIANTS):
        models = where_measured(seeds, "models", name)
        if not models:
            continue
        active = [f"{np.mean(each):.1f}" for each in zip(*over_seeds(models, "active"), strict=True)]
        kept = (
            cell(seeds, name, "exchanges", key)
            for key in ("street", "read", "mnist", "reconstructed", "images")
        )
        rows.append((TITLES[name], mean_std(over_seeds(models, "ratio")), " + ".join(active), *kept))
    return Table(
        "Codes of content and of style (Fig. 2), and exchanges",
        ("", "content / style", "active", "street", "read", "MNIST", "own style", "images"),
        tuple(rows),
        (
            "Content / style: the variance of the codes within a class, over that over all classes; the mean "
            "over the dimensions that the classifier reads, divided by the mean over the others. Active: "
            "dimensions of content and of style whose means vary by more than 0.01 of the prior's variance.",
            "The other columns, in percent: how often the classifier with all labels reads the content in a "
            "decoded image. Street: content of one street digit, style of another; read: of those that JADE "
            "itself reads; MNIST: content of a digit of MNIST; own style: reconstructions; images: the "
            "street digits themselves.",
        ),
    )


def headlines(seeds: Seeds) -> tuple[Headline, ...]:
    """Return the main figures."""
    return (_order(seeds), _variance(seeds), _exchange(seeds), _other(seeds), _today(seeds))


def _order(seeds: Seeds) -> Headline:
    to_paired, to_single = compare(seeds, "jade", "paired"), compare(seeds, "jade", "single")
    met = to_paired[0] < 0 and compare(seeds, "paired", "single")[0] < 0
    met = met and to_single[0] <= -POINTS and max(to_paired[1], to_single[1]) < SIGNIFICANT
    best = _best_of_today(seeds)
    return Headline(
        measure="Error of street digits, 1,000 labels, JADE, %",
        paper="29.08 ± 0.92 (paired 30.17, single 32.31)",
        ours=f"{cell(seeds, 'jade', 'error')} (paired {cell(seeds, 'paired', 'error')}, "
        f"single {cell(seeds, 'single', 'error')}; of today's: {TITLES[best]}, {cell(seeds, best, 'error')})",
        floor=f"{cell(seeds, 'majority', 'error')} (one class for all)",
        ceiling=f"{cell(seeds, CEILING, 'error')} (all labels)",
        target=f"JADE < paired < single, JADE {POINTS:g} points under single, p < {SIGNIFICANT}; "
        f"p {to_paired[1]:.2g} to paired, {to_single[1]:.2g} to single",
        met=bool(met),
    )


def _variance(seeds: Seeds) -> Headline:
    ratios = over_seeds(seeds, "models", "jade", "ratio")
    return Headline(
        measure="Variance within a class, content over style (Fig. 2a)",
        paper="bars, no number",
        ours=mean_std(ratios),
        floor="1 (no difference)",
        ceiling="0 (content is the label)",
        target=f"at most {RATIO}",
        met=bool(np.mean(ratios) <= RATIO),
    )


def _exchange(seeds: Seeds) -> Headline:
    shares = percent(seeds, DECODER, "exchanges", "read")
    return Headline(
        measure="Content that is read after styles were exchanged, of digits that JADE reads, %",
        paper="none",
        ours=f"{cell(seeds, DECODER, 'exchanges', 'read')} (decoder as JADE trains it: "
        f"{cell(seeds, 'jade', 'exchanges', 'read')})",
        floor="10 (chance)",
        ceiling=f"{cell(seeds, 'jade', 'exchanges', 'images')} (the images themselves)",
        target=f"at least {KEPT:g}",
        met=bool(shares and np.mean(shares) >= KEPT),
    )


def _other(seeds: Seeds) -> Headline:
    errors = percent(seeds, "jade", "other_error")
    return Headline(
        measure="Error of MNIST, JADE, %",
        paper="0.72 ± 0.03",
        ours=mean_std(errors, 2),
        floor="89 (one class for all)",
        ceiling="0 (labels)",
        target=f"at most {OTHER_ERROR:g}",
        met=bool(np.mean(errors) <= OTHER_ERROR),
    )


def _today(seeds: Seeds) -> Headline:
    best = _best_of_today(seeds)
    points, p, _ = compare(seeds, "jade", best)
    return Headline(
        measure=f"JADE's error less that of the best of today's ({TITLES[best]}), points",
        paper="none",
        ours=f"{points:+.1f} (p {p:.2g}); {cell(seeds, best, 'error')} % is the latter's",
        floor="0 (no difference)",
        ceiling=f"{cell(seeds, CEILING, 'error')} % (all labels)",
        target="below 0",
        met=bool(points < 0),
    )


def _best_of_today(seeds: Seeds) -> str:
    return min(TODAY, key=lambda name: float(np.mean(percent(seeds, name, "error"))))

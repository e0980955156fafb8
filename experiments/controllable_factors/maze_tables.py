"""The tables of the maze, and the figure that stands for it."""

from typing import Any

from unknot.experiments.common.tables import cell, how_many, over_seeds, where_measured
from unknot.experiments.controllable_factors.maze_measures import SCORES
from unknot.report import Headline, Table

MODELS = ("selectivity", "as published", "autoencoder", "random")
"""The rows, ours first."""


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Make the tables: what the paper's Fig. 2 shows, and how disentangled h is."""
    found = {name: models for name in MODELS if (models := where_measured(seeds, name))}
    goal = ("target", "4", "≥ 0.95", "none", "≥ 0.98", "≥ 0.98", "≤ 10°", "9 of 10")
    return [
        Table(
            "Independently controllable factors: the maze (section 4.1)",
            (
                "model",
                "modes",
                "purity",
                "down-left's own mode",
                "R² rows",
                "R² columns",
                "off 90°",
                "seeds that meet the bar",
            ),
            (*(_plane_row(name, models) for name, models in found.items()), goal),
            (
                "The paper shows four modes, both `up`s in one and none for down-left, and calls x and y "
                "recoverable from h. It gives no number.",
                _note_on_starts([start for seed in seeds for start in seed["selectivity"]["starts"]]),
                "Modes: peaks of the density of 1,000 h' − h with at least 5% of them. Purity: the share of "
                "one action in a mode, in the mode where it is smallest.",
            ),
        ),
        Table(
            "The maze: selectivity and metrics of disentanglement",
            (
                "model",
                "selectivity, nats",
                "information, nats",
                *(f"{name.upper()}, turned" for name in SCORES),
            ),
            tuple(_metrics_row(name, models) for name, models in found.items()),
            (
                "Selectivity is at most the information of factors and actions, which is at most log n = "
                f"{seeds[0]['selectivity']['bound']:.2f} (appendix C). Where a wall blocks a factor's "
                "action, neither is reached.",
                "MIG, DCI, SAP: of h as it is, then turned by 45°, for every model. Factors lie at the "
                "corners of a square, so that directions are its diagonals and no axis of h is one.",
            ),
        ),
    ]


def headlines(seeds: list[dict[str, Any]]) -> tuple[Headline, ...]:
    """Return in how many seeds the plane holds the four directed factors."""
    met, untrained = (where_measured(seeds, name, "met") for name in ("selectivity", "random"))
    return (
        Headline(
            measure="seeds whose latent plane holds the maze's four directed factors",
            paper="one example, no number",
            ours=how_many(met),
            floor=f"{how_many(untrained)}, the same networks untrained",
            ceiling=f"{len(met)} of {len(met)}, the true cells, by definition",
            target="at least 9 of 10",
            met=sum(met) >= 0.9 * len(met),
        ),
    )


def _note_on_starts(met: list[bool]) -> str:
    if not met:
        return "Ours is the start of highest selectivity; only that one is here."
    return (
        "Ours is the start of highest selectivity among a few, a choice that uses no factor. "
        f"Of all {len(met)} starts, {sum(met)} meet the bar by themselves."
    )


def _plane_row(name: str, seeds: list[dict[str, Any]]) -> tuple[str, ...]:
    diagonal, met = (how_many(over_seeds(seeds, key)) for key in ("diagonal", "met"))
    modes, angle = (cell(seeds, key, digits=1) for key in ("modes", "angle"))
    rows, columns = (cell(seeds, key, digits=3) for key in ("rows", "columns"))
    return (name, modes, cell(seeds, "purity"), diagonal, rows, columns, angle, met)


def _metrics_row(name: str, seeds: list[dict[str, Any]]) -> tuple[str, ...]:
    trained = name not in ("autoencoder", "random")
    return (
        name,
        *(cell(seeds, key) if trained else "" for key in ("selectivity", "information")),
        *(f"{cell(seeds, metric)}, {cell(seeds, metric + '_turned')}" for metric in SCORES),
    )

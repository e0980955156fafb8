"""The tables of the grasping experiment, the paper's numbers beside ours."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from unknot.agents.grasp_measures import ALL
from unknot.agents.grasp_problems import OUTCOMES
from unknot.agents.intervals import success_interval
from unknot.experiments.common.tables import mean, over_seeds
from unknot.report import Headline, Table, mean_std

Seeds = Sequence[dict[str, Any]]

CATEGORIES = ("bottle", "bowl", "cup", "plate", "mug", "sugarbowl", "teapot", "all")
ACCURACY = {
    ("baseline", "15"): (72.81, 73.36, 73.26, 66.92, 72.23, 70.45, 66.13, 71.42),
    ("geometry", "15"): (78.83, 79.32, 77.60, 68.88, 78.25, 76.09, 73.69, 76.55),
    ("baseline", "45"): (71.02, 74.16, 73.50, 63.31, 74.23, 72.70, 64.19, 71.32),
    ("geometry", "45"): (78.77, 80.63, 78.06, 70.13, 79.29, 77.52, 72.88, 77.25),
    ("baseline", "30"): (71.15, 72.98, 71.65, 61.90, 71.01, 70.06, 61.88, 69.50),
    ("geometry", "30"): (79.17, 77.71, 77.23, 67.00, 75.95, 75.06, 70.66, 75.27),
    ("baseline", "60"): (68.45, 73.05, 72.50, 61.27, 74.40, 71.30, 63.25, 70.18),
    ("geometry", "60"): (77.40, 78.52, 76.24, 68.13, 79.39, 76.15, 70.34, 75.76),
}
"""Tables 1 and 2 of the paper, in percent, in the order of `CATEGORIES`."""
PLANNING = {
    "baseline": (48.60, 64.28, 55.44, 45.99, 61.00, 53.97, 63.08, 55.85),
    "geometry": (56.73, 68.84, 60.31, 50.09, 67.21, 59.87, 69.22, 61.46),
}
"""Table 3 of the paper, in percent."""
LEAST_SUCCESS = {"steps": 70.0, "cem": 85.0}
"""Of planning with geometry, in percent, that is asked for."""
FLOORS = {
    "random": "random directions, 20 steps",
    "proposals": "random proposals, 20 attempts",
    "both": "across the narrow side, then random proposals, 20 attempts",
    "proposal": "random proposal, one attempt",
    "narrow side": "across the narrow side, one attempt",
}
"""What finds grasps without a net."""
ONCE = ("proposal", "narrow side")
"""Those floors that have one attempt."""
POSE_ALONE = "Pose alone: gradient boosting that sees the gripper's pose and no image."
INTERVALS = (
    "±: standard deviation over seeds. [ ]: 95% interval of all, over objects and seeds; * over categories "
    "of objects and seeds, where the outcomes of single objects were not kept."
)
TITLES = {"geometry": "geometry-aware", "baseline": "baseline CNN"}
NETS = ("baseline", "geometry")


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Make the tables from the metrics of each seed; without plans, the table of planning is left out."""
    tables = [
        _accuracy("Accuracy of outcomes from seen elevations (Table 1)", seeds, ("15", "45")),
        _accuracy("Accuracy of outcomes from novel elevations (Table 2)", seeds, ("30", "60")),
    ]
    if seeds[0]["references"]:
        tables.append(_planning(seeds))
    return [*tables, _overlap(seeds), _bullet(seeds)]


def headlines(seeds: list[dict[str, Any]]) -> tuple[Headline, ...]:
    """Return the success with geometry on novel objects, of the paper's search and of one attempt by CEM."""
    return (
        _headline(
            seeds,
            "steps",
            "failed grasps of novel objects from which the paper's search finds one that holds, %",
            f"{PLANNING['geometry'][-1]:.2f}",
            FLOORS,
        ),
        _headline(seeds, "cem", "grasps of novel objects that hold at one attempt, %", "none", ONCE),
    )


def _headline(seeds: Seeds, key: str, measure: str, paper: str, floors: Iterable[str]) -> Headline:
    """Return a figure of the net with geometry; its floor is the best of `floors`."""
    least = LEAST_SUCCESS[key]
    if not seeds[0]["references"]:
        none = "not run"
        return Headline(measure, paper, none, none, none, f"at least {least:.0f}", met=False)
    ours = over_seeds(seeds, "nets", "geometry", "test", key, ALL)
    measured = [name for name in floors if _has(seeds, name)]
    best = max(measured, key=lambda name: mean(seeds, "references", "test", name, ALL))
    return Headline(
        measure=measure,
        paper=paper,
        ours=_planned(seeds, "nets", "geometry", "test", key)[-1],
        floor=f"{_bound(seeds, best)[-1]}, {FLOORS[best]}",
        ceiling=f"{_bound(seeds, 'demonstrations')[-1]}, demonstrations on the true mesh",
        target=f"at least {least:.0f}",
        met=sum(ours) >= least * len(ours),
    )


def _nets(seeds: Seeds) -> list[str]:
    """Return which nets were measured: not all of them ship."""
    return [net for net in NETS if net in seeds[0]["nets"]]


def _cells(seeds: Seeds, *path: str) -> tuple[str, ...]:
    """Return the cells of a row, one per category; empty where it was not tested."""
    values = over_seeds(seeds, *path)
    return tuple(
        mean_std([value[name] for value in values], 1) if name in values[0] else "" for name in CATEGORIES
    )


def _published(values: Sequence[float]) -> tuple[str, ...]:
    return tuple(f"{value:.2f}" for value in values)


def _planned(seeds: Seeds, *path: str) -> tuple[str, ...]:
    """Return the cells of a row of success, with an interval for all categories together."""
    *cells, everything = _cells(seeds, *path)
    return *cells, f"{everything} {interval(over_seeds(seeds, *path))}".strip()


def _bound(seeds: Seeds, key: str, objects: str = "test") -> tuple[str, ...]:
    """Return the cells of a floor or ceiling, measured once for all seeds."""
    return _planned(seeds[:1], "references", objects, key)


def interval(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return "[low, high]", the 95% interval of success on all problems, over objects and seeds.

    Problems of one object are not independent, nor are seeds that share problems (see `success_interval`).
    Where the outcomes of objects were not kept, categories of objects stand for them, which is marked "*". It
    is empty where there is a single one.

    Args:
        rows: the success of each seed, as `grasp_problems.success` returns it.
    """
    if kept := all(OUTCOMES in row for row in rows):
        rates = [[np.mean([*map(int, digits)]) for digits in row[OUTCOMES].values()] for row in rows]
    else:
        rates = [[row[name] / 100 for name in row if name not in (ALL, OUTCOMES)] for row in rows]
    if len(rates[0]) < 2:
        return ""
    low, high = success_interval(rates)
    return f"[{100 * low:.1f}, {100 * high:.1f}]" + ("" if kept else "*")


def _accuracy(title: str, seeds: Seeds, elevations: tuple[str, ...]) -> Table:
    rows = []
    if _has(seeds, "pose alone"):
        rows.append(("pose alone (floor)", *_cells(seeds[:1], "references", "test", "pose alone")))
    for elevation in elevations:
        for net in _nets(seeds):
            ours = _cells(seeds, "nets", net, "test", "accuracy", elevation)
            rows.append((f"{TITLES[net]} ({elevation})", *ours))
            rows.append(("paper", *_published(ACCURACY[net, elevation])))
    notes = (
        "Percent of perturbed grasps of novel objects. Chance is 50: each that held is paired with one that "
        "failed at nearly the same height and tilt.",
        *([POSE_ALONE] if _has(seeds, "pose alone") else []),
        *_left_out(seeds),
    )
    return Table(title, ("net (elevation)", *CATEGORIES), tuple(rows), notes)


def _has(seeds: Seeds, key: str, objects: str = "test") -> bool:
    """Return whether a floor or ceiling was measured."""
    return key in seeds[0]["references"].get(objects, {})


def _left_out(seeds: Seeds) -> tuple[str, ...]:
    """Return notes that name what was not measured."""
    missing = [f"{TITLES[net]} (no weights here)" for net in NETS if net not in seeds[0]["nets"]]
    if not seeds[0]["references"]:
        missing.append("pose alone and all plans (Table 3; slow)")
    elif not _has(seeds, "pose alone"):
        missing.append("pose alone (the grasps of trained objects, from which it learns, are not collected)")
    return (f"Left out: {'; '.join(missing)}.",) if missing else ()


def _planning(seeds: Seeds) -> Table:
    floors = {key: (f"{FLOORS[key]} (floor)", *_bound(seeds, key)) for key in FLOORS if _has(seeds, key)}
    rows = [row for key, row in floors.items() if key not in ONCE]
    for net in _nets(seeds):
        rows.append((f"{TITLES[net]}, 20 steps", *_planned(seeds, "nets", net, "test", "steps")))
        rows.append(("paper", *_published(PLANNING[net])))
    if both := len(_nets(seeds)) == len(NETS):
        rows.append(("relative improvement", *_improvement(seeds)))
        rows.append(("paper", "16.72", "7.09", "8.77", "8.92", "10.18", "10.92", "9.73", "10.03"))
    rows += [row for key, row in floors.items() if key in ONCE]
    for net in _nets(seeds):
        rows.append((f"{TITLES[net]}, CEM, one attempt", *_planned(seeds, "nets", net, "test", "cem")))
    rows.append(("demonstrations (ceiling)", *_bound(seeds, "demonstrations")))
    return Table(
        "Success of planned grasps of novel objects (Table 3)",
        ("net and search", *CATEGORIES),
        tuple(rows),
        (
            "Percent of failed grasps from which one that holds is found. 20 steps: the paper's search, each "
            "step along the best of 10 random directions, with an attempt after each; CEM: on SE(3), one "
            "attempt.",
            "Floors know no net. Random directions: the same search. Random proposals: the poses around the "
            "visible surface from which CEM starts. Across the narrow side: from above, on the middle of the "
            "seen points, or on the rim of what is wider than the gripper.",
            *(["Relative improvement: of geometry over the baseline, in percent."] if both else []),
            "The ceiling tries up to 8 grasps of the demonstrations' sampler on the true mesh.",
            INTERVALS,
            *_left_out(seeds),
        ),
    )


def _improvement(seeds: Seeds) -> tuple[str, ...]:
    """Return by how many percent the mean success over seeds of geometry exceeds the baseline's."""
    cells = []
    for category in CATEGORIES:
        plain, aware = (
            sum(seed["nets"][net]["test"]["steps"].get(category, 0.0) for seed in seeds) for net in NETS
        )
        cells.append(f"{100 * (aware / plain - 1):.1f}" if plain else "")
    return tuple(cells)


def _overlap(seeds: Seeds) -> Table:
    names = {"train": "trained on", "test": "novel", "pybullet": "of pybullet_data"}
    measured = [name for name in names if name in seeds[0]["nets"]["geometry"]]
    rows = tuple((names[name], *_cells(seeds, "nets", "geometry", name, "overlap")) for name in measured)
    notes = [
        "Intersection over union in percent, mean over four views; no net was trained on true occupancy."
    ]
    if "train" not in measured:
        notes.append("Left out: objects trained on (their grasps are not collected).")
    return Table("Imagined and true occupancy", ("objects", *CATEGORIES), rows, tuple(notes))


def _bullet(seeds: Seeds) -> Table:
    elevations = ("15", "30", "45", "60")
    rows = [
        (
            TITLES[net],
            *(_cells(seeds, "nets", net, "pybullet", "accuracy", angle)[-1] for angle in elevations),
            *(_success(seeds, "nets", net, "pybullet", key) for key in ("steps", "cem")),
        )
        for net in _nets(seeds)
    ]
    if _has(seeds, "pose alone", "pybullet"):
        floor = _cells(seeds[:1], "references", "pybullet", "pose alone")[-1]
        rows.append(("pose alone (floor)", *[floor] * len(elevations), "", ""))
    bounds = {key: f"{title} (floor)" for key, title in FLOORS.items()}
    for key, title in (bounds | {"demonstrations": "demonstrations (ceiling)"}).items():
        if _has(seeds, key, "pybullet"):
            cell = _bound(seeds, key, "pybullet")[-1]
            once = key in (*ONCE, "demonstrations")
            rows.append((title, *[""] * len(elevations), *(("", cell) if once else (cell, ""))))
    return Table(
        "Objects of pybullet_data, which nothing was tuned to",
        ("net", *(f"accuracy ({angle})" for angle in elevations), "20 steps", "one attempt"),
        tuple(rows),
        ("In percent, all objects together. One attempt: of a net, by CEM.", INTERVALS, *_left_out(seeds)),
    )


def _success(seeds: Seeds, *path: str) -> str:
    """Return a cell of success, empty where nothing was planned."""
    return _planned(seeds, *path)[-1] if seeds[0]["references"] else ""

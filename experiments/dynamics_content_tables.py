"""The tables of the dynamics/content experiment: the paper's numbers beside ours, floors and ceilings."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any, NamedTuple

import numpy as np

from unknot.agents import wilson_interval
from unknot.experiments.planar_problems import HORIZON, SETS, SLACK
from unknot.files import read_json
from unknot.report import Table, mean_std

__all__ = ["SHIPPED", "tabulate"]

SHIPPED = resources.files("unknot.pretrained") / "dynamics-content/results.json"
"""The metrics of every seed that the shipped tables were made from."""

PAPER = {
    "X": ("3.6 ± 1.7", "6.2 ± 2.8", "21.4 ± 2.9", "100"),
    "Y": ("3.9 ± 2.2", "6.3 ± 3.0", "22.0 ± 2.4", "100"),
}
"""Table 1: reconstruction loss, prediction loss, planning loss, success rate in percent."""
PC3_PUBLISHED = {"PC3": "74.35 ± 0.76", "SOLAR": "68 ± 3.8", "PCC": "56.6"}
"""Shu et al. 2020: share of steps at the goal in percent; PC3's best model reached 75.5."""

BASELINES = {
    "published": "dynamics/content split",
    "rce-xy": "RCE, X and Y",
    "rce-x": "RCE, X alone",
    "e2c-xy": "E2C, X and Y",
    "e2c-x": "E2C, X alone",
}
CAMERAS = {
    "camera": "dynamics/content split, views",
    "camera-late": "the same without views",
    "camera-rce-xy": "RCE, X and Y",
    "camera-e2c-xy": "E2C, X and Y",
}
OPTIONS = {
    "published": "all aids",
    "no-gauge": "without gauge",
    "no-swap": "without swap",
    "no-pull": "without pull",
    "no-blocked": "blocked moves not told apart",
    "bare": "none: the paper's bound alone",
}
NOISE = {"published": "noise 0", "noise-1": "noise 1 px", "noise-2": "noise 2 px"}
MAPS = {"published": "paper", "gates": "gates", "door": "door", "random": "random"}

Seeds = list[dict[str, Any]]


def tabulate(seeds: Seeds) -> list[Table]:
    """Make the tables from the metrics of each seed; models that were not run come from what ships.

    A table whose models are in neither is left out.
    """
    models = _Models(seeds)
    split = bool(models.of("published"))
    tables = [_paper_table(models)] if split else []
    tables.append(_anywhere_table(models))
    tables += [_pc3_table(models)] if split else []
    tables.append(
        _comparison(
            "What the split buys: the baselines asked to plan in X and in Y", BASELINES, models, _SHAPE
        )
    )
    tables.append(_comparison("What the split buys where Y is another camera", CAMERAS, models, _LOSS))
    tables.append(
        _comparison("With and without what departs from the paper's training", OPTIONS, models, _SHAPE)
    )
    tables.append(_against_references("Process noise, trained and planned with", NOISE, models))
    tables.append(_against_references("Harder maps", MAPS, models))
    return [table for table in tables if table.rows]


class _Models:
    """The metrics of each model, a list entry a seed, and whether they are this run's or shipped."""

    def __init__(self, seeds: Seeds) -> None:
        self.own = _by_model(seeds)
        shipped = read_json(SHIPPED)["seeds"] if SHIPPED.is_file() else []  # type: ignore[arg-type]
        self.shipped = _by_model(shipped)

    def of(self, name: str) -> Seeds:
        return self.own.get(name) or self.shipped.get(name) or []

    def mark(self, name: str) -> str:
        return "" if name in self.own else " (shipped)"

    def references(self, name: str) -> Mapping[str, Any]:
        for metrics in self.of(name):
            if "references" in metrics:
                found: Mapping[str, Any] = metrics["references"]
                return found
        return {}


def _by_model(seeds: Iterable[Mapping[str, Any]]) -> dict[str, Seeds]:
    found: dict[str, Seeds] = {}
    for seed in seeds:
        for name, metrics in seed["models"].items():
            found.setdefault(name, []).append(metrics)
    return found


def _values(metrics: Seeds, images: str, *path: str) -> list[float]:
    values = []
    for seed in metrics:
        value: Any = seed[images]
        for key in path:
            value = value[key]
        values.append(float(value))
    return values


def _success(metrics: Seeds, images: str, task: str) -> str:
    """Return the mean over seeds and the Wilson interval of all their runs together, in percent."""
    rates = _values(metrics, images, task, "success")
    counts = _values(metrics, images, task, "count")
    solved = sum(rate / 100 * count for rate, count in zip(rates, counts, strict=True))
    low, high = wilson_interval(round(solved), round(sum(counts)))
    return f"{mean_std(rates, 1)} [{100 * low:.1f}, {100 * high:.1f}]"


def _count(metrics: Seeds, task: str) -> int:
    """Return how many problems of a task a seed was measured on."""
    return int(metrics[0]["X"][task]["count"])


def _paper_table(models: _Models) -> Table:
    ours = models.of("published")
    rows = [
        ("paper: X", *PAPER["X"][:3], "", "", PAPER["X"][3]),
        ("paper: Y", *PAPER["Y"][:3], "", "", PAPER["Y"][3]),
    ]
    for images in SETS:
        rows.append(
            (
                f"ours: {images}{models.mark('published')}",
                mean_std(_values(ours, images, "reconstruction"), 1),
                mean_std(_values(ours, images, "prediction"), 1),
                mean_std(_values(ours, images, "corners", "loss"), 0),
                mean_std(_values(ours, images, "corners", "ratio"), 3),
                mean_std(_values(ours, images, "corners", "success"), 1),
                mean_std(_values(ours, images, "one_shot", "success"), 1),
            )
        )
    known = models.references("published").get("corners")
    if known:
        for key, name in (("floor", "straight line"), ("ceiling", "best on the true map")):
            loss, ratio = known[key]["loss"], known[key]["loss"] / known["ceiling"]["loss"]
            rows.append((name, "", "", f"{loss:.0f}", f"{ratio:.3f}", f"{known[key]['success']:.1f}", ""))
    return Table(
        f"Table 1: corner to corner, published rule, {_count(ours, 'corners')} runs a seed",
        ("", "reconstruction", "prediction", "planning loss", "× best", "success %", "one-shot %"),
        tuple(rows),
        (
            "Mean ± deviation over seeds. Losses in nats an image, planning loss in px² (T = 40, Q = I, "
            "R = 0.1 I); the paper gives neither its units nor T, Q, R: its losses don't compare with ours.",
            "The paper applies a plan in one go; 'success %' plans anew every fifth step, when surprised, "
            "and after a refusal.",
            f"Success: within 2 px of the goal at each of the last 5 of {HORIZON} steps.",
            "Each seed has problems of its own; the straight line and the best are on those of seed 0.",
        ),
    )


def _anywhere_table(models: _Models) -> Table:
    rows: list[tuple[str, ...]] = []
    for name in ("published", "solid"):
        metrics = models.of(name)
        if not metrics:
            continue
        for images in SETS:
            rows.append(
                (
                    f"{name}: {images}{models.mark(name)}",
                    _success(metrics, images, "anywhere"),
                    mean_std(_values(metrics, images, "anywhere", "loss"), 0),
                    mean_std(_values(metrics, images, "anywhere", "ratio"), 3),
                    _success(metrics, images, "corners"),
                )
            )
        rows += _reference_rows(name, models)
    return Table(
        "Start and goal anywhere, both collision rules",
        ("", "success %", "planning loss", "× best", "corners: success %"),
        tuple(rows),
        (
            f"Steps allowed: from corner to corner {HORIZON}, anywhere {SLACK} times those of the best true "
            "path. Wilson's 95% interval in brackets.",
        ),
    )


def _reference_rows(name: str, models: _Models) -> list[tuple[str, ...]]:
    known = models.references(name)
    if not known:
        return []
    anywhere, corners = known["anywhere"], known["corners"]
    return [
        (
            f"{name}: {label}",
            f"{anywhere[key]['success']:.1f}",
            f"{anywhere[key]['loss']:.0f}",
            f"{anywhere[key]['loss'] / anywhere['ceiling']['loss']:.3f}",
            f"{corners[key]['success']:.1f}",
        )
        for key, label in (("floor", "straight line"), ("ceiling", "best on the true map"))
    ]


def _pc3_table(models: _Models) -> Table:
    metrics = [seed for seed in models.of("published") if "pc3" in seed["X"]]
    rows: list[tuple[str, ...]] = [(name, share, "", "") for name, share in PC3_PUBLISHED.items()]
    known = models.references("published")
    ceiling = known.get("pc3")
    for images in SETS:
        shares = _values(metrics, images, "pc3")
        part = f"{100 * float(np.mean(shares)) / ceiling:.1f}" if ceiling else ""
        label = f"ours: {images}{models.mark('published')}"
        rows.append((label, mean_std(shares, 2), f"{max(shares):.2f}", part))
    for key, name in (("pc3_floor", "straight line"), ("pc3", "best on the true map")):
        if key in known:
            rows.append((name, f"{known[key]:.2f}", "", f"{100 * known[key] / known['pc3']:.1f}"))
    return Table(
        "PC3's protocol: share of steps at the goal",
        ("", "mean over models %", "best model %", "of the ceiling %"),
        tuple(rows),
        (
            f"{len(metrics)} trained models; {min(10, _count(metrics, 'corners'))} starts in [3, 7]², "
            "each with the three other corners; "
            "T = 40, plans of 10 steps made anew each step, Q = 10 I, R = I.",
        ),
    )


class _Last(NamedTuple):
    """The last column of a comparison."""

    head: str
    path: tuple[str, ...]
    """Where in the metrics of a set it stands."""
    decimals: int
    notes: tuple[str, ...]


_SHAPE = _Last(
    "right shape %",
    ("shape",),
    1,
    ("Right shape: predictions nearer to the true next image than to the same in the other set.",),
)
_LOSS = _Last(
    "× best",
    ("anywhere", "ratio"),
    2,
    (
        "× best: planning loss anywhere beside the least on the true map.",
        "Y: the square seen by a camera at the lower edge that looks down at an angle.",
        "Views: content says what the background is and, by a projective map, where the camera stands; "
        "without them it says how patches look.",
    ),
)


def _comparison(title: str, names: Mapping[str, str], models: _Models, last: _Last) -> Table:
    rows = []
    for name, label in names.items():
        metrics = models.of(name)
        if not metrics:
            continue
        cells = [f"{label}{models.mark(name)}", str(len(metrics))]
        for images in SETS:
            cells.append(mean_std(_values(metrics, images, "corners", "success"), 1))
            cells.append(_success(metrics, images, "anywhere"))
            cells.append(mean_std(_values(metrics, images, "map_error"), 2))
            cells.append(mean_std(_values(metrics, images, *last.path), last.decimals))
        rows.append(tuple(cells))
    known = models.references(next(iter(names)))
    for key, label in (("floor", "straight line"), ("ceiling", "best on the true map")) if known else ():
        successes = [f"{known[task][key]['success']:.1f}" for task in ("corners", "anywhere")]
        rows.append((label, "", *[*successes, "", ""] * len(SETS)))
    measures = ("corners %", "anywhere %", "map error px", last.head)
    columns = [f"{images}: {what}" for images in SETS for what in measures]
    return Table(
        title,
        ("", "seeds", *columns),
        tuple(rows),
        (
            "Published rule. Map error: root mean square of positions read off z by a linear map of X.",
            *last.notes,
        ),
    )


def _against_references(title: str, names: Mapping[str, str], models: _Models) -> Table:
    rows: list[tuple[str, ...]] = []
    for name, label in names.items():
        metrics = models.of(name)
        if not metrics:
            continue
        for images in SETS:
            rows.append(_task_cells(f"{label}: {images}{models.mark(name)}", metrics, images))
        known = models.references(name)
        for key, what in (("floor", "straight line"), ("ceiling", "best, knowing the map")) if known else ():
            rows.append(
                (
                    f"{label}: {what}",
                    *_reference_cells([known[task][key] for task in ("corners", "anywhere")]),
                )
            )
    return Table(
        title,
        ("", "corners: success %", "corners: loss", "anywhere: success %", "anywhere: loss"),
        tuple(rows),
        ("Success asks for five steps in a row within 2 px; under noise the best planner fails at that too.",)
        if "noise-1" in names
        else (),
    )


def _task_cells(label: str, metrics: Seeds, images: str) -> tuple[str, ...]:
    cells = [label]
    for task in ("corners", "anywhere"):
        cells.append(_success(metrics, images, task))
        cells.append(mean_std(_values(metrics, images, task, "loss"), 0))
    return tuple(cells)


def _reference_cells(known: Sequence[Mapping[str, float]]) -> list[str]:
    return [cell for task in known for cell in (f"{task['success']:.1f}", f"{task['loss']:.0f}")]

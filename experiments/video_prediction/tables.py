"""Information and bounds (Table 2), whose pixels factors change, predictions as tables."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from unknot.experiments.common.digits import digits_of
from unknot.experiments.common.runs import UNTRAINED
from unknot.experiments.common.tables import cell, how_many, over_seeds, percent_cell, where_measured
from unknot.experiments.video_prediction.measures import FLOORS
from unknot.experiments.video_prediction.models import (
    DIGITS,
    ENTANGLED,
    FACTORED,
    OBJECTS,
    OWN,
    PUBLISHED,
    SLOTS,
    STREET,
)
from unknot.report import Headline, Table, mean_std

Seeds = list[dict[str, Any]]

PAPER = {
    (DIGITS, FACTORED): (4.61, 0.75, -2902),
    (DIGITS, ENTANGLED): (4.66, 2.61, -2896),
    (STREET, FACTORED): (2.26, 0.28, 6830),
    (STREET, ENTANGLED): (2.08, 0.38, 6800),
}
"""Table 2: information with the own and with another's next step, in nats, and the bound."""
SAME, CROSS, RATIO = 4.0, 0.75, 6.1
"""Information to reach, the most with others, and the least ratio of the two."""
ENTANGLED_SHARE = 0.5
"""The entangled model's ratio is well below the factored one's if it is at most so much of it."""
BOUND = 0.01
"""By how much of itself the entangled model's bound may be better."""
ONE_DIGIT, SEEDS = 0.95, 0.8
"""Share of the changed pixels in one digit's mask, and of the seeds in which each factor has that."""
LANE = 0.8
TITLES = {
    FACTORED: "factored",
    ENTANGLED: "entangled, best of 20 partitions",
    SLOTS: "a decoder for each factor, summed",
    PUBLISHED: "factored, the paper's networks and rate",
    UNTRAINED: "factored, untrained (trivial baseline)",
}
NAMES = {DIGITS: "moving digits", STREET: "street", OWN: "own videos"}
ORACLE = "true places and velocities (oracle)"


def tabulate(seeds: Seeds) -> list[Table]:
    """Make the tables from the metrics of each seed."""
    objects = [_digits(seeds)]
    if STREET in seeds[0]["floors"]:
        objects.append(_street(seeds))
    return [_information(seeds), *objects, _predictions(seeds)]


def headlines(seeds: Seeds) -> tuple[Headline, ...]:
    """Return the paper's main figures beside ours, those of the digits first."""
    lines = [
        *map(partial(_one_digit, seeds), (FACTORED, SLOTS)),
        _same(seeds),
        _cross(seeds),
        _ratio(seeds),
        _bound(seeds),
        _ahead(seeds),
    ]
    return (*lines, _lane(seeds)) if _found(seeds, STREET, FACTORED) else tuple(lines)


# Headlines


def _one_digit(seeds: Seeds, kind: str) -> Headline:
    shares = [_least_matched(each) for each in _found(seeds, DIGITS, kind)]
    right = [share >= ONE_DIGIT for share in shares]
    floor = [_least_matched(each) for each in _found(seeds, DIGITS, UNTRAINED)]
    return Headline(
        measure=f"Share of the pixels that a factor changes in one digit's mask, the worse factor, %: "
        f"{TITLES[kind]}",
        paper="pictures" if kind == FACTORED else "none",
        ours=f"{percent_cell(shares)}, {how_many(right)} seeds reach {100 * ONE_DIGIT:g}",
        floor=f"{100 * _mean(floor):.1f}, untrained",
        ceiling="100, true masks",
        target=f"at least {100 * ONE_DIGIT:g} in 4 of 5 seeds",
        met=bool(np.mean(right) >= SEEDS),
    )


def _same(seeds: Seeds) -> Headline:
    ours = _nats(seeds, FACTORED, "same")
    return Headline(
        measure="Information of a digit factor on its next step, nats",
        paper=f"{PAPER[DIGITS, FACTORED][0]}",
        ours=mean_std(ours),
        floor=f"{_mean(_nats(seeds, UNTRAINED, 'same')):.2f}, untrained",
        ceiling=f"{_mean(_nats(seeds, FACTORED, 'ceiling')):.2f}, two samples of q of one frame",
        target=f"at least {SAME:g}",
        met=bool(np.mean(ours) >= SAME),
    )


def _cross(seeds: Seeds) -> Headline:
    ours, alive = _nats(seeds, FACTORED, "cross"), _alive(seeds, FACTORED)
    return Headline(
        measure="Information of a digit factor on the other's next step, nats",
        paper=f"{PAPER[DIGITS, FACTORED][1]}",
        ours=f"{mean_std(ours)}, both factors alive in {how_many(alive)} seeds",
        floor=f"{_mean(_nats(seeds, ENTANGLED, 'cross')):.2f}, entangled",
        ceiling=f"{_mean(_oracle(seeds, 'cross')):.2f}, true places",
        target=f"at most {CROSS:g}, with both factors alive",
        met=bool(np.mean(ours) <= CROSS and all(alive)),
    )


def _ratio(seeds: Seeds) -> Headline:
    ours, entangled = _ratios(seeds, FACTORED), _ratios(seeds, ENTANGLED)
    alive = _alive(seeds, FACTORED)
    met = all(alive) and np.mean(ours) >= RATIO and np.mean(entangled) <= ENTANGLED_SHARE * np.mean(ours)
    same, cross, _ = PAPER[DIGITS, FACTORED]
    return Headline(
        measure="Ratio of the two",
        paper=f"{same / cross:.1f}",
        ours=mean_std(ours, 1),
        floor=f"{_mean(entangled):.1f}, entangled",
        ceiling="infinite, independent factors",
        target=f"at least {RATIO:g} with both factors alive, and twice the entangled model's",
        met=bool(met),
    )


def _bound(seeds: Seeds) -> Headline:
    ours, entangled = (
        over_seeds(_found(seeds, DIGITS, kind), "bound", "per_frame") for kind in (FACTORED, ENTANGLED)
    )
    least = np.mean(entangled) - BOUND * abs(np.mean(entangled)) if entangled else np.inf
    floor = over_seeds(_found(seeds, DIGITS, UNTRAINED), "bound", "per_frame")
    return Headline(
        measure="Bound of moving digits, nats a frame",
        paper=f"{PAPER[DIGITS, FACTORED][2]}",
        ours=mean_std(ours, 1),
        floor=f"{_mean(floor):.0f}, untrained",
        ceiling="none known",
        target=f"within 1% of the entangled model's {mean_std(entangled, 1) if entangled else 'not run'}",
        met=bool(np.mean(ours) >= least),
    )


def _ahead(seeds: Seeds) -> Headline:
    ours, entangled = (_errors(_found(seeds, DIGITS, kind)) for kind in (FACTORED, ENTANGLED))
    floors = {
        text: _mean([float(np.mean(each)) for each in over_seeds(seeds, "floors", DIGITS, name)])
        for name, text in FLOORS.items()
    }
    best = min(floors, key=lambda name: floors[name])
    bound = min(floors[best], _mean(entangled) if entangled else np.inf)
    return Headline(
        measure="Squared error of ten predicted frames of digits, of a channel",
        paper="none",
        ours=mean_std(ours, 4),
        floor=f"{floors[best]:.4f}, {best}",
        ceiling="0, re-rendered",
        target=f"below that and at most the entangled model's {_mean(entangled):.4f}",
        met=bool(np.mean(ours) <= bound and np.mean(ours) < floors[best]),
    )


def _lane(seeds: Seeds) -> Headline:
    """Ask it of four of the eight factors: people, light and daylight have no lane."""
    ours = [_mean(each["moves"]["matched"]) for each in _found(seeds, STREET, FACTORED)]
    entangled = [_mean(each["moves"]["matched"]) for each in _found(seeds, STREET, ENTANGLED)]
    return Headline(
        measure="Share of the pixels that a lane's own factor changes in that lane, %",
        paper="pictures",
        ours=percent_cell(ours),
        floor=f"{100 * _mean(entangled):.1f}, entangled",
        ceiling="100, one factor a lane",
        target=f"at least {100 * LANE:g}",
        met=bool(np.mean(ours) >= LANE),
    )


# Tables


def _information(seeds: Seeds) -> Table:
    rows: list[tuple[str, ...]] = []
    for data, name in NAMES.items():
        if data not in seeds[0]["floors"]:
            continue
        for kind, title in TITLES.items():
            if (data, kind) in PAPER:
                same, cross, bound = PAPER[data, kind]
                given = (f"{same}", f"{cross}", f"{same / cross:.1f}", "", "", "", f"{bound}")
                rows.append((f"{name}: paper, {kind}", *given))
            found = _found(seeds, data, kind)
            if found:
                rows.append((f"{name}: {title}", *_nats_cells(found), _bound_cell(found)))
        if data in seeds[0]["oracle"]:
            rows.append((f"{name}: {ORACLE}", *_nats_cells(where_measured(seeds, "oracle", data)), ""))
    return Table(
        "Information of factors on the next step, and bounds (Table 2)",
        ("model", "same factor", "other factor", "ratio", "ceiling", "alive", "gain by another", "bound"),
        tuple(rows),
        (
            "In nats, by Kraskov's estimator with 3 neighbours and "
            f"{_first(seeds)['information']['rows']:,} pairs of frames, each of its own clip (those of own "
            f"videos overlap); mean ± standard deviation over {len(seeds)} seeds, of which "
            f"{len(_found(seeds, DIGITS, UNTRAINED))} trained more than the factored model of digits and "
            "that with a decoder for each factor. Factors of more than 4 dimensions are projected to 4 "
            "canonical directions. Ceiling: what two samples of a factor of one frame tell of each other, "
            "the most that can be known of a noisy code; of true places, the estimator's own, of a factor "
            "and itself. The paper does not say how many pairs and dimensions it has.",
            "Alive: factors with at least 1 nat on their own next step; a ratio counts only if all are. Gain "
            "by another: by how many nats another factor's past improves a regression of a factor's next "
            "step from its own past (`prediction_gain`); 0 if they evolve independently.",
            "Bound: a frame, with all constants, of clips not learnt from; means of 2 × 2 pixels count as "
            "four. The paper's bounds fit this unit: without any error 64 × 64 × 3 pixels of variance 0.25 "
            "have -2775, of variance 0.05 7114. On the street they are of other videos than ours.",
        ),
    )


def _nats_cells(found: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    same, cross = over_seeds(found, "information", "same"), over_seeds(found, "information", "cross")
    k = len(found[0]["information"]["matrix"])
    alive = all(each == k for each in over_seeds(found, "information", "alive"))
    ratios = [a / max(b, RATIO_FLOOR) for a, b in zip(same, cross, strict=True)]
    return (
        mean_std(same),
        mean_std(cross),
        mean_std(ratios, 1) if alive else "–",
        cell(found, "information", "ceiling"),
        f"{mean_std(over_seeds(found, 'information', 'alive'), 1)} of {k}",
        cell(found, "gain", "mean", digits=3),
    )


def _bound_cell(found: Sequence[Mapping[str, Any]]) -> str:
    return mean_std(over_seeds(found, "bound", "per_frame"), 1)


RATIO_FLOOR = 0.01
"""Information of less counts as so much in a ratio: the estimator tells no less apart."""


def _digits(seeds: Seeds) -> Table:
    rows = []
    for kind, title in TITLES.items():
        found = _found(seeds, DIGITS, kind)
        if not found:
            continue
        splits = over_seeds(found, "places", "split")
        counts = ", ".join(f"{splits.count(each)} {each}" for each in dict.fromkeys(splits))
        shares = [_least_matched(each) for each in found]
        rows.append(
            (
                title,
                counts,
                how_many(share >= ONE_DIGIT for share in shares),
                percent_cell(shares),
                percent_cell([_mean(each["moves"]["matched"]) for each in found]),
                mean_std([float(np.max(each["places"]["r2"], 0).mean()) for each in found]),
                mean_std([float(np.min(each["places"]["r2"], 0).mean()) for each in found]),
            )
        )
    return Table(
        "Factors and digits",
        (
            *("model", "seeds split by", f"seeds at {100 * ONE_DIGIT:g}%", "in one digit, worse factor, %"),
            *("mean, %", "R² of places, better factor", "other factor"),
        ),
        tuple(rows),
        (
            "Nothing in the bound makes a factor a digit: the x and y of each digit evolve as independently. "
            "Split by: whose places a factor tells best, those of a digit, an axis (x of both), crossed (x "
            "of one, y of the other), one (a factor has more than two), unclear (R² below 0.5).",
            "In one digit: all codes keep their values of the second frame but for one factor's; of the "
            "pixels' channels that then change by more than 0.1, the share within the mask of the factor's "
            "digit (where it was or is, and a pixel around it), on its colour plane.",
            "R² of where digits are, by gradient boosting on one factor, means over x and y of both. "
            f"Digits are {digits_of(seeds)}.",
        ),
    )


def _street(seeds: Seeds) -> Table:
    rows = [
        (
            title,
            percent_cell([_mean(each["moves"]["best"]) for each in found]),
            mean_std([sum(share > 0 for share in each["moves"]["best"]) for each in found], 1),
            percent_cell([_mean(each["moves"]["matched"]) for each in found]),
        )
        for kind, title in TITLES.items()
        if (found := _found(seeds, STREET, kind))
    ]
    return Table(
        "Factors and lanes of the street",
        ("model", "in the best lane, %", "factors that move something", "lanes' own factors, %"),
        tuple(rows),
        (
            f"Of the pixels that change by more than 0.1 if one of {OBJECTS[STREET]} factors varies, the "
            "share in one lane. The rest is in other lanes, or people, the light and the ground. A factor "
            "that changes nothing counts as 0. Lanes' own factors: the same if each lane has one "
            "(Hungarian).",
        ),
    )


def _predictions(seeds: Seeds) -> Table:
    rows = []
    for data, name in NAMES.items():
        if data not in seeds[0]["floors"]:
            continue
        for floor, text in FLOORS.items():
            curves = where_measured(seeds, "floors", data, floor)
            rows.append((f"{name}: {text} (trivial baseline)", *_horizons(curves), ""))
        for kind, title in TITLES.items():
            found = _found(seeds, data, kind)
            if found:
                curves = over_seeds(found, "prediction")
                rows.append((f"{name}: {title}", *_horizons(curves), cell(found, "error", digits=4)))
    return Table(
        "Squared error of predicted frames",
        ("model", "1 ahead", "5 ahead", "10 ahead", "mean of ten", "frames that are seen"),
        tuple(rows),
        ("Of a channel of a pixel in [0, 1], by the transitions' means; the last column: reconstructions.",),
    )


def _horizons(curves: Sequence[Sequence[float]]) -> tuple[str, ...]:
    picked = [mean_std([curve[ahead - 1] for curve in curves], 4) for ahead in (1, 5, 10)]
    return (*picked, mean_std([float(np.mean(curve)) for curve in curves], 4))


# Values


def _found(seeds: Seeds, data: str, kind: str) -> list[Any]:
    return where_measured(seeds, "models", f"{data}-{kind}")


def _first(seeds: Seeds) -> Any:
    return next(iter(seeds[0]["models"].values()))


def _nats(seeds: Seeds, kind: str, which: str) -> list[float]:
    return over_seeds(_found(seeds, DIGITS, kind), "information", which)


def _oracle(seeds: Seeds, which: str) -> list[float]:
    return over_seeds(seeds, "oracle", DIGITS, "information", which)


def _ratios(seeds: Seeds, kind: str) -> list[float]:
    pairs = zip(_nats(seeds, kind, "same"), _nats(seeds, kind, "cross"), strict=True)
    return [same / max(cross, RATIO_FLOOR) for same, cross in pairs]


def _alive(seeds: Seeds, kind: str) -> list[bool]:
    return [each == OBJECTS[DIGITS] for each in _nats(seeds, kind, "alive")]


def _errors(found: Sequence[Mapping[str, Any]]) -> list[float]:
    return [float(np.mean(each["prediction"])) for each in found]


def _least_matched(model: Mapping[str, Any]) -> float:
    return float(min(model["moves"]["matched"]))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else 0.0

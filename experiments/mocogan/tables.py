"""Table 1 of the paper with what ACD can't see, control, characters, own videos; and headlines."""

from typing import Any

import numpy as np

from unknot.experiments.common.tables import (
    INTERVALS,
    cell,
    how_many,
    over_seeds,
    percent_cell,
    success_cell,
    where_measured,
)
from unknot.experiments.mocogan.data import CATEGORIES, CHARACTERS, HEADS, OWN, SHAPES
from unknot.experiments.mocogan.models import (
    BLIND,
    FOUND,
    LABELLED,
    ONE_CODE,
    OURS,
    PAPER_WAY,
    TODAY,
    WHOLE,
)
from unknot.models.data.head_videos import FACES
from unknot.report import Headline, Table, mean_std

Seeds = list[dict[str, Any]]

PUBLISHED = {OURS: "1.79", ONE_CODE: "5.02", "real": "0"}
"""Table 1: the ACD of shape motion, in units of 0 to 255."""
PUBLISHED_OF_HEADS = {OURS: "0.201", ONE_CODE: "0.322", "real": "0.116"}
"""Table 1: the ACD of facial expressions, by OpenFace."""
PUBLISHED_SCORE = 0.581
"""The motion control score on faces at CVPR 2018, with D_I and the category in R_M."""
TITLES = {
    OURS: "MoCoGAN, ours",
    WHOLE: "ours without a separate colour",
    BLIND: "ours without D_I",
    LABELLED: "ours with labelled categories",
    FOUND: "ours with categories, not labelled",
    PAPER_WAY: "the paper's own way",
    ONE_CODE: "VGAN: one code, still ground (plain baseline)",
    TODAY: "sequential VAE (today's)",
}
FLOORS = {
    "black": "black videos (trivial baseline)",
    "frozen": "real first frames, frozen (trivial baseline)",
    "real": "real videos (oracle)",
}
ACD, LEAD = 1.79, 2.0
"""The most ACD, and how many times less than VGAN's."""
VALID, LONGER, RECOGNISED, KEPT = 0.95, 0.90, 0.95, 0.95
"""Least shares of valid clips, of valid videos, of motions of a class, of contents kept."""
ALIVE = 0.5
"""Least share of VGAN's videos that are valid, or in which a face is made, for a comparison with it."""
BALANCED = (0.4, 0.6)
"""Least and greatest share of one class among the motions of a class."""
MOVED, CORRELATED = 0.10, 0.95
"""The most relative difference of displacement from real videos', the least correlation of courses."""
HIT, DISTANCE, WORSE = 0.90, 0.15, 1.5
"""Least share of cells hit, the most distance, and how many times its best it may become."""


def rows_of(seeds: Seeds, data: str) -> dict[str, list[Any]]:
    """Return the metrics of each model of a data set that was run, by its row."""
    found = {row: where_measured(seeds, "models", f"{data}-{row}") for row in TITLES}
    return {row: models for row, models in found.items() if models}


def curves_of(seeds: Seeds) -> list[list[dict[str, Any]]]:
    """Return how the distance of ours of shapes changed, of each seed."""
    return [model["curve"] for model in rows_of(seeds, SHAPES).get(OURS, ())]


def _floors(seeds: Seeds, data: str) -> dict[str, list[Any]]:
    found = {name: where_measured(seeds, "floors", data, name) for name in FLOORS}
    return {name: rows for name, rows in found.items() if rows}


def tabulate(seeds: Seeds) -> list[Table]:
    """Return the tables of all data sets that were run."""
    tables = [_shapes(seeds), _control(seeds)]
    tables += [_heads(seeds)] if _floors(seeds, HEADS) else []
    tables += [_characters(seeds)] if _floors(seeds, CHARACTERS) else []
    return [*tables, *([_own(seeds)] if _floors(seeds, OWN) else [])]


def _titled(seeds: Seeds, data: str) -> list[tuple[str, str, list[Any]]]:
    """Return key, title and metrics of all rows of a data set: floors first, then models, the oracle last."""
    floors = _floors(seeds, data)
    models = [(row, TITLES[row], each) for row, each in rows_of(seeds, data).items()]
    ends = [(name, FLOORS[name], floors[name]) for name in FLOORS if name in floors]
    return [*ends[:-1], *models, *ends[-1:]]


def _shapes(seeds: Seeds) -> Table:
    rows = []
    for key, title, models in _titled(seeds, SHAPES):
        outcomes = over_seeds(models, "outcomes")
        up, left = (percent_cell([each[k] for each in over_seeds(models, "motions")]) for k in (0, 1))
        rows.append(
            (
                title,
                PUBLISHED.get(key, ""),
                cell(models, "acd"),
                cell(models, "valid_acd"),
                success_cell(
                    over_seeds(models, "valid"), [len(each) for each in outcomes], outcomes, shared=False
                ),
                percent_cell(over_seeds(models, "longer")),
                percent_cell(over_seeds(models, "frames")),
                up,
                left,
                cell(models, "moved", digits=1),
                percent_cell(over_seeds(models, "hit")),
                cell(models, "distance"),
            )
        )
    return Table(
        "Shapes that move (Table 1)",
        (
            *("", "ACD in the paper", "ACD", "ACD of valid videos", "valid clips, %"),
            *("valid videos, %", "valid frames, %"),
            *("up, %", "left, %", "displacement, pixels", "cells hit, %", "distance"),
        ),
        tuple(rows),
        (
            f"Mean ± standard deviation over seeds: {len(seeds)} of ours, "
            f"{len(rows_of(seeds, SHAPES).get(ONE_CODE, ()))} of the others. {INTERVALS}",
            "Videos have 32 frames, clips are their first 16; D_V judges any 16. ACD: the mean distance "
            "between the colours of two frames, each the mean of its brightest pixels, in units of 0 to 255. "
            "Frozen and black videos have none, either. Valid: one connected shape of an allowed area in "
            "every frame. Up, left: motions that keep to the course of a class. Cells: of class of motion, "
            "shape, size and hue, 128 in all; distance: of these four the one whose histogram is furthest "
            "from the data's (total variation), to which videos that are not valid add.",
        ),
    )


def _control(seeds: Seeds) -> Table:
    rows = []
    for data in CATEGORIES:
        for row, models in rows_of(seeds, data).items():
            control, score = (where_measured(models, name) for name in ("control", "score"))
            if control or score:
                rows.append(
                    (
                        f"{TITLES[row]}, {data}",
                        percent_cell(over_seeds(control, "kept")) if control else "–",
                        cell(control, "correlation") if control else "–",
                        percent_cell(score) if score else "–",
                    )
                )
    return Table(
        "Content and motion by themselves",
        ("", "content kept, %", "courses correlated", "motion control, %"),
        tuple(rows),
        (
            "Kept: each of 20 contents under 20 motions has the same shape, size and hue. Correlated: "
            "centres over time of each motion under 20 contents. Motion control: videos whose motion is of "
            f"the category asked for; in the paper's version at CVPR 2018 {100 * PUBLISHED_SCORE:.1f} on "
            "faces.",
        ),
    )


def _heads(seeds: Seeds) -> Table:
    rows = []
    for key, title, models in _titled(seeds, HEADS):
        faces = (percent_cell([e[k] for e in over_seeds(models, "faces")]) for k in range(len(FACES)))
        changed, made, hit = (percent_cell(over_seeds(models, name)) for name in ("changed", "made", "hit"))
        measured = (cell(models, "acd", digits=3), changed, cell(models, "error", digits=1), made)
        rows.append((title, PUBLISHED_OF_HEADS.get(key, ""), *measured, *faces, hit))
    return Table(
        "Heads that make faces (Table 1)",
        (
            *("", "ACD in the paper", "ACD", "person changed, %", "error", "made, %"),
            *(f"{name}, %" for name in FACES),
            "people, %",
        ),
        tuple(rows),
        (
            "ACD: the mean distance between the embeddings of two frames, by a verifier that learnt from "
            "other people; the paper's is by OpenFace, on another data set. Each frame is also read as the "
            "real one that it is nearest to. Changed: pairs of frames whose person differs. Error: root mean "
            "square, of 255, to that frame. Made: one face comes and goes, from neutral to neutral. People: "
            "share of all that the videos show.",
        ),
    )


def _characters(seeds: Seeds) -> Table:
    rows = []
    for _, title, models in _titled(seeds, CHARACTERS):
        shares = (percent_cell([e[k] for e in over_seeds(models, "actions")]) for k in range(len(_actions())))
        measured = (cell(models, "changed"), cell(models, "error", digits=1))
        acted, hit = (percent_cell(over_seeds(models, name)) for name in ("acted", "hit"))
        rows.append((title, *measured, acted, *shares, hit))
    return Table(
        "Characters that act",
        (
            "",
            "attributes changed",
            "error",
            "actions, %",
            *(f"{name}, %" for name in _actions()),
            "identities, %",
        ),
        tuple(rows),
        (
            "Each frame is read as the rendering it is nearest to, of all 672 characters in all views and "
            "poses. Changed: how many of seven attributes differ between two frames, the mean, which is this "
            "data set's ACD. Error: root mean square, of 255, to that rendering. Actions: at least three "
            "quarters of the frames agree with one. Identities: share of all that the videos show.",
            "Characters stand in for the paper's people"
            + ("." if _floors(seeds, HEADS) else ", and for its faces until `unknot fetch heads`."),
        ),
    )


def _actions() -> tuple[str, ...]:
    return CATEGORIES[CHARACTERS][1]


def _own(seeds: Seeds) -> Table:
    rows = [(title, cell(models, "acd"), cell(models, "change")) for _, title, models in _titled(seeds, OWN)]
    note = (
        "ACD: of the frames' mean colours. Change: from a frame to the next, of a channel. Both of 0 to 255."
    )
    return Table("Own videos", ("", "ACD", "change"), tuple(rows), (note,))


# Headlines


def headlines(seeds: Seeds) -> tuple[Headline, ...]:
    """Return ACD, motion, displacement, control, longer videos, VGAN and collapse beside their targets."""
    ours = rows_of(seeds, SHAPES)[OURS]
    lines = [_acd(seeds, ours), _motion(seeds, ours), _displacement(seeds, ours), _kept(ours)]
    lines += [_correlated(ours, _real(seeds, "alike")), _longer(seeds, ours)]
    one_code = rows_of(seeds, SHAPES).get(ONE_CODE, [])
    lines += [_lead(ours, one_code)] if one_code else []
    lines += [_faces(seeds)] if len(rows_of(seeds, HEADS)) > 1 else []
    return (*lines, _collapse(seeds, ours))


def _real(seeds: Seeds, name: str) -> Any:
    return seeds[0]["floors"][SHAPES]["real"][name]


def _acd(seeds: Seeds, ours: list[Any]) -> Headline:
    acd, valid = over_seeds(ours, "acd"), over_seeds(ours, "valid")
    return Headline(
        measure="ACD of moving shapes, of 255, and valid clips of 16 frames, %",
        paper=f"{ACD}; validity not given",
        ours=f"{mean_std(acd)}; {percent_cell(valid)}",
        floor="0; 0, black videos",
        ceiling=f"{_real(seeds, 'acd'):.2f}; {100 * _real(seeds, 'valid'):.1f}, real videos",
        target=f"at most {ACD}, at least {100 * VALID:g}",
        met=bool(np.mean(acd) <= ACD and np.mean(valid) >= VALID),
    )


def _motion(seeds: Seeds, ours: list[Any]) -> Headline:
    motions = np.array(over_seeds(ours, "motions"))
    known = motions.sum(1)
    up = motions[:, 0] / np.maximum(known, 1e-9)
    low, high = BALANCED
    real = _real(seeds, "motions")
    return Headline(
        measure="Videos whose motion is of a class, %, and how many of them move up, %",
        paper="none",
        ours=f"{percent_cell(known)}; {percent_cell(up)}",
        floor="0; 0, frozen videos",
        ceiling=f"{100 * sum(real):.1f}; {100 * real[0] / sum(real):.1f}, real videos",
        target=f"at least {100 * RECOGNISED:g}; {100 * low:g} to {100 * high:g}",
        met=bool(known.mean() >= RECOGNISED and (low <= up).all() and (up <= high).all()),
    )


def _displacement(seeds: Seeds, ours: list[Any]) -> Headline:
    moved, real = over_seeds(ours, "moved"), _real(seeds, "moved")
    met = None not in moved and abs(np.mean(moved) / real - 1) <= MOVED
    return Headline(
        measure="Displacement from the first to the last frame, pixels",
        paper="none",
        ours=cell(ours, "moved", digits=1),
        floor="0, frozen videos",
        ceiling=f"{real:.1f}, real videos",
        target=f"within {100 * MOVED:g}% of real videos'",
        met=bool(met),
    )


def _kept(ours: list[Any]) -> Headline:
    kept = over_seeds(ours, "control", "kept")
    return Headline(
        measure="Videos that keep their content's shape, size and hue under 20 motions, %",
        paper="pictures",
        ours=percent_cell(kept),
        floor="0, black videos",
        ceiling="100",
        target=f"at least {100 * KEPT:g}",
        met=bool(np.mean(kept) >= KEPT),
    )


def _correlated(ours: list[Any], alike: float) -> Headline:
    correlation = over_seeds(ours, "control", "correlation")
    return Headline(
        measure="Correlation of a motion's courses under 20 contents",
        paper="pictures",
        ours=mean_std(correlation),
        floor=f"{alike:.2f}, other courses of the same class",
        ceiling="1",
        target=f"at least {CORRELATED}",
        met=bool(np.mean(correlation) >= CORRELATED),
    )


def _longer(seeds: Seeds, ours: list[Any]) -> Headline:
    valid = over_seeds(ours, "longer")
    return Headline(
        measure="Valid videos of 32 frames, twice as long as D_V's clips, %",
        paper="pictures",
        ours=percent_cell(valid),
        floor="0, black videos",
        ceiling=f"{100 * _real(seeds, 'longer'):.1f}, real videos",
        target=f"at least {100 * LONGER:g}",
        met=bool(np.mean(valid) >= LONGER),
    )


def _lead(ours: list[Any], one_code: list[Any]) -> Headline:
    """Compare with a VGAN that has not collapsed: black videos have an ACD of 0."""
    acd, other = over_seeds(ours, "acd"), over_seeds(one_code, "acd")
    alive = np.mean(over_seeds(one_code, "valid")) >= ALIVE
    return Headline(
        measure="ACD beside that of one code (VGAN), of 255",
        paper=f"{PUBLISHED[OURS]}, VGAN {PUBLISHED[ONE_CODE]}",
        ours=f"{mean_std(acd)}, VGAN {mean_std(other)}, of which "
        f"{percent_cell(over_seeds(one_code, 'valid'))}% are valid",
        floor="0, black videos",
        ceiling="0, real videos",
        target=f"at most VGAN's divided by {LEAD:g}, with at least {100 * VALID:g}% valid clips, VGAN "
        f"{100 * ALIVE:g}%",
        met=bool(
            alive and LEAD * np.mean(acd) <= np.mean(other) and np.mean(over_seeds(ours, "valid")) >= VALID
        ),
    )


def _faces(seeds: Seeds) -> Headline:
    models, real = rows_of(seeds, HEADS), _floors(seeds, HEADS)["real"]
    ours, other = (over_seeds(models[row], "acd") for row in (OURS, ONE_CODE))
    return Headline(
        measure="ACD of heads that make faces, by a verifier, and videos in which one is made, %",
        paper=f"{PUBLISHED_OF_HEADS[OURS]}, VGAN {PUBLISHED_OF_HEADS[ONE_CODE]}",
        ours=f"{mean_std(ours, 3)}, VGAN {mean_std(other, 3)}; "
        f"{percent_cell(over_seeds(models[OURS], 'made'))}, "
        f"VGAN {percent_cell(over_seeds(models[ONE_CODE], 'made'))}",
        floor="0; 0, black videos",
        ceiling=f"{cell(real, 'acd', digits=3)}; {percent_cell(over_seeds(real, 'made'))}, real videos",
        target=f"below VGAN's ACD, a face made in at least {100 * ALIVE:g}% of both",
        met=bool(
            np.mean(ours) < np.mean(other)
            and min(np.mean(over_seeds(models[row], "made")) for row in (OURS, ONE_CODE)) >= ALIVE
        ),
    )


def _collapse(seeds: Seeds, ours: list[Any]) -> Headline:
    return Headline(
        measure="Seeds that don't collapse",
        paper="none",
        ours=f"{how_many(map(holds, ours))} (cells hit {percent_cell(over_seeds(ours, 'hit'))}%, "
        f"distance {cell(ours, 'distance')})",
        floor="none: black videos hit no cell",
        ceiling=f"all: real videos, {100 * _real(seeds, 'hit'):.1f}%, {_real(seeds, 'distance'):.2f}",
        target=f"all: {100 * HIT:g}% of cells hit, distance at most {DISTANCE}, never {WORSE} times its best "
        "in the last third of training",
        met=all(map(holds, ours)),
    )


def holds(model: dict[str, Any]) -> bool:
    """Say whether a model has not collapsed, and did not in the last third of training."""
    distances = [point["distance"] for point in model["curve"]]
    steady = all(later <= WORSE * min(distances[: k + 1]) for k, later in enumerate(distances))
    return bool(model["hit"] >= HIT and model["distance"] <= DISTANCE and steady)

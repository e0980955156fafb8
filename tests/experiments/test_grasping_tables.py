"""The tables of grasping: the paper's numbers beside ours, worked by hand."""

from typing import Any

import pytest

pytest.importorskip("pybullet", reason="PyBullet is not installed")

from unknot.experiments import grasping
from unknot.experiments.grasping.tables import interval


def metrics(baseline: float, geometry: float, planned: bool = True) -> dict[str, Any]:
    """Return the metrics of a seed whose nets differ in one number."""
    seed: dict[str, Any] = {"nets": {}, "references": {}}
    for net, value in (("baseline", baseline), ("geometry", geometry)):
        rates = {"all": value, "mug": value + 1}
        tested: dict[str, Any] = {"accuracy": dict.fromkeys(("15", "30", "45", "60"), rates)}
        tested |= {"overlap": rates} if net == "geometry" else {}
        tested |= {"steps": rates, "cem": rates} if planned else {}
        seed["nets"][net] = {"test": tested, "pybullet": tested, "train": {"overlap": rates}}
    if planned:
        values = {
            "pose alone": 52.0,
            "random": 1.0,
            "proposal": 2.0,
            "narrow side": 44.0,
            "demonstrations": 99.0,
        }
        floors = {name: {"all": value} for name, value in values.items()}
        seed["references"] = {"test": floors, "pybullet": floors}
    return seed


def test_tables_have_the_paper_beside_means_over_seeds() -> None:
    tables = grasping.tabulate([metrics(40, 60), metrics(50, 70)])
    seen, novel, planned, overlap, bullet = tables
    assert seen.columns[-1] == "all"
    nets = ["baseline CNN (15)", "geometry-aware (15)", "baseline CNN (45)", "geometry-aware (45)"]
    assert seen.rows[0][0] == "pose alone (floor)"
    assert seen.rows[0][-1] == "52.0"
    assert [row[0] for row in seen.rows[1::2]] == nets
    assert seen.rows[1][-1] == "45.0 ± 7.1"
    assert seen.rows[1][1] == ""  # no bottle was tested
    assert [row[-1] for row in seen.rows[2::2]] == ["71.42", "76.55", "71.32", "77.25"]
    assert [row[-1] for row in novel.rows[2::2]] == ["69.50", "75.27", "70.18", "75.76"]
    found = {row[0]: row[-1] for row in planned.rows}
    assert found["relative improvement"] == "44.4"  # 130 / 90
    assert found["random directions, 20 steps (floor)"] == "1.0"
    assert found["across the narrow side, one attempt (floor)"] == "44.0"
    assert found["demonstrations (ceiling)"] == "99.0"
    assert overlap.rows[1][-1] == "65.0 ± 7.1"
    assert bullet.rows[1][-1] == "65.0 ± 7.1"


def test_the_headlines_are_the_success_of_planning_with_geometry_over_the_best_floor() -> None:
    search, once = grasping.headlines([metrics(40, 60), metrics(50, 82)])
    assert (search.paper, search.ours, search.met) == ("61.46", "71.0 ± 15.6", True)
    assert (once.paper, once.ours, once.met) == ("none", "71.0 ± 15.6", False)
    assert search.floor == once.floor == "44.0, across the narrow side, one attempt"
    assert not any(found.met for found in grasping.headlines([metrics(40, 60, planned=False)]))
    better = metrics(40, 60)
    better["references"]["test"]["proposals"] = {"all": 45.0}
    search, once = grasping.headlines([better])
    assert search.floor == "45.0, random proposals, 20 attempts"
    assert once.floor == "44.0, across the narrow side, one attempt"


def outcomes(*digits: str) -> dict[str, Any]:
    """Return the success of one seed, given each object's outcomes."""
    return {"all": 0.0, "outcomes": {str(k): each for k, each in enumerate(digits)}}


def test_intervals_count_objects_and_not_single_trials() -> None:
    many = [outcomes(*["1" * 50] * 5, *["0" * 50] * 5)]
    few = [outcomes(*"1" * 5, *"0" * 5)]
    assert interval(many) == interval(few) == "[23.7, 76.3]"  # Wilson's of 10 objects, not of 500 trials
    assert interval(many * 3) == "[23.7, 76.3]"  # the same problems again tell nothing new
    assert interval([outcomes("1")]) == ""


def test_intervals_without_outcomes_count_categories_and_say_so() -> None:
    rows = [{"all": 50.0, "mug": 100.0, "cup": 0.0}]
    assert interval(rows) == "[9.5, 90.5]*"  # Wilson's of 2
    assert interval([{"all": 50.0, "other": 50.0}, {"all": 60.0, "other": 60.0}]) == ""

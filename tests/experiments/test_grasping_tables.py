"""The tables of grasping: the paper's numbers beside ours, worked by hand."""

from typing import Any

import pytest

pytest.importorskip("pybullet", reason="PyBullet is not installed")

from unknot.experiments import grasping


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
        floors = {"pose alone": {"all": 52.0}, "random": {"all": 1.0}, "demonstrations": {"all": 99.0}}
        seed["references"] = {"test": floors, "pybullet": floors}
    return seed


def test_tables_have_the_paper_beside_means_over_seeds() -> None:
    tables = grasping.tabulate([metrics(40, 60), metrics(50, 70)])
    seen, novel, planned, overlap, bullet = tables
    assert seen.columns[-1] == "all"
    nets = ["baseline CNN (15)", "geometry-aware (15)", "baseline CNN (45)", "geometry-aware (45)"]
    assert seen.rows[0][0] == "pose alone (floor)"
    assert seen.rows[0][-1] == "52.0 ± 0.0"
    assert [row[0] for row in seen.rows[1::2]] == nets
    assert seen.rows[1][-1] == "45.0 ± 7.1"
    assert seen.rows[1][1] == ""  # no bottle was tested
    assert [row[-1] for row in seen.rows[2::2]] == ["71.42", "76.55", "71.32", "77.25"]
    assert [row[-1] for row in novel.rows[2::2]] == ["69.50", "75.27", "70.18", "75.76"]
    found = {row[0]: row[-1] for row in planned.rows}
    assert found["relative improvement"] == "44.4"  # 130 / 90
    assert found["random directions (floor)"] == "1.0 ± 0.0"
    assert found["demonstrations (ceiling)"] == "99.0 ± 0.0"
    assert overlap.rows[1][-1] == "65.0 ± 7.1"
    assert bullet.rows[1][-1] == "65.0 ± 7.1"


def test_the_headline_is_the_success_of_planning_with_geometry() -> None:
    (found,) = grasping.headlines([metrics(40, 60), metrics(50, 82)])
    assert (found.paper, found.ours, found.met) == ("61.46", "71.0 ± 15.6", True)
    assert found.floor == "1.0 ± 0.0, random directions"
    assert not grasping.headlines([metrics(40, 60, planned=False)])[0].met


def test_without_plans_their_table_is_left_out() -> None:
    titles = [table.title for table in grasping.tabulate([metrics(40, 60, planned=False)])]
    assert len(titles) == 4
    assert not any("Table 3" in title for title in titles)


def test_a_single_net_is_compared_to_nothing() -> None:
    alone = metrics(40, 60)
    del alone["nets"]["baseline"]
    rows = [row[0] for table in grasping.tabulate([alone]) for row in table.rows]
    assert "geometry-aware (15)" in rows
    assert "geometry-aware, 20 steps" in rows
    assert not any("baseline" in row or "improvement" in row for row in rows)


@pytest.mark.parametrize("name", ["placements", "bullet", "shape_steps", "repeats"])
def test_counts_that_leave_nothing_to_measure_are_refused(name: str) -> None:
    settings: dict[str, Any] = {name: 0}
    with pytest.raises(ValueError, match=f"{name} must be at least 1, not 0"):
        grasping.Settings(**settings)

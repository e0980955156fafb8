"""The tables, from metrics with distinct numbers."""

from pathlib import Path
from typing import Any

import pytest

from unknot.experiments.dynamics_content import tables as module
from unknot.experiments.dynamics_content.tables import headlines, tabulate
from unknot.report import Table


@pytest.fixture(autouse=True)
def _nothing_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHIPPED", tmp_path / "results.json")


def task(success: float, count: int) -> dict[str, float]:
    return {"success": success, "low": 0.0, "high": 100.0, "count": count, "loss": 50.0, "ratio": 2.0}


def model(success: float, **further: Any) -> dict[str, Any]:
    images = {
        "reconstruction": 1.0,
        "prediction": 2.0,
        "map_error": 0.1,
        "shape": 90.0,
        "corners": task(success, 4),
        "anywhere": task(success, 8),
        "one_shot": task(success, 4),
        "pc3": 60.0,
    }
    return {"X": images, "Y": images, **further}


REFERENCES = {
    name: {
        "floor": {"success": 11.0, "loss": 90.0},
        "shaken": {"success": 40.0, "loss": 60.0},
        "ceiling": {"success": 99.0, "loss": 45.0},
    }
    for name in ("corners", "anywhere")
}


def titled(tables: list[Table], start: str) -> Table:
    (table,) = [table for table in tables if table.title.startswith(start)]
    return table


def test_without_the_split_its_tables_are_left_out() -> None:
    tables = tabulate([{"seed": 0, "models": {"rce-x": model(50)}}])
    assert [table.title.partition(":")[0] for table in tables] == ["What the split adds"]


def test_floors_and_ceilings_stand_beside_the_models() -> None:
    references = {**REFERENCES, "pc3": 80.0, "pc3_floor": 20.0, "pc3_shaken": 30.0}
    seeds = [{"seed": 3, "models": {"published": model(75, references=references), "bare": model(50)}}]
    tables = tabulate(seeds)
    assert "4 runs a seed" in tables[0].title
    floor, shaken, ceiling = titled(tables, "With and without").rows[-3:]
    assert floor == ("straight line", "", "11.0", "11.0", "", "", "11.0", "11.0", "", "")
    assert shaken[:3] == ("straight line, shaken loose", "", "40.0")
    assert ceiling[0] == "best on the true map"
    assert ceiling[2] == "99.0"
    pc3 = titled(tables, "PC3").rows
    assert pc3[-3:] == (
        ("straight line", "20.00", "", "25.0"),
        ("straight line, shaken loose", "30.00", "", "37.5"),
        ("best on the true map", "80.00", "", "100.0"),
    )
    assert pc3[-4][3] == "75.0"


def test_metrics_without_the_straight_line_have_tables_too() -> None:
    references = {**REFERENCES, "pc3": 80.0}
    tables = tabulate([{"seed": 0, "models": {"published": model(75, references=references)}}])
    assert [row[0] for row in titled(tables, "PC3").rows][-2:] == ["ours: Y", "best on the true map"]


def test_metrics_of_earlier_runs_have_no_shaken_line() -> None:
    earlier = {
        name: {key: value for key, value in known.items() if key != "shaken"}
        for name, known in REFERENCES.items()
    }
    seeds = [{"seed": 0, "models": {"solid": model(75, references=earlier)}}]
    labels = [row[0] for row in titled(tabulate(seeds), "Start and goal anywhere").rows]
    assert labels[-2:] == ["solid: straight line", "solid: best on the true map"]
    (line,) = headlines(seeds)
    assert line.floor == "11.0 (straight line)"


def test_where_y_is_another_camera_losses_are_compared_and_not_shapes() -> None:
    late = model(25)
    late["Y"] = {**late["Y"], "anywhere": {**task(0, 8), "ratio": 17.0}}
    split = model(100, references=REFERENCES)
    tables = tabulate([{"seed": 0, "models": {"camera": split, "camera-late": late}}])
    table = titled(tables, "What the split adds where Y is another camera")
    assert [head for head in table.columns if "shape" in head] == []
    assert [row[table.columns.index("Y: × best")] for row in table.rows[:2]] == ["2.00", "17.00"]
    assert table.rows[-1][:4] == ("best on the true map", "", "99.0", "99.0")
    assert any("seen by a camera" in note for note in table.notes)


def intervals(first: dict[str, Any], second: dict[str, Any]) -> tuple[str, str]:
    """The cells "anywhere" and "corners" of two seeds that were measured as given."""
    seeds = []
    for seed, measured in enumerate((first, second)):
        metrics = model(50)
        metrics["X"] = {**metrics["X"], "corners": measured, "anywhere": measured}
        seeds.append({"seed": seed, "models": {"published": metrics}})
    row = titled(tabulate(seeds), "Start and goal anywhere").rows[0]
    return row[1], row[4]


def test_intervals_count_a_problem_once_unless_each_seed_has_its_own() -> None:
    both = task(50, 100)
    alike, apart = (
        intervals({**both, "outcomes": "10" * 50}, {**both, "outcomes": other})
        for other in ("10" * 50, "01" * 50)
    )
    once, twice = "[40.4, 59.6]", "[43.1, 56.9]"  # Wilson's of 50 in 100, and of 100 in 200
    assert [cell.partition(" [")[2] for cell in alike] == [once[1:], twice[1:]]
    assert [cell.partition(" [")[2] for cell in apart] == [twice[1:], twice[1:]]
    assert intervals(both, both) == alike  # without outcomes, the widest
    more = {**task(50, 200), "outcomes": "10" * 50 + "0" * 50 + "1" * 50}
    assert intervals({**both, "outcomes": "10" * 50}, more)[0] == alike[0]  # the problems of both seeds


def test_the_headline_asks_for_a_loss_near_the_best() -> None:
    (far,) = headlines([{"seed": 0, "models": {"solid": model(75, references=REFERENCES)}}])
    assert not far.met  # its planning loss is twice the best
    assert far.ours.startswith("75.0")
    assert far.floor == "40.0 (straight line, shaken loose)"  # the better of the two
    assert far.ceiling == "99.0 (best on the true map)"
    both = headlines([{"seed": 0, "models": {"published": model(90, references=REFERENCES)}}])
    assert [line.paper for line in both] == ["not measured", "100", "100"]  # no solid rule was run

"""The tables of the agents, from metrics with distinct numbers."""

from typing import Any

from unknot.experiments.agents.tables import headlines, tabulate
from unknot.experiments.agents.tasks import LABELS, TASKS


def row(success: float, **further: Any) -> dict[str, Any]:
    return {"curve": [], "success": success, "episodes": 100, "steps": 9.0, **further}


def planar(ppo: float, **further: Any) -> dict[str, Any]:
    best = {"steps": 100_000, "seconds": 60.0}
    return {
        "planar": {
            "random": row(0.0),
            **further,
            "expert": row(1.0),
            "planning": row(0.99),
            "pixels": row(ppo, best=best),
        }
    }


def test_the_better_floor_stands_beside_the_share_of_steps() -> None:
    (line,) = headlines([planar(0.9, line=row(0.97)), planar(0.8, line=row(0.97))])
    assert line.floor == "97.0%, straight line, shaken loose"
    assert line.ours == "0.100 (10,000 of 100,000; planning succeeds in 99.0%)"
    (earlier,) = headlines([planar(0.9)])
    assert earlier.floor == "0.0%, random actions"
    (absent,) = headlines([])
    assert (absent.ours, absent.floor) == ("not run", "not run, random actions")


def test_episodes_that_seeds_share_count_once() -> None:
    halves = "1" * 50 + "0" * 50
    unknown = tabulate([planar(0.5), planar(0.5)])[0].rows[-1]
    assert unknown[1] == "50.0 ± 0.0 [40.4, 59.6]"  # Wilson's of 50 in 100
    seeds = [planar(0.5), planar(0.5)]
    for seed, outcomes in zip(seeds, (halves, halves[::-1]), strict=True):
        seed["planar"]["pixels"]["outcomes"] = outcomes
    assert tabulate(seeds)[0].rows[-1][1] == "50.0 ± 0.0 [43.1, 56.9]"  # of 100 in 200


def test_tables_say_how_steps_before_differ() -> None:
    (table,) = tabulate([planar(0.9)])
    assert any("the simulator puts the agent" in note for note in table.notes)
    for name in ("grasp", "grasp-reach"):
        task = TASKS[name]
        assert task.planner_steps == task.encoder_steps == 99_203
        assert "strays" in " ".join(task.notes)


def test_only_the_planar_world_has_a_straight_line() -> None:
    assert [name for name, task in TASKS.items() if task.line] == ["planar"]
    assert LABELS["line"] == "straight line, shaken loose (floor)"

"""Measure again the trivial baselines and the oracle of grasping, in the results that ship.

    python docs/grasp_references.py

It collects the placements that the run tested on, unless GRASPS has them, and takes minutes more. Objects
whose problems are no longer the run's keep what they had: one that was measured before would differ. So does
what needs the grasps of trained objects.
"""

from pathlib import Path
from typing import Any

from unknot.experiments.grasping import Settings, references
from unknot.experiments.grasping.data import TESTS, collect_tests, read_all
from unknot.files import CONFIG, METRICS, RESULTS, read_json, write_json

SHIPPED = Path(__file__).resolve().parent.parent / "pretrained/grasping"


def main() -> None:
    """Measure, compare with what was measured before, and write."""
    folder = SHIPPED / "seed-0"
    settings = Settings(**read_json(folder / CONFIG)["settings"])
    collect_tests(settings, folder, read_json(folder / METRICS)["dataset"])
    measured = references(settings, read_all(settings, folder, TESTS))
    results, metrics = read_json(SHIPPED / RESULTS), read_json(folder / METRICS)
    for seed in (*results["seeds"], metrics):
        for objects, rows in measured.items():
            if same(seed["references"][objects], rows):
                seed["references"][objects].update(rows)
            else:
                print(f"{objects}: other problems than those of seed {seed['seed']}, which stays as it was")
    write_json(SHIPPED / RESULTS, results)
    write_json(folder / METRICS, metrics)


def same(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Return whether all that both have measured has equal success."""
    both = [(old[name], new[name]) for name in new if name in old]
    return all(
        before[category] == after[category]
        for before, after in both
        for category in before
        if category in after
    )


if __name__ == "__main__":
    main()

"""Measure again the trivial baselines and the oracle of grasping, in the results that ship.

    python docs/grasp_references.py

It collects the placements that the run tested on, unless GRASPS has them, and takes minutes more. The
problems are the nets' own: where a baseline that was measured before differs, nothing is written. What needs
the grasps of trained objects stays as it was.
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
        merge(seed["references"], measured)
    write_json(SHIPPED / RESULTS, results)
    write_json(folder / METRICS, metrics)


def merge(old: dict[str, Any], measured: dict[str, Any]) -> None:
    """Put what was measured into a seed's references.

    Raises:
        ValueError: a baseline that they have differs.
    """
    for objects, rows in measured.items():
        for name, row in rows.items():
            for category, value in old[objects].get(name, {}).items():
                if row[category] != value:
                    raise ValueError(f"{name} of {objects}, {category}: {row[category]} now, {value} before")
            old[objects][name] = row


if __name__ == "__main__":
    main()

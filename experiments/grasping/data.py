"""The grasps that the experiment trains and tests on: collected, recorded in metrics, collected again.

A placement depends on its objects, the dataset's seed and its number alone. Where a run's dataset is missing,
the placements that it tested on are therefore collected again, from the record in its metrics.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unknot.agents.grasp_batches import Grasps, collect_grasps
from unknot.envs.grasp.shards import MANIFEST, GraspDataset, read_manifest
from unknot.files import FileError
from unknot.progress import announce

if TYPE_CHECKING:
    from unknot.experiments.grasping import Settings

__all__ = ["TESTS", "collect_all", "collect_tests", "read_all", "read_train", "record"]

TRAIN, TESTS = "train", ("test", "pybullet")
"""Objects to train on, and objects that no net was trained on."""
SECONDS = 2.0
"""Of processor time that a placement takes, about."""


def collect_all(settings: "Settings", folder: Path) -> None:
    """Collect the grasps that a seed needs and that no dataset has."""
    for name, count in _counts(settings).items():
        path, split = _where(settings, folder, name)
        if split == "all":
            collect_grasps(path, count, name)


def collect_tests(settings: "Settings", folder: Path, kept: dict[str, Any] | None) -> None:
    """Collect those placements to test on that are missing, and say how long it takes.

    Args:
        settings: of the run.
        folder: of the seed.
        kept: the run's `record`; without one, a missing dataset stays missing.

    Raises:
        FileError: the folder holds a dataset of other objects or another seed than the run's, or the objects
            are not there.
    """
    for name in TESTS:
        path, split = _where(settings, folder, name)
        used = _counts(settings)[name]
        dataset: dict[str, Any] = {"objects": name, "seed": 0, "placements": used}
        if split != "all":
            if kept is None:
                continue
            dataset, used = kept, kept["used"][name]
        missing = used - (len(GraspDataset(path, split)) if (path / MANIFEST).exists() else 0)
        if missing > 0:
            minutes = math.ceil(missing * SECONDS / 60)
            announce(f"{path} lacks {missing} placements: collecting takes about {minutes} min of a core.")
        try:
            collect_grasps(path, dataset["placements"], dataset["objects"], split=split, seed=dataset["seed"])
        except ValueError as error:  # other files, or no such objects
            raise FileError(f"the run's placements can't be collected again: {error}") from error


def read_all(
    settings: "Settings", folder: Path, names: tuple[str, ...] = (TRAIN, *TESTS)
) -> dict[str, Grasps]:
    """Read the grasps of "train", "test" and "pybullet" objects.

    Raises:
        FileNotFoundError: they are missing.
    """
    counts = _counts(settings)
    return {name: Grasps.read(*_where(settings, folder, name), counts[name]) for name in names}


def read_train(settings: "Settings", folder: Path, kept: dict[str, Any] | None) -> dict[str, Grasps]:
    """Read the grasps of "train" objects if all that the run used are there."""
    path, split = _where(settings, folder, TRAIN)
    if not (path / MANIFEST).exists() or not GraspDataset(path, split).paths:
        return {}
    found = read_all(settings, folder, (TRAIN,))
    whole = kept is None or len(found[TRAIN].shards) == kept["used"][TRAIN]
    return found if whole else {}


def record(settings: "Settings", data: dict[str, Grasps]) -> dict[str, Any] | None:
    """Return what it takes to collect the run's dataset again; None without a dataset.

    Returns:
        `objects`, `seed` and `placements` of `unknot collect-grasps`, and how many placements of each split
        are `used`.
    """
    if not settings.dataset:
        return None
    path = Path(settings.dataset)
    manifest = read_manifest(path)
    kept = {name: manifest[name] for name in ("objects", "seed")}
    used = {name: len(grasps.shards) for name, grasps in data.items()}
    return {**kept, "placements": len(GraspDataset(path)), "used": used}


def _counts(settings: "Settings") -> dict[str, int]:
    return {TRAIN: settings.placements, "test": settings.test_placements, "pybullet": settings.bullet}


def _where(settings: "Settings", folder: Path, name: str) -> tuple[Path, str]:
    """Return a dataset's folder and split: those of the settings, or one collected beside it or the seeds."""
    if not settings.dataset:
        return folder.parent / f"grasps-{name}", "all"
    if name == "pybullet":
        return Path(f"{settings.dataset}-{name}"), "all"
    return Path(settings.dataset), name

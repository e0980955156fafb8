"""What parts share that train a few models a seed and measure each: ours, then its baselines."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from unknot.files import read_json, write_json
from unknot.representation import WEIGHTS, Learner, load_learner

METRICS = "metrics.json"


def check_least(settings: Any, **least: int) -> None:
    """Raise ValueError if one of the settings named is below the least that it may be."""
    for name, number in least.items():
        if (value := getattr(settings, name)) < number:
            raise ValueError(f"{name} must be at least {number}, not {value}")


def names_for(models: Iterable[str], baselines: int, seed: int) -> list[str]:
    """Return the models of a seed: all of them for the first `baselines` seeds, then the first alone."""
    names = list(models)
    return names if seed < baselines else names[:1]


def complete(
    names: Iterable[str], folder: Path, make: Callable[[str, Path], dict[str, Any]]
) -> dict[str, Any]:
    """Make each model's metrics, in a folder of its name; one that has its `metrics.json` is complete."""
    metrics = {}
    for name in names:
        path = model_folder(folder, name)
        if not (path / METRICS).exists():
            write_json(path / METRICS, make(name, path))
        metrics[name] = read_json(path / METRICS)
    return metrics


def load_complete(folder: Path, name: str) -> Learner:
    """Load a model that `complete` finished.

    Raises:
        FileNotFoundError: its training has not ended.
        WeightsError: weights that can't be used.
    """
    path = model_folder(folder, name)
    if not (path / METRICS).exists():
        raise FileNotFoundError(f"{path} has no metrics: resume the run first")
    return load_learner(path / WEIGHTS)


def model_folder(folder: Path, name: str) -> Path:
    """Return where a model lies."""
    return folder / name.replace(" ", "-")

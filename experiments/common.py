"""What experiments share that have parts, or train a few models a seed and measure each."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from unknot.files import read_json, write_json
from unknot.report import Table, save_figure
from unknot.representation import WEIGHTS, Learner, load_learner

METRICS = "metrics.json"


def check_least(settings: Any, **least: float) -> None:
    """Raise ValueError if a setting, or a number in one, is below the least that it may be."""
    for name, number in least.items():
        value = getattr(settings, name)
        if any(each < number for each in (value if isinstance(value, list | tuple) else (value,))):
            raise ValueError(f"{name} must be at least {number}, not {value}")


def save_drawn(figures: Mapping[str, Figure], folder: Path) -> None:
    """Write figures as `figures/NAME.png` below a folder, a seed's or a model's, and to TensorBoard."""
    with SummaryWriter(str(folder)) as writer:
        for name, figure in figures.items():
            save_figure(figure, folder / "figures" / f"{name}.png", writer)


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


def present(folder: Path, names: Iterable[str]) -> list[str]:
    """Return which models a folder has: not all of them ship."""
    return [name for name in names if model_folder(folder, name).is_dir()]


# Parts


class Tabulates(Protocol):
    """What the module of a part offers, beside its way to run."""

    def tabulate(self, metrics: list[dict[str, Any]]) -> list[Table]:
        """Make tables from what each seed measured."""


def run_parts(
    names: Iterable[str], chosen: str, folder: Path, seed: int, run: Callable[[str, Path], dict[str, Any]]
) -> dict[str, Any]:
    """Run the parts of one seed, each in a folder of its name; what has its `metrics.json` is complete.

    Parts that were run before, by themselves, are taken as they are.

    Args:
        names: of all parts.
        chosen: the one to run, or "all".
        folder: the seed's.
        seed: the seed.
        run: runs the part of a name in a folder, and returns its metrics.
    """
    metrics: dict[str, Any] = {"seed": seed, "parts": {}}
    for name in names:
        if chosen in ("all", name) or (folder / name / METRICS).exists():
            (folder / name).mkdir(parents=True, exist_ok=True)
            metrics["parts"] |= complete([name], folder, run)
    path = folder / METRICS
    if not path.exists() or read_json(path) != metrics:  # a resume of what is complete leaves it alone
        write_json(path, metrics)
    return metrics


def tabulate_parts(parts: Mapping[str, Tabulates], seeds: list[dict[str, Any]]) -> list[Table]:
    """Make the tables of every part that was run."""
    return [
        table
        for name, part in parts.items()
        if (metrics := [seed["parts"][name] for seed in seeds if name in seed["parts"]])
        for table in part.tabulate(metrics)
    ]

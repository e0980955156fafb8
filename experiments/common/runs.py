"""Run the models of a seed, each in a folder of its name, and the parts of an experiment."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, overload

import torch
from torch import Tensor

from unknot.experiments import Experiment
from unknot.files import METRICS, WEIGHTS, read_json, write_json
from unknot.report import Headline, Table
from unknot.representation import Learner, Trainable, load_learner, save_learner, train

__all__ = [
    "UNTRAINED",
    "evaluate_parts",
    "first_or_all",
    "headlines_of_parts",
    "load_model",
    "model_folder",
    "models_in",
    "of_part",
    "presets_of",
    "run_models",
    "run_parts",
    "tabulate_parts",
    "train_model",
]

UNTRAINED = "untrained"
"""The model that is saved as it starts."""
CHECKPOINT_EVERY = 5000
"""Updates from one checkpoint of a model to the next."""

T = TypeVar("T", bound=Trainable)


def run_models(
    names: Iterable[str], folder: Path, make: Callable[[str, Path], dict[str, Any]]
) -> dict[str, Any]:
    """Return the metrics of each model; one that has its `metrics.json` is complete and is not made again.

    Args:
        names: of the models.
        folder: the seed's; each model has a folder of its name in it.
        make: trains the model of a name in a folder, and returns its metrics.

    Returns:
        The metrics by the model's name.
    """
    metrics = {}
    for name in names:
        path = model_folder(folder, name)
        if not (path / METRICS).exists():
            write_json(path / METRICS, make(name, path))
        metrics[name] = read_json(path / METRICS)
    return metrics


def train_model(
    make: Callable[[], T],
    batch_at: Callable[[int], dict[str, Tensor]],
    steps: int,
    folder: Path,
    seed: int,
    resume: bool,
) -> T:
    """Make a model and train it; one whose folder is called `UNTRAINED` is saved as it starts.

    Args:
        make: makes the model; its random weights depend on the seed.
        batch_at: as `train` takes it.
        steps: updates in all.
        folder: the model's. The progress bar shows its name.
        seed: of torch.
        resume: go on with what is in the folder.
    """
    torch.manual_seed(seed)
    learner = make()
    if folder.name == UNTRAINED:
        save_learner(learner.eval(), folder / WEIGHTS)
        return learner
    train(
        learner,
        batch_at,
        steps,
        folder=folder,
        resume=resume,
        checkpoint_every=CHECKPOINT_EVERY,
        description=f"seed {seed}: {folder.name}",
    )
    return learner


@overload
def load_model(folder: Path, name: str) -> Learner: ...


@overload
def load_model(folder: Path, name: str, kind: type[T]) -> T: ...


def load_model(folder: Path, name: str, kind: type[Any] = Learner) -> Any:
    """Load a model that `run_models` finished.

    Args:
        folder: the seed's.
        name: of the model.
        kind: the class that it must be of.

    Raises:
        FileNotFoundError: its training has not ended.
        WeightsError: weights that can't be used.
    """
    path = model_folder(folder, name)
    if not (path / METRICS).exists():
        raise FileNotFoundError(f"{path} has no {METRICS}: resume the run first")
    return load_learner(path / WEIGHTS, kind=kind)


def model_folder(folder: Path, name: str) -> Path:
    """Return the folder of a model in a seed's folder."""
    return folder / name.replace(" ", "-")


def models_in(folder: Path, names: Iterable[str]) -> list[str]:
    """Return which of the models a seed's folder has; not all of them ship."""
    return [name for name in names if model_folder(folder, name).is_dir()]


def first_or_all(models: Iterable[str], baselines: int, seed: int) -> list[str]:
    """Return the models of a seed: all of them for the first `baselines` seeds, then the first alone."""
    names = list(models)
    return names if seed < baselines else names[:1]


# Parts: experiments of their own. The settings of the whole have a field `part`, which names the part to run
# or says "all", and a field of each part's name, its settings.


def presets_of(parts: Mapping[str, Experiment], settings: type[Any]) -> dict[str, Any]:
    """Return the presets that all parts have, as settings of the whole."""
    names = [
        name for name in next(iter(parts.values())).PRESETS if all(name in p.PRESETS for p in parts.values())
    ]
    return {
        preset: settings(**{name: part.PRESETS[preset] for name, part in parts.items()}) for preset in names
    }


def run_parts(
    parts: Mapping[str, Experiment], settings: Any, folder: Path, seed: int, resume: bool
) -> dict[str, Any]:
    """Run the chosen parts of one seed, each in a folder of its name.

    A part that has its `metrics.json` is complete and taken as it is, chosen or not.
    """
    metrics: dict[str, Any] = {"seed": seed, "parts": {}}
    for name in parts:
        if settings.part in ("all", name) or (folder / name / METRICS).exists():
            (folder / name).mkdir(parents=True, exist_ok=True)
            metrics["parts"] |= run_models(
                [name],
                folder,
                lambda name, path: parts[name].run(getattr(settings, name), path, seed, resume),
            )
    return metrics


def evaluate_parts(
    parts: Mapping[str, Experiment], settings: Any, folder: Path, seed: int, full: bool
) -> dict[str, Any]:
    """Measure the parts that a seed's folder has, from their weights."""
    there = models_in(folder, parts)
    return {
        "seed": seed,
        "parts": {n: parts[n].evaluate(getattr(settings, n), folder / n, seed, full) for n in there},
    }


def tabulate_parts(parts: Mapping[str, Experiment], seeds: list[dict[str, Any]]) -> list[Table]:
    """Make the tables of every part that was run."""
    return [
        table
        for name, part in parts.items()
        if (each := of_part(seeds, name))
        for table in part.tabulate(each)
    ]


def headlines_of_parts(parts: Mapping[str, Experiment], seeds: list[dict[str, Any]]) -> tuple[Headline, ...]:
    """Return the headlines of every part that was run."""
    return tuple(
        line
        for name, part in parts.items()
        if (each := of_part(seeds, name))
        for line in part.headlines(each)
    )


def of_part(seeds: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Return the metrics of a part, of the seeds that ran it."""
    return [seed["parts"][name] for seed in seeds if name in seed["parts"]]

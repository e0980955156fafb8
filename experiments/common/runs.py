"""Run the models of a seed, each in a folder of its name."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar, overload

import torch
from torch import Tensor

from unknot.files import METRICS, WEIGHTS, read_json, write_json
from unknot.representation import Learner, Trainable, load_learner, save_learner, train

UNTRAINED = "untrained"
"""The model that is saved as it starts."""
CHECKPOINT_EVERY = 1000
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
    keep: Iterable[int] = (),
) -> T:
    """Make a model and train it; one whose folder's name has `UNTRAINED` in it is saved as it starts.

    Args:
        make: makes the model; its random weights depend on the seed.
        batch_at: as `train` takes it.
        steps: updates in all.
        folder: the model's. The progress bar shows its name.
        seed: of torch.
        resume: go on with what is in the folder.
        keep: updates after which the weights are kept, too, rising; see `load_stages`.
    """
    torch.manual_seed(seed)
    learner = make()
    if UNTRAINED in folder.name:
        save_learner(learner.eval(), folder / WEIGHTS)
        return learner
    options: dict[str, Any] = {"folder": folder, "checkpoint_every": CHECKPOINT_EVERY}
    options["description"] = f"seed {seed}: {folder.name}"
    for updates in keep:
        path = _stage(folder, updates)
        if not (resume and path.exists()):
            train(learner, batch_at, updates, resume=resume, **options)
            save_learner(learner, path)
            resume = True
    train(learner, batch_at, steps, resume=resume, **options)
    return learner


def load_stages(folder: Path, stages: Iterable[int], kind: type[T]) -> Iterator[tuple[int, T]]:
    """Load a model as it was after so many updates, one stage after the other, where it was kept then.

    Args:
        folder: the model's.
        stages: the updates.
        kind: the class that it must be of.
    """
    for updates in stages:
        if (path := _stage(folder, updates)).exists():
            yield updates, load_learner(path, kind=kind)


def _stage(folder: Path, updates: int) -> Path:
    return folder / f"at-{updates}" / WEIGHTS


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

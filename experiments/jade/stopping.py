"""One rule for all that says when training ends: the error on labels that are not learnt from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from unknot.files import WEIGHTS, read_json, write_json
from unknot.representation import Trainable, load_learner, save_learner, train

BEST, HISTORY = "best.safetensors", "validation.json"

T = TypeVar("T", bound=Trainable)


def train_until_no_better(
    make: Callable[[], T],
    batch_at: Callable[[int], dict[str, Tensor]],
    error: Callable[[T], float],
    folder: Path,
    *,
    seed: int,
    resume: bool,
    steps: int,
    check_every: int,
    patience: int,
) -> tuple[T, int]:
    """Train a model until its validation error has not fallen for a while; return the best one.

    Of checks with equal errors the last counts. A run that was killed goes on where it was, to the same bits:
    the history of errors depends on checkpoints alone.

    Args:
        make: makes the model; its random weights depend on the seed.
        batch_at: as `train` takes it.
        error: of a model, on the validation images.
        folder: the model's. In the end its weights are those of the best check.
        seed: of torch.
        resume: go on with what is in the folder.
        steps: updates at most.
        check_every: updates from one check to the next.
        patience: checks without an error as low as the lowest, after which training ends.

    Returns:
        The best model, and its number of updates.
    """
    torch.manual_seed(seed)
    learner = make()
    errors: list[float] = read_json(folder / HISTORY) if resume and (folder / HISTORY).exists() else []
    options: dict[str, Any] = {"folder": folder, "description": f"seed {seed}: {folder.name}"}
    while len(errors) * check_every < steps and len(errors) - 1 - _best(errors) < patience:
        done = min((len(errors) + 1) * check_every, steps)
        train(learner, batch_at, done, resume=resume or bool(errors), checkpoint_every=done, **options)
        errors.append(error(learner))
        if _best(errors) == len(errors) - 1:
            save_learner(learner, folder / BEST)
        write_json(folder / HISTORY, errors)
    best = load_learner(folder / BEST, kind=type(learner))
    save_learner(best, folder / WEIGHTS)
    return best, min((_best(errors) + 1) * check_every, steps)


def _best(errors: list[float]) -> int:
    """Return the last check whose error is the lowest; -1 before the first."""
    return max((k for k, each in enumerate(errors) if each == min(errors)), default=-1)

"""The training loop, on Lightning Fabric, and minibatches of arrays.

A learner steps its own optimisers; the loop handles steps, checkpoints, logs and devices.
"""

import math
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer

from unknot.checks import count, flag, shown
from unknot.files import WEIGHTS, WeightsError, load_weights, save_weights
from unknot.progress import progress_bar
from unknot.representation.learner import Trainable, arrays, as_tensor, load_state, save_learner, uncompiled

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

__all__ = ["CHECKPOINT", "minibatches", "train"]

CHECKPOINT = "checkpoint.safetensors"
"""The file with everything that resuming needs, so that weights and optimiser state never disagree."""

Batch = dict[str, Tensor]


def minibatches(
    data: Mapping[str, NDArray[Any] | Tensor], batch_size: int, seed: int
) -> Callable[[int], Batch]:
    """Make a function from steps to minibatches that goes through the data in a new order each epoch.

    Args:
        data: arrays or tensors of equal length n along the first axis.
        batch_size: rows in a batch, at most n; n mod batch_size rows are left out in each epoch.
        seed: of the orders.

    Returns:
        `batch_at(step)`, which returns the same tensors, (batch_size, ...) each, for the same step.

    Raises:
        ValueError: no data, different lengths, or a batch size outside [1, n].
    """
    if not isinstance(data, Mapping) or not data:
        raise ValueError(f"data must be arrays by name, at least one, not {data!r}")
    count(0, seed=seed)
    tensors = {name: _tensor(name, array) for name, array in data.items()}
    lengths = {name: len(tensor) for name, tensor in tensors.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"data must be arrays of one length, not {lengths}")
    length = next(iter(lengths.values()))
    count(1, batch_size=batch_size)
    if batch_size > length:
        raise ValueError(f"batch_size must be from 1 to the {length} rows there are, not {batch_size}")
    return _Minibatches(tensors, batch_size, seed)


class _Minibatches:
    """See `minibatches`; an object, so that it can be pickled for worker processes."""

    def __init__(self, tensors: dict[str, Tensor], batch_size: int, seed: int) -> None:
        self._tensors, self._batch_size, self._seed = tensors, batch_size, seed
        self._length = len(next(iter(tensors.values())))
        self._epoch, self._order = -1, torch.empty(0)

    def __call__(self, step: int) -> Batch:
        epoch, position = divmod(step, self._length // self._batch_size)
        if epoch != self._epoch:
            order = np.random.default_rng([self._seed, epoch]).permutation(self._length)
            self._epoch, self._order = epoch, torch.from_numpy(order)
        rows = self._order[position * self._batch_size : (position + 1) * self._batch_size]
        return {name: tensor[rows.to(tensor.device)] for name, tensor in self._tensors.items()}


def _tensor(name: str, array: Any) -> Tensor:
    try:
        tensor = torch.as_tensor(array)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"data[{name!r}] must be an array, not {type(array).__name__}") from error
    if not tensor.ndim:
        raise ValueError(f"data[{name!r}] must have rows, not be the number {array!r}")
    return tensor


def train(
    learner: Trainable,
    batch_at: Callable[[int], Batch],
    steps: int,
    *,
    folder: str | Path | None = None,
    resume: bool = False,
    checkpoint_every: int = 1000,
    log_every: int = 100,
    fabric: Fabric | None = None,
    progress: bool = True,
    description: str = "training",
) -> dict[str, float]:
    """Train a learner; leave it in evaluation mode, on the device where it was.

    On the same machine a resumed run is bit-for-bit equal to an uninterrupted one: the checkpoint holds
    weights, optimiser state and torch's random state, and batches depend on the step alone. A resume writes
    the weights of its checkpoint again, so that a kill between the two files loses nothing. On Ctrl-C the
    loop finishes the current step, writes a checkpoint and raises KeyboardInterrupt; a second Ctrl-C raises
    at once. (With several processes Ctrl-C keeps only the last regular checkpoint.)

    With several processes each takes every n-th row of the batch and gradients are averaged, so that the
    number of processes does not change the result.

    Args:
        learner: it is on Fabric's device during training.
        batch_at: a pure function from step to batch; the batch is the tensors' first axis.
        steps: total updates, including those before a resume.
        folder: for the checkpoint, the weights and TensorBoard's events; None writes nothing.
        resume: continue from the checkpoint in `folder`, if there is one.
        checkpoint_every: steps between checkpoints.
        log_every: steps between logged scalars.
        fabric: device, precision ("32-true" or "bf16-mixed") and processes, launched; default: one device.
        progress: show a progress bar.
        description: label of the bar.

    Returns:
        The scalars of the last logged update.

    Raises:
        FileExistsError: `folder` has a checkpoint and `resume` is False.
        WeightsError: the checkpoint is damaged or of another learner.
        FloatingPointError: a logged scalar is not finite; the last checkpoint is kept.
        ValueError: an argument of another kind or out of range, another precision, or a checkpoint with more
            steps or another number of processes.
    """
    _check(learner, batch_at, folder, fabric)
    count(0, steps=steps)
    count(1, checkpoint_every=checkpoint_every, log_every=log_every)
    flag(resume=resume, progress=progress)
    fabric = fabric or Fabric(devices=1)
    precision = fabric._strategy.precision.precision
    if precision not in ("32-true", "bf16-mixed"):  # learners step their optimisers: nothing scales losses
        raise ValueError(f"precision must be '32-true' or 'bf16-mixed', not {precision!r}")
    learner = uncompiled(learner)
    folder = None if folder is None else Path(folder)
    start, scalars = 0, dict[str, float]()
    with ExitStack() as stack:
        stack.callback(learner.eval)  # however training ends
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())  # the caller may have turned gradients off
        stack.enter_context(_in_order(fabric.device))
        stack.callback(_move, learner, next(iter(learner.state_dict().values())).device)
        _move(learner.train(), fabric.device)
        _share(learner, fabric, stack)
        if folder and (folder / CHECKPOINT).exists():
            if not resume:
                raise FileExistsError(
                    f"{folder / CHECKPOINT} exists already: resume it or take another folder"
                )
            start, scalars = _restore(learner, folder / CHECKPOINT, fabric)
        if start > steps:
            raise ValueError(f"steps must be at least the {start} that the checkpoint has, not {steps}")
        if folder and start and fabric.is_global_zero:
            save_learner(learner, folder / WEIGHTS)
        writer = _writer(folder, start, fabric, stack)
        advance = _bar(description, start, steps, progress and fabric.is_global_zero, stack)
        interrupted = stack.enter_context(deferred_interrupts(fabric.world_size == 1))
        for done in range(start + 1, steps + 1):
            batch = _rows_of(batch_at(done - 1), fabric)
            with fabric.autocast():
                update = learner.update(fabric.to_device(batch))
            advance()
            stopped = bool(interrupted)
            last = stopped or done == steps
            keep = bool(folder) and (last or done % checkpoint_every == 0)
            if last or keep or done % log_every == 0:
                scalars = _finite(update, done)
                for name, value in scalars.items():
                    if writer:
                        writer.add_scalar(name, value, done)
            if folder and keep:
                _save(learner, folder, fabric, done, scalars)
                fabric.barrier()  # no process resumes before it is written
            if stopped:
                break
        if interrupted:
            raise KeyboardInterrupt
    return scalars


def _check(learner: Any, batch_at: Any, folder: Any, fabric: Any) -> None:
    if not callable(getattr(learner, "update", None)) or not hasattr(learner, "optimizers"):
        raise ValueError(f"learner must be a Trainable, not a {type(learner).__name__}")
    if not callable(batch_at):
        raise ValueError(f"batch_at must be a function from steps to batches, not {batch_at!r}")
    if not (folder is None or isinstance(folder, str | Path)):
        raise ValueError(f"folder must be a path or None, not {folder!r}")
    if not (fabric is None or isinstance(fabric, Fabric)):
        raise ValueError(f"fabric must be a Fabric of lightning_fabric, or None, not {fabric!r}")


def _finite(update: Mapping[str, float | Tensor], step: int) -> dict[str, float]:
    scalars = {name: float(value) for name, value in update.items()}
    for name, value in scalars.items():
        if not math.isfinite(value):
            raise FloatingPointError(f"{name} is {value} at step {step}; training can't continue")
    return scalars


@contextmanager
def _in_order(device: torch.device) -> Iterator[None]:
    """Make a GPU add in a fixed order, so that a seed determines the result there too."""
    if device.type != "cuda":
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS needs it for a fixed order
    before = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("warn")
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before)


def _move(learner: Trainable, device: torch.device) -> None:
    """Move a learner and the state of its optimisers."""
    learner.to(device)
    for optimizer in learner.optimizers.values():
        optimizer.load_state_dict(optimizer.state_dict())  # moves its state to the parameters' device


def _share(learner: Trainable, fabric: Fabric, stack: ExitStack) -> None:
    """Copy the first process's weights to all processes, and average gradients before each step."""
    if fabric.world_size == 1:
        return
    with torch.no_grad():
        for tensor in learner.state_dict().values():
            tensor.copy_(fabric.broadcast(tensor))
    torch.manual_seed(torch.initial_seed() + fabric.global_rank)

    def average(optimizer: Optimizer, *_: Any) -> None:
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        for parameter in parameters:
            parameter.grad = fabric.all_reduce(parameter.grad, reduce_op="mean")

    for optimizer in learner.optimizers.values():
        stack.callback(optimizer.register_step_pre_hook(average).remove)


# Checkpoints


def _save(learner: Trainable, folder: Path, fabric: Fabric, step: int, scalars: dict[str, float]) -> None:
    random = {"cpu": torch.get_rng_state()}
    if fabric.device.type == "cuda":
        random["cuda"] = torch.cuda.get_rng_state(fabric.device)
    if fabric.world_size > 1:
        random = {name: fabric.all_gather(state) for name, state in random.items()}  # type: ignore[misc]
    if not fabric.is_global_zero:
        return
    tensors = {f"learner/{name}": tensor for name, tensor in learner.state_dict().items()}
    tensors |= {f"random/{name}": state.reshape(fabric.world_size, -1) for name, state in random.items()}
    optimizers = {}
    for name, optimizer in learner.optimizers.items():
        state = optimizer.state_dict()
        optimizers[name] = {"groups": state["param_groups"], "values": {}}
        for index, values in state["state"].items():
            kept = {key: value for key, value in values.items() if not isinstance(value, Tensor)}
            optimizers[name]["values"][str(index)] = kept
            tensors |= {f"optimizer/{name}/{index}/{k}": v for k, v in values.items() if k not in kept}
    settings = {"learner": learner.settings(), "step": step, "scalars": scalars, "optimizers": optimizers}
    save_weights(folder / CHECKPOINT, arrays(tensors), type(learner).__name__, settings)
    save_learner(learner, folder / WEIGHTS)


def _rows_of(batch: Batch, fabric: Fabric) -> dict[str, Tensor]:
    """Return the rows of a batch that this process takes; refuse what is no batch."""
    if not isinstance(batch, Mapping) or not all(getattr(each, "ndim", 0) for each in batch.values()):
        raise ValueError(f"batch_at must return a dict of tensors that have rows, not {shown(batch)}")
    return {name: tensor[fabric.global_rank :: fabric.world_size] for name, tensor in batch.items()}


def _restore(learner: Trainable, path: Path, fabric: Fabric) -> tuple[int, dict[str, float]]:
    """Restore the learner, its optimisers and torch from a checkpoint; return its step and its scalars."""
    tensors, header = load_weights(path, type(learner).__name__)
    settings = header.settings
    if "learner" not in settings:
        raise WeightsError(f"{path} is not a checkpoint; the weights of a learner alone can't be resumed")
    if settings["learner"] != learner.settings():
        raise WeightsError(f"{path} has settings {settings['learner']}, not {learner.settings()}")
    try:
        step, scalars = int(settings["step"]), dict(settings["scalars"])
        random = {name: as_tensor(state) for name, state in _below(tensors, "random/").items()}
        processes = len(random["cpu"])
        states = {
            name: _optimizer_state(
                optimizer, settings["optimizers"][name], _below(tensors, f"optimizer/{name}/")
            )
            for name, optimizer in learner.optimizers.items()
        }
        if random["cpu"].dtype != torch.uint8 or random["cpu"][0].shape != torch.get_rng_state().shape:
            raise ValueError("torch's random state has another size")
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise WeightsError(f"{path} is damaged ({reason:.200}); train it again") from error
    if processes != fabric.world_size:
        raise ValueError(f"{path} is of {processes} processes; this run must have as many")
    load_state(learner, _below(tensors, "learner/"), path)
    for name, optimizer in learner.optimizers.items():
        optimizer.load_state_dict(states[name])
        _lay_out(optimizer)
    torch.set_rng_state(random["cpu"][fabric.global_rank].clone())  # a view with an offset crashes torch
    if fabric.device.type == "cuda":
        torch.cuda.set_rng_state(random["cuda"][fabric.global_rank].clone(), fabric.device)
    return step, scalars


def _lay_out(optimizer: Optimizer) -> None:
    """Let what an optimiser remembers lie in memory as its weights do: a fused one goes by memory alone."""
    for weight, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == weight.shape:
                state[name] = torch.empty_like(weight).copy_(value)


def _optimizer_state(
    optimizer: Optimizer, saved: dict[str, Any], tensors: Mapping[str, NDArray[Any]]
) -> dict[str, Any]:
    """Return what an optimiser loads, made of a checkpoint's JSON and tensors.

    Raises:
        LookupError, TypeError, ValueError: they are not of such an optimiser.
    """
    current = optimizer.state_dict()["param_groups"]
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Any]] = {int(i): dict(values) for i, values in saved["values"].items()}
    for key, array in tensors.items():
        index, _, entry = key.partition("/")
        if array.ndim and array.shape != parameters[int(index)].shape:
            raise ValueError(f"{key} has the shape {array.shape}, not that of its weight")
        state[int(index)][entry] = as_tensor(array)
    groups = [_as(was, now) for was, now in zip(saved["groups"], current, strict=True)]
    for was, now in zip(groups, current, strict=True):
        if was.keys() != now.keys() or was["params"] != now["params"]:
            raise ValueError("an optimiser has other parameters")
    return {"state": state, "param_groups": groups}


def _below(tensors: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name[len(prefix) :]: array for name, array in tensors.items() if name.startswith(prefix)}


def _as(was: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Turn the lists of a group that went through JSON back into tuples."""
    return {key: tuple(value) if isinstance(now.get(key), tuple) else value for key, value in was.items()}


# Logs and progress


def _writer(folder: Path | None, start: int, fabric: Fabric, stack: ExitStack) -> "SummaryWriter | None":
    if folder is None or not fabric.is_global_zero:
        return None
    from torch.utils.tensorboard import SummaryWriter  # a second of imports

    writer: SummaryWriter = stack.enter_context(SummaryWriter(str(folder), purge_step=start + 1))
    return writer


def _bar(description: str, start: int, steps: int, shown: bool, stack: ExitStack) -> Callable[[], None]:
    bar = progress_bar(shown)
    task = stack.enter_context(bar).add_task(description, completed=start, total=steps)
    return lambda: bar.advance(task)


@contextmanager
def deferred_interrupts(deferred: bool) -> Iterator[list[int]]:
    """Collect the first Ctrl-C in a list, so that no step is interrupted midway; raise at the second."""
    seen: list[int] = []
    if not deferred or threading.current_thread() is not threading.main_thread():
        yield seen
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(number)

    previous = signal.signal(signal.SIGINT, handle)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, previous)

"""The contracts of trained models and of learners that encode, and how both are saved and loaded.

`Trainable` is the interface for the training loop and weight files; a `Learner` is a trainable that encodes.
"""

import inspect
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from unknot.checks import arguments as check_arguments
from unknot.checks import unknown
from unknot.files import BFLOAT16, WEIGHTS, WeightsError, load_weights, plain, save_weights
from unknot.learners import LEARNERS
from unknot.run_folders import split_run

__all__ = [
    "Learner",
    "Trainable",
    "anneal",
    "arrays",
    "as_images",
    "check_images",
    "descend",
    "descend_within",
    "encode_all",
    "expand",
    "find_weights",
    "image_tensor",
    "load_learner",
    "load_state",
    "register_learner",
    "save_learner",
]


class Trainable(nn.Module, ABC):
    """The interface of every trained model for the training loop and weight files.

    Everything that changes during training and affects its course, such as a step count for a schedule, must
    be a parameter or a buffer, and randomness must be torch's. Then a checkpoint holds all of it.
    """

    optimizers: dict[str, Optimizer]
    """Its optimisers by name; the constructor creates them."""

    def __new__(cls, *arguments: Any, **named: Any) -> Self:
        """Check the constructor's arguments, and remember them; `settings` returns them."""
        check_arguments(cls, arguments, named)
        made = super().__new__(cls)
        made.__dict__["_arguments"] = arguments, named
        return made

    def settings(self) -> dict[str, Any]:
        """Return the constructor's keyword arguments as JSON, defaults included."""
        arguments, named = self.__dict__["_arguments"]
        positional = dict(zip(inspect.signature(type(self)).parameters, arguments, strict=False))
        settings = _defaults(type(self)) | positional | named
        as_json: dict[str, Any] = json.loads(json.dumps(settings, default=plain))
        return as_json

    @abstractmethod
    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        """Do one optimisation step on a batch and return scalars to log."""


def _defaults(kind: type) -> dict[str, Any]:
    """Return the defaults of a class's constructor and of those that it passes `**settings` to."""
    defaults: dict[str, Any] = {}
    for each in kind.__mro__:
        if "__init__" in vars(each):
            parameters = inspect.signature(vars(each)["__init__"]).parameters.values()
            defaults = {p.name: p.default for p in parameters if p.default is not p.empty} | defaults
            if not any(p.kind is p.VAR_KEYWORD for p in parameters):
                break
    return defaults


class Learner(Trainable):
    """A trainable that encodes, as metrics and agents need it."""

    entries: ClassVar[tuple[str, ...]] = ()
    """Entries of a Dict observation that `encode` takes as a dict; empty if it takes images."""

    @abstractmethod
    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        """Return codes (n, d), posterior means where there is a posterior, of uint8 images (n, h, w, c)."""


T = TypeVar("T", bound=Trainable)


def register_learner(kind: type[T]) -> type[T]:
    """Let `load_learner` load weights of your own learner; use it as a class decorator.

    Raises:
        ValueError: another class has this name.

    Example:
        >>> @register_learner
        ... class Mine(Learner): ...
    """
    module = LEARNERS.setdefault(kind.__name__, kind.__module__)
    if module != kind.__module__:
        raise ValueError(f"kind must have a name of its own; {kind.__name__} is one of {module}")
    return kind


def descend(loss: Tensor, *optimizers: Optimizer) -> None:
    """Do one step of each optimiser down the gradient of a loss, a scalar tensor.

    Their weights alone get gradients; those of other networks that the loss goes through cost no time.
    """
    _differentiate(loss, optimizers)
    for optimizer in optimizers:
        optimizer.step()


def descend_within(largest: float, loss: Tensor, optimizer: Optimizer) -> Tensor:
    """Do one step as `descend` does, of a gradient that is scaled down to a norm of at most `largest`.

    Returns:
        The norm before that.
    """
    norm = nn.utils.clip_grad_norm_(_differentiate(loss, [optimizer]), largest)
    optimizer.step()
    return norm


def _differentiate(loss: Tensor, optimizers: Sequence[Optimizer]) -> list[Tensor]:
    """Give the optimisers' weights the gradients of a loss, and return those that have one."""
    weights = [w for each in optimizers for group in each.param_groups for w in group["params"]]
    learning = [weight for weight in weights if weight.requires_grad]
    for optimizer in optimizers:
        optimizer.zero_grad()
    loss.backward(inputs=learning)  # type: ignore[no-untyped-call]
    return learning


def anneal(optimizer: Optimizer, done: int, steps: int, first: float, last: float = 0.0) -> None:
    """Set an optimiser's rate along half a cosine: `first` before any update, `last` after `steps`."""
    share = min(done / steps, 1.0)
    for group in optimizer.param_groups:
        group["lr"] = last + (first - last) * (1 + math.cos(math.pi * share)) / 2


def image_tensor(
    images: NDArray[np.uint8] | Tensor,
    device: torch.device | str = "cpu",
    shape: tuple[int, int, int] | None = None,
) -> Tensor:
    """Convert images from the format of environments to that of networks.

    Args:
        images: uint8 (n, height, width, channels), array or tensor.
        device: of the result.
        shape: the expected (height, width, channels); None accepts any.

    Returns:
        float32 (n, channels, height, width) in [0, 1].

    Raises:
        ValueError: another dtype, number of axes or shape.
    """
    return check_images(images, shape).to(device).movedim(-1, 1).float() / 255


def as_images(decoded: Tensor) -> NDArray[np.uint8]:
    """Convert decoded images, floats (n, h, w, c), which are clamped to [0, 1], to uint8."""
    images: NDArray[np.uint8] = (255 * decoded.clamp(0, 1)).round().byte().numpy(force=True)
    return images


def check_images(images: NDArray[np.uint8] | Tensor, shape: tuple[int, int, int] | None = None) -> Tensor:
    """Return images as a tensor; refuse what `image_tensor` refuses."""
    try:
        tensor = torch.as_tensor(images)
    except (TypeError, ValueError, RuntimeError) as error:  # strings, objects, ragged lists
        kind = type(images).__name__
        raise ValueError(f"images must be uint8 (n, height, width, channels), not {kind}") from error
    if tensor.dtype != torch.uint8 or tensor.ndim != 4:
        raise ValueError(
            f"images must be uint8 (n, height, width, channels), not {tensor.dtype} {tuple(tensor.shape)}"
        )
    if shape and tuple(tensor.shape[1:]) != shape:
        raise ValueError(
            f"images must be (n, height, width, channels) of {shape}, not {tuple(tensor.shape)}: "
            "resize them, or take a source that renders that size"
        )
    return tensor


@torch.no_grad()
def encode_all(learner: Learner, images: NDArray[Any] | Tensor | Sequence[str], batch: int = 256) -> Tensor:
    """Encode what a learner takes, such as uint8 images (n, h, w, c) or n strings, a batch at a time.

    Returns:
        Codes (n, d), without gradient.
    """
    given: Any = images
    return torch.cat([learner.encode(given[k : k + batch]) for k in range(0, len(given), batch)])


def expand(step: Callable[[Tensor, Tensor], Tensor], z: Tensor, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Expand a latent step to first order, with one backward pass per latent dimension.

    Args:
        step: from (n, latent) and (n, action) to (n, latent), each row independently.
        z: (n, latent).
        u: (n, action).

    Returns:
        A (n, latent, latent), B (n, latent, action), c (n, latent) with step(z, u) = A z + B u + c, detached.
    """
    with torch.enable_grad():
        z, u = z.detach().requires_grad_(), u.detach().requires_grad_()
        after = step(z, u)
        rows = [
            torch.autograd.grad(after[:, i].sum(), (z, u), retain_graph=i + 1 < after.shape[1])
            for i in range(after.shape[1])
        ]
    A, B = torch.stack([row[0] for row in rows], 1), torch.stack([row[1] for row in rows], 1)
    c = after - (A @ z[:, :, None] + B @ u[:, :, None])[..., 0]
    return A, B, c.detach()


def save_learner(learner: Trainable, path: str | Path, *, half: bool = False) -> None:
    """Write a learner's weights and settings, atomically.

    Args:
        learner: the learner; one that `torch.compile` returned is written like the one it was made of.
        path: the file, safetensors.
        half: store float32 and float64 weights as float16, which halves the size.

    Raises:
        ValueError: with `half`, a weight outside the range of float16.
    """
    learner = uncompiled(learner)
    tensors = arrays(learner.state_dict())
    if half:
        tensors = {name: _halved(name, a) if a.dtype.kind == "f" else a for name, a in tensors.items()}
    save_weights(Path(path), tensors, type(learner).__name__, learner.settings())


def _halved(name: str, array: NDArray[Any]) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):
        halved = array.astype(np.float16)
    if np.isinf(halved).sum() > np.isinf(array).sum():
        raise ValueError(f"{name} must be within float16's range, ±65504, to be stored as half")
    return halved


def uncompiled(learner: T) -> T:
    """Return the learner that `torch.compile` wrapped; any other as it is."""
    original: T = getattr(learner, "_orig_mod", learner)
    return original


@overload
def load_learner(path: str | Path, device: torch.device | str = "cpu") -> Learner: ...


@overload
def load_learner(path: str | Path, device: torch.device | str = "cpu", *, kind: type[T]) -> T: ...


def load_learner(path: str | Path, device: torch.device | str = "cpu", *, kind: type[Any] = Learner) -> Any:
    """Load a learner that `save_learner` wrote, in evaluation mode and in the precision that it had.

    Weights stored as float16 come back in the precision of the class; others, bfloat16 among them, in their
    own. Nothing is allocated before the settings are known to fit the tensors in the file.

    Args:
        path: a weight file; a folder with one; or RUN/MODEL, such as "pretrained/factor-vae/gamma-10". The
            model may be omitted if the run has only one.
        device: of its weights.
        kind: the class that it must have; `Trainable` accepts models without an encoder too.

    Raises:
        FileNotFoundError: no weight file, or several; the message names them.
        WeightsError: the file can't be used (see `load_weights`), its class is not in
            `unknot.learners.LEARNERS` or not of the kind, its settings or weights don't fit the class, or a
            weight is NaN or infinite.
    """
    path = find_weights(path)
    tensors, header = load_weights(path)
    if header.kind not in LEARNERS:
        raise WeightsError(f"{path}: {unknown('learner', header.kind[:80], LEARNERS)}")
    found = getattr(import_module(LEARNERS[header.kind]), header.kind)
    if not issubclass(found, kind):
        raise WeightsError(f"{path} holds the weights of {header.kind}, which is not a {kind.__name__}")
    try:
        with torch.random.fork_rng(devices=[]):  # the initial weights are replaced anyway
            _compare(found, header.settings, tensors, path)
            learner = found(**header.settings)
    except WeightsError:
        raise
    except Exception as error:  # wrong settings can end in any error of Python or torch
        raise WeightsError(
            f"{path} (of unknot {header.version:.40}) has settings that {header.kind} does not take: "
            f"{type(error).__name__}: {error!s:.200}"
        ) from error
    _take_precision(learner, tensors)
    load_state(learner, tensors, path)
    return learner.to(device).eval()


def _take_precision(learner: nn.Module, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Give weights the precision of arrays, except that of float16; optimisers keep the same parameters."""
    for name, tensor in [*learner.named_parameters(), *learner.named_buffers()]:
        array = tensors.get(_plain(name))
        if array is not None and (array.dtype == BFLOAT16 or array.dtype in (np.float32, np.float64)):
            tensor.data = tensor.data.to(as_tensor(array).dtype)


def _compare(kind: type[T], settings: dict[str, Any], tensors: Mapping[str, Any], path: Path) -> None:
    """Build a learner without memory, and refuse tensors that aren't its own."""
    try:
        with torch.device("meta"), _at_most(10 * len(tensors) + 100):
            sketch = kind(**settings)
    except (RuntimeError, NotImplementedError) as error:
        if "meta" in str(error):  # a user's class, which needs the values of its tensors
            return
        raise
    _check_fit(sketch, tensors, path)


@contextmanager
def _at_most(count: int) -> Iterator[None]:
    """Refuse to build modules with more than `count` parameters: without memory, building would not end."""
    built = 0

    def add(*_: Any) -> None:
        nonlocal built
        built += 1
        if built > count:
            raise ValueError(f"they make more than {count} tensors, far more than the file has")

    hook = nn.modules.module.register_module_parameter_registration_hook(add)
    try:
        yield
    finally:
        hook.remove()


def find_weights(name: str | Path) -> Path:
    """Find a learner's weight file by any name that `load_learner` accepts.

    Raises:
        FileNotFoundError: no weight file, or several; the message names them.
    """
    path = Path(name)
    for file in (path, path / WEIGHTS):
        if file.is_file():
            return file
    try:
        run, folder, model = split_run(name)
    except FileNotFoundError:
        words = f"no learner {str(name)!r}: neither a weight file nor a run, nor RUN/MODEL"
        raise FileNotFoundError(words) from None
    found = sorted((folder / model).rglob(WEIGHTS))
    if len(found) == 1:
        return found[0]
    models = [f"{run}/{weights.parent.relative_to(folder)}" for weights in sorted(folder.rglob(WEIGHTS))]
    raise FileNotFoundError(unknown("learner", str(name), models))


def arrays(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    """Copy tensors, on any device, to arrays; names lose what `torch.compile` of a part added to them."""
    return {_plain(name): _array(tensor.detach().cpu()).copy() for name, tensor in tensors.items()}


def _plain(name: str) -> str:
    return name.replace("_orig_mod.", "")


def _array(tensor: Tensor) -> NDArray[Any]:
    if tensor.dtype == torch.bfloat16:
        return tensor.contiguous().view(torch.int16).numpy().view(BFLOAT16)
    array: NDArray[Any] = tensor.numpy()
    return array


def as_tensor(array: NDArray[Any]) -> Tensor:
    """Return an array of `arrays` or `load_weights` as a tensor."""
    if array.dtype == BFLOAT16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def load_state(learner: nn.Module, tensors: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Replace a module's weights with arrays, converted to its precision.

    Raises:
        WeightsError: names, shapes or kinds of numbers are not the module's, or an array isn't finite where
            the module is; the message names `path` and the tensor. Nothing is replaced then.
    """
    _check_fit(learner, tensors, path)
    state = {name: as_tensor(tensors[_plain(name)]) for name in learner.state_dict()}
    for name, old in learner.state_dict().items():  # some buffers begin as NaN
        if not state[name].isfinite().all() and old.isfinite().all():
            raise WeightsError(f"{path}: tensor {_plain(name)} is NaN or infinite; train it again")
    learner.load_state_dict(state)


def _check_fit(module: nn.Module, tensors: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Refuse arrays whose names, shapes or kinds of numbers are not those of a module's state."""
    owner, state = type(module).__name__, {_plain(name): t for name, t in module.state_dict().items()}
    reason = "(unknot changed, or the file did)"
    for name in sorted(tensors.keys() ^ state.keys()):
        which = "lacks" if name in state else "has"
        raise WeightsError(f"{path} does not fit {owner} {reason}: it {which} the tensor {name:.80}")
    for name, expected in state.items():
        found = tensors[name]
        if found.shape != expected.shape:
            raise WeightsError(
                f"{path} does not fit {owner} {reason}: tensor {name} must have the shape "
                f"{tuple(expected.shape)}, not {found.shape!s:.80}"
            )
        dtype = as_tensor(found).dtype
        if dtype != expected.dtype and not (dtype.is_floating_point and expected.dtype.is_floating_point):
            raise WeightsError(
                f"{path} does not fit {owner} {reason}: tensor {name} must be {expected.dtype}, not {dtype}"
            )

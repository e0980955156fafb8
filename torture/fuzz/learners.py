"""Random calls of learners: constructors, images to encode, and the training loop."""

import importlib
import inspect
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, get_type_hints

import numpy as np
import torch
from torch import Tensor

from torture.fuzz.target import NONSENSE, Target, pick
from unknot.learners import LEARNERS
from unknot.representation import Learner, Trainable, minibatches, train

SMALL: dict[str, dict[str, Any]] = {
    "Selectivity": {"actions": 4, "shape": (16, 16, 1)},
    "SceneSelectivity": {"actions": 4, "shape": (16, 16, 1)},
    "MultistepSelectivity": {"actions": 4, "shape": (16, 16, 1)},
    "DiscreteSelectivity": {"actions": 4, "shape": (8, 8, 1)},
    "Autoencoder": {"shape": (8, 8, 1)},
    "LatentMoves": {"moves": [[1.0, 0.0]], "actions": [0], "centre": [0.0, 0.0], "shape": (8, 8, 1)},
    "E2C": {"shape": (8, 8, 1), "landmarks": 4},
    "RCE": {"shape": (8, 8, 1), "landmarks": 4},
    "GraspNet": {"width": 2, "hidden": 8},
    **{
        name: {"shape": (8, 8, 1), "width": 2, "hidden": 8}
        for name in ("VAE", "CapacityVAE", "DIPVAE", "BetaTCVAE")
    },
    "FactorVAE": {"shape": (8, 8, 1), "width": 2, "hidden": 8, "discriminator_width": 8},
    "InfoGAN": {"shape": (8, 8, 1), "width": 2, "noise_dim": 2},
    "PCA": {"shape": (8, 8, 1), "latent_dim": 3},
    "FactorGenerator": {"factors": {"x": (0.0, 1.0)}, "shape": (8, 8, 1), "width": 2, "hidden": 8},
    "StackedNetworks": {"sizes": (3, 2, 3), "weights": (0.1,), "penalties": ("l1",), "steps": 10},
    "PenalisedAutoencoder": {"code_dim": 4},
    "Embedding": {"shape": (8, 8, 1), "width": 2, "hidden": 8, "latent_dim": 4},
    **{
        name: {"shape": (16, 16, 3), "entities": 2, "entity_dim": 2, "grid": 4, "width": 2, "hidden": 4}
        for name in ("MultiEntityVAE", "SceneVAE")
    },
    "SlotAttention": {"shape": (16, 16, 3), "slots": 2, "slot_dim": 4, "width": 2},
    **{
        name: {"shape": (8, 8, 1), "experts": 2, "width": 2, "layers": 2, "discriminator_width": 2}
        for name in ("CompetingExperts", "SwitchExperts")
    },
    "RoutedExperts": {"shape": (8, 8, 1), "experts": 2, "width": 2, "layers": 2},
    "SentenceAutoencoder": {"vocabulary": ("a", "b"), "longest": 5, "embedding": 2, "hidden": 2},
    "LanguageModel": {"vocabulary": ("a", "b"), "longest": 5, "embedding": 2, "hidden": 2},
    "SentenceClassifier": {"vocabulary": ("a", "b"), "longest": 5, "embedding": 2, "filters": 2, "hidden": 2},
    "ARAE": {
        **{"vocabulary": ("a", "b"), "longest": 5, "embedding": 2, "hidden": 2},
        **{"noise_dim": 2, "width": 2, "critic_steps": 1},
    },
    "AttributeTransfer": {
        **{"vocabulary": ("a", "b"), "longest": 5, "embedding": 2, "hidden": 2},
        **{"attribute_dim": 2, "filters": 2, "nouns": ("a",)},
    },
    "CrossAlignedAutoencoder": {
        **{"vocabulary": ("a", "b"), "longest": 5, "embedding": 2, "hidden": 2},
        **{"attribute_dim": 2, "filters": 2},
    },
    "DenoisingAdversarialAutoencoder": {
        **{"vocabulary": ("a", "b"), "longest": 5, "embedding": 2, "hidden": 2},
        **{"code_dim": 2, "width": 2},
    },
    "MultitaskAutoencoder": {
        **{"vocabulary": ("a", "b"), "decoders": ("rep", "pos"), "tags": ("N", "V")},
        **{"longest": 5, "embedding": 2, "hidden": 2, "code_dim": 2},
    },
    "MMDTraversal": {
        **{"vocabulary": ("a", "b"), "longest": 5, "embedding": 2, "hidden": 2},
        **{"filters": 2, "examples": 3},
    },
    "Classifier": {"shape": (8, 8, 1), "width": 2},
    "SingleClassifier": {"shape": (8, 8, 1), "width": 4, "hidden": 4},
    **{
        name: {"shape": (8, 8, 1), "other_shape": (8, 8, 1), "width": 4, "hidden": 4}
        for name in ("PairedClassifier", "JADE", "JADEDecoder")
    },
    **{
        name: {"shape": (16, 16, 3), "identity_dim": 2, "observation_dim": 2, "width": 2}
        for name in ("SDGAN", "SDBEGAN")
    },
    "AdaGVAE": {"shape": (8, 8, 1), "width": 2, "hidden": 8},
    "FactorReader": {"sizes": {"yaw": 3, "light": 2}, "shape": (8, 8, 1), "width": 2, "hidden": 8},
    "MoCoGAN": {"shape": (8, 8, 1), "frames": 2, "length": 2, "width": 2, "discriminator_width": 2},
    "VGAN": {"shape": (8, 8, 1), "frames": 2, "length": 2, "width": 2, "discriminator_width": 2},
    "SequentialVAE": {"shape": (8, 8, 1), "length": 2, "width": 2, "hidden": 4},
    "IndependentPredictor": {"shape": (8, 8, 1), "factor_dim": 2, "width": 2, "hidden": 8},
}
"""Settings with which each learner is small; every row of `unknot.learners.LEARNERS` has one."""
ODD: dict[type, tuple[Any, ...]] = {
    int: (1, 2, 3, np.int64(4), 0, -1, True, 1.5, 10**30, "3", None, np.float64(2), [2]),
    float: (0.0, 0.5, 1, np.float32(0.1), 0.9, -1.0, np.nan, np.inf, True, "0.1", None, 10**400, [0.1], 1j),
    bool: (True, False, np.True_, 1, 0, "False", None, [], np.nan),
    str: ("conv", "dense", "f_statistic", 1, None, "nonsense", b"conv", True, ["conv"]),
}
"""Values for arguments of a type, about half of which must be refused."""
SHAPES = (
    (8, 8, 1),
    (16, 16, 3),
    (16, 16, 1),
    (8, 8, 1),
    [8, 8, 1],
    (8, 8),
    (8, 8, 0),
    (0, 8, 1),
    (-8, 8, 1),
    (8.0, 8, 1),
    (True, 8, 1),
    (7, 9, 1),
    "abc",
)


def targets() -> Iterable[Target]:
    """Return constructors, encoders and the training loop."""
    for name in LEARNERS:
        yield Target(name, partial(_construct, _kind(name), SMALL[name]), calls=120)
    for name in LEARNERS:
        if issubclass(_kind(name), Learner):
            learner = _kind(name)(**SMALL[name]).eval()
            yield Target(f"{name}.encode", partial(_encode, learner), calls=60)
    yield Target("train", _train, calls=300)
    yield Target("minibatches", _minibatches, calls=250)


def _kind(name: str) -> type[Any]:
    kind: type[Any] = getattr(importlib.import_module(LEARNERS[name]), name)
    return kind


def _arguments(kind: type[Any]) -> dict[str, Any]:
    """Return the types of a constructor's arguments, those of the classes it inherits from included."""
    hints: dict[str, Any] = {}
    for each in kind.__mro__:
        if "__init__" in vars(each) and issubclass(each, Trainable):
            parameters = inspect.signature(vars(each)["__init__"]).parameters
            hints = {
                name: hint
                for name, hint in get_type_hints(vars(each)["__init__"]).items()
                if name in parameters and parameters[name].kind is not inspect.Parameter.VAR_KEYWORD
            } | hints
    return {name: hint for name, hint in hints.items() if name != "return"}


def _construct(kind: type[Any], small: Mapping[str, Any], rng: np.random.Generator) -> None:
    hints = _arguments(kind)
    names = rng.choice(list(hints), size=min(len(hints), 1 + int(rng.integers(2))), replace=False)
    wrong = {str(name): _value(str(name), hints[name], rng) for name in names}
    before = torch.get_rng_state()
    try:
        made = kind(**{**small, **wrong})
    except ValueError as error:
        if not any(name in str(error) for name in hints):
            raise AssertionError(f"{wrong} is refused without a name: {error}") from error
        raise
    finally:
        torch.set_rng_state(before)
    for name, value in wrong.items():
        if hints[name] in (int, float, bool, str):
            assert isinstance(made.settings()[name], hints[name] if hints[name] is not float else int | float)
            assert not (isinstance(value, float) and not np.isfinite(value)), f"{name}={value!r} is accepted"


def _value(name: str, hint: Any, rng: np.random.Generator) -> Any:
    if name == "shape":
        return SHAPES[rng.integers(len(SHAPES))]
    values = ODD.get(hint, NONSENSE)
    return values[rng.integers(len(values))]


IMAGES = np.arange(2 * 8 * 8, dtype=np.uint8).reshape(2, 8, 8, 1)


def _encode(learner: Any, rng: np.random.Generator) -> None:
    if learner.entries:
        return _look(learner, rng)
    if hasattr(learner, "vocabulary"):
        return _read(learner, rng)
    shape = getattr(learner, "shape", (32, 32, 3))
    good: Any = rng.integers(256, size=(2, *shape)).astype(np.uint8)
    images = pick(
        rng, good, good, torch.from_numpy(good), good[:1], good[0], good.astype(float), good[..., :0],
        good[:, 1:], good.swapaxes(1, 3), good[None], good.tolist(), good.astype(np.int64),
        good[:, :, :, None], nonsense=0.2,
    )  # fmt: skip
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    try:
        codes = learner.encode(images)
    finally:
        for name, value in learner.state_dict().items():
            torch.testing.assert_close(
                value, before[name], rtol=0, atol=0, equal_nan=True, msg=f"{name} has changed"
            )
    assert len(codes) == len(images), "not a code for each image"
    assert bool(codes.isfinite().all()), "a code is not finite"


def _read(learner: Learner, rng: np.random.Generator) -> None:
    """Encode strings, or symbols, with something odd about them."""
    strings, symbols = ["a b", ""], torch.tensor([[4, 5, 2], [5, 2, 0]])
    sentences = pick(
        rng, strings, strings, symbols, symbols[:, :0], symbols[0], symbols + 5, symbols.float(), [1, 2],
        "a b", np.array(strings), np.array([strings]), [["a"]], tuple(strings), symbols.numpy(), nonsense=0.2,
    )  # fmt: skip
    codes = learner.encode(sentences)
    assert len(codes) == len(sentences), "not a code for each sentence"
    assert bool(codes.isfinite().all()), "a code is not finite"


def _look(learner: Learner, rng: np.random.Generator) -> None:
    """Encode observations of image, depth and camera, with one entry that is odd."""
    view = np.eye(4, dtype=np.float32)
    view[2, 3] = -1.0
    projection = np.diag([1.0, 1.0, -1.02, 0.0]).astype(np.float32)
    projection[3, 2], projection[2, 3] = -1.0, -0.02
    seen: dict[str, Any] = {
        "image": rng.integers(256, size=(2, 16, 16, 3)).astype(np.uint8),
        "depth": np.ones((2, 16, 16), np.float32),
        "view": np.stack([view] * 2),
        "projection": np.stack([projection] * 2),
    }
    name = str(rng.choice(list(seen)))
    good = seen[name]
    seen[name] = pick(rng, good, good, good, good[:1], good[0], good.astype(np.int64), good.tolist())
    if rng.random() < 0.1:
        del seen[name]
    codes = learner.encode(pick(rng, seen, nonsense=0.1))
    assert len(codes) == 2
    assert bool(codes.isfinite().all()), "a code is not finite"


def _train(rng: np.random.Generator) -> None:
    learner = _kind("VAE")(**SMALL["VAE"]).eval()
    before = {name: value.clone() for name, value in learner.state_dict().items()}

    def batch_at(step: int) -> dict[str, Tensor]:
        return {"observation": torch.from_numpy(IMAGES)}

    def odd(good: Any, *others: Any, nonsense: float = 0.8) -> Any:
        return good if rng.random() < 0.93 else pick(rng, *others, nonsense=nonsense if others else 1.0)

    # steps of 10**30 are a wish that is granted, for ever
    steps, functions = odd(2, 0, 1), odd(batch_at, lambda step: None, lambda step: {"observation": 7})
    settings = {
        "folder": odd(None, 7, True, object(), nonsense=0.0),  # a string would be a folder
        "resume": odd(False, True),
        "checkpoint_every": odd(1, 5),
        "log_every": odd(1, 5),
        "fabric": odd(None),
        "progress": odd(False),
    }
    try:
        given: Any = None if functions is int else functions
        train(odd(learner), given, steps, **settings)
    except ValueError:
        assert all(torch.equal(value, before[name]) for name, value in learner.state_dict().items())
        assert not learner.training, "a refused call left the learner in training mode"
        raise


def _minibatches(rng: np.random.Generator) -> None:
    good: Any = {"a": np.zeros((4, 2)), "b": torch.zeros(4)}
    data = pick(
        rng, good, good, good, good, {"a": np.zeros(4), "b": np.zeros(3)}, {"a": []}, {"a": 7}, {"a": "abc"},
        {"a": np.array([object()])}, nonsense=0.2,
    )  # fmt: skip
    sizes, seeds = pick(rng, 1, 4, 5, nonsense=0.3), pick(rng, 0, 7, nonsense=0.3)
    batch = minibatches(data, sizes, seeds)(3)
    assert set(batch) == set(data)

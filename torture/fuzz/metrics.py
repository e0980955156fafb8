"""Random calls of metrics: arrays of every kind, settings, encoders and sources."""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from torture.fuzz.target import Target, pick
from unknot.representation import metrics
from unknot.representation.metrics.linear import correlations, linear_fit
from unknot.representation.metrics.modes import find_modes
from unknot.representation.metrics.recall import recall
from unknot.representation.metrics.score import Score

N = 40
ON_FACTORS = ("mig", "dci", "sap", "modularity", "attribute_auc")
ON_CODES = ("mapc", "cvr", "tdv", "ud90", "unsupervised")
ON_SOURCE = ("higgins", "higgins_2", "factor_vae")
SETTINGS: dict[str, tuple[Any, ...]] = {
    "bins": (2, 20),
    "regressor": ("lasso",),
    "threshold": (0.5, 1.0),
    "top": (1, 3),
    "train_examples": (5, 20),
    "test_examples": (1, 20),
    "pairs": (1, 3),
    "train_votes": (5,),
    "test_votes": (5,),
    "images": (2, 5),
}
"""Good values of the metrics' settings."""
HAS = {
    "mig": ("bins",), "modularity": ("bins",), "unsupervised": ("bins",), "dci": ("regressor",),
    "tdv": ("top",), "attribute_auc": ("threshold",), "higgins": ("train_examples", "test_examples", "pairs"),
    "higgins_2": ("train_examples", "test_examples"), "factor_vae": ("train_votes", "test_votes", "images"),
}  # fmt: skip


class Source:
    """Two factors, of which one has no order, shown as they are."""

    factor_space = spaces.Dict({"x": spaces.Box(0, 1, (2,)), "kind": spaces.Discrete(3)})

    def sample_factors(self, n: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Sample them."""
        return {"x": rng.random((n, 2)).astype(np.float32), "kind": rng.integers(3, size=n)}

    def render_factors(self, factors: Mapping[str, Any]) -> NDArray[Any]:
        """Return them as a table."""
        return np.concatenate([factors["x"], factors["kind"][:, None]], axis=1)


SOURCE = Source()


def targets() -> Iterable[Target]:
    """Return every metric, what is beside them, and `evaluate_codes`."""
    for name in ON_FACTORS:
        yield Target(name, partial(_on_factors, name), calls=100 if name == "dci" else 400)
    for name in ON_CODES:
        yield Target(name, partial(_on_codes, name), calls=300)
    for name in ON_SOURCE:
        yield Target(name, partial(_on_source, name), calls=150)
    for name, call in (("correlations", _correlations), ("linear_fit", _linear_fit), ("recall", _recall)):
        yield Target(name, call, calls=300)
    yield Target("find_modes", _find_modes, calls=200)
    yield Target("evaluate_codes", _evaluate, calls=300)


def _table(rng: np.random.Generator, columns: int = 3) -> Any:
    """Return codes: in most calls good ones of some scale, shift and dtype."""
    good = rng.standard_normal((N, columns))
    constant = good.copy()
    constant[:, 0] = 0.1
    if rng.random() < 0.6:
        scale, shift = 10.0 ** int(rng.integers(-13, 14)), int(rng.integers(3))
        return (scale * good + shift).astype(rng.choice(["f4", "f8"]))
    return pick(
        rng, good, good, good.astype(np.float32), 1e-12 * good, 1e12 * good + 1e15, (5 * good).astype(int),
        constant, torch.from_numpy(good), torch.from_numpy(good).requires_grad_(), good.tolist(), good > 0,
        np.ones((N, 2)), good * np.nan, good[:1], good[:, :0], good[:, 0], 1e200 * good,
        1e-200 * good, good[None], good + 0j, good.astype(str), good.astype(object), nonsense=0.1,
    )  # fmt: skip


def _factors(rng: np.random.Generator) -> Any:
    good = np.stack([rng.random(N), rng.integers(3, size=N)], axis=1)
    if rng.random() < 0.7:
        return good
    bad = (good[:10], good[:, :1] * 0, np.full((N, 2), np.inf), good[:, :0], good[:, 0])
    return pick(rng, good, good, good, good, good.astype(np.float32), good[:, :1], *bad, nonsense=0.1)


def _categorical(rng: np.random.Generator) -> Any:
    kinds = np.array([False, True])
    if rng.random() < 0.7:
        return kinds
    return pick(rng, kinds, None, [False, True], kinds[:1], kinds.astype(int), nonsense=0.1)


def _settings(name: str, rng: np.random.Generator) -> dict[str, Any]:
    chosen = {key: pick(rng, *SETTINGS[key], nonsense=0.03) for key in HAS.get(name, ())}
    return {**chosen, "seed": pick(rng, 0, 7, np.int64(3), nonsense=0.03)}


def _checked(score: Score) -> None:
    low, high = score.interval
    assert math.isfinite(score.value), "the value is not finite"
    assert low <= score.value <= high, "the value is outside of its interval"


def _on_factors(name: str, rng: np.random.Generator) -> None:
    codes, factors, kinds = _table(rng), _factors(rng), _categorical(rng)
    before = np.array(codes, copy=True) if isinstance(codes, np.ndarray) else None
    try:
        _checked(getattr(metrics, name)(codes, factors, kinds, **_settings(name, rng)))
    finally:
        assert before is None or np.array_equal(before, codes, equal_nan=before.dtype.kind in "fc")


def _on_codes(name: str, rng: np.random.Generator) -> None:
    _checked(getattr(metrics, name)(_table(rng), **_settings(name, rng)))


ENCODERS: tuple[Callable[[Any], Any], ...] = (
    lambda x: x, lambda x: 1e-12 * x, lambda x: torch.from_numpy(x).float(), lambda x: x * 0, lambda x: x[:1],
    lambda x: x * np.nan, lambda x: x[:, 0], lambda x: None, lambda x: x[:, :0], lambda x: "codes",
)  # fmt: skip


def _encoder(rng: np.random.Generator) -> Any:
    if rng.random() < 0.7:
        return ENCODERS[0]
    encode = pick(rng, *ENCODERS, nonsense=0.1)
    return None if encode is int else encode  # a type would be called as if it were a function


def _on_source(name: str, rng: np.random.Generator) -> None:
    source = SOURCE if rng.random() < 0.8 else pick(rng, SOURCE, gym.Env())
    settings = _settings(name, rng)
    _checked(getattr(metrics, name)(_encoder(rng), source, **settings))


def _correlations(rng: np.random.Generator) -> None:
    assert np.abs(correlations(_table(rng), _factors(rng))).max(initial=0) <= 1 + 1e-9


def _linear_fit(rng: np.random.Generator) -> None:
    values = _factors(rng)
    values = (
        values[:, 0] if isinstance(values, np.ndarray) and values.ndim == 2 and values.shape[1] else values
    )
    assert -1e-9 <= linear_fit(_table(rng), values) <= 1


def _recall(rng: np.random.Generator) -> None:
    codes = _table(rng)
    codes = torch.from_numpy(codes) if isinstance(codes, np.ndarray) and codes.dtype.kind in "biuf" else codes
    labels = pick(rng, torch.arange(N) % 4, torch.arange(N) % 4, torch.zeros(3), nonsense=0.1)
    shares = recall(codes, labels, pick(rng, (1, 2, 4), [1], (0,), (N,), nonsense=0.1))
    assert all(0 <= share <= 1 for share in shares.values())


def _find_modes(rng: np.random.Generator) -> None:
    points = _table(rng)
    modes = find_modes(points, pick(rng, 0.25, 1.0, nonsense=0.1), pick(rng, 0.05, 0.5, nonsense=0.1))
    assert len(modes) == len(points)


def _evaluate(rng: np.random.Generator) -> None:
    names = pick(rng, "mig", ["mig", "sap"], ["tdv"], [], ["mig", "nonsense"], "nonsense", nonsense=0.2)
    settings = pick(
        rng, None, None, {}, {"mig": {"bins": 5}}, {"mig": {"bins": 1}}, {"mig": {"no": 1}}, {"mig": 7},
        {"x": {}}, nonsense=0.1,
    )  # fmt: skip
    source = SOURCE if rng.random() < 0.9 else pick(rng, SOURCE)
    samples, seed = pick(rng, N, N, 2, nonsense=0.1), pick(rng, 0, 1, nonsense=0.1)
    scores = metrics.evaluate_codes(_encoder(rng), source, names, seed, samples=samples, settings=settings)
    for score in scores.values():
        _checked(score)

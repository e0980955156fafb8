"""Random calls of `unknot.models.data`, of MNIST and of weights."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from torture.fuzz.target import Target, pick
from unknot import mnist
from unknot.models.data.blob import Blob
from unknot.models.data.natural import photographs
from unknot.models.data.nuisance import Nuisance
from unknot.models.data.selection import Selection
from unknot.models.data.shapes2d import Shapes2D
from unknot.models.data.splits import stratified_split
from unknot.models.data.sprites import Sprites
from unknot.models.data.stream import stream

SHAPES = Shapes2D(scales=2, orientations=3, positions=4, pixels=32)
FACTORS = SHAPES.combinations(np.arange(4))


def targets() -> Iterable[Target]:
    """Return the entry points."""
    return (
        Target("Blob", _blob),
        Target("Shapes2D", _shapes),
        Target("Sprites", lambda rng: Sprites(pixels=pick(rng, 16, 64))),
        Target("Shapes2D.render_factors", _render),
        Target("Shapes2D.sample_factors", _sample),
        Target("Nuisance", lambda rng: Nuisance(SHAPES, pick(rng, "shape", "x"))),
        Target("Selection", _select),
        Target("stratified_split", _split),
        Target("stream", _stream),
        Target("photographs", _photographs, 40),
        Target("mnist.load", lambda rng: mnist.load(pick(rng, "train", "test"), source=pick(rng, "digits"))),
    )


def _blob(rng: np.random.Generator) -> None:
    source = Blob(pixels=pick(rng, 8, 64), std=pick(rng, 0.1, 0.2), positions=pick(rng, 2, 32))
    assert len(source) == source.values["x"].size ** 2


def _shapes(rng: np.random.Generator) -> None:
    source = Shapes2D(
        pick(rng, ("square",), ("heart", "ellipse"), nonsense=0.2),
        scales=pick(rng, 1, 6, nonsense=0.2),
        orientations=pick(rng, 1, 40, nonsense=0.2),
        turn=pick(rng, 1.0, nonsense=0.2),
        positions=pick(rng, 1, 32, nonsense=0.2),
        pixels=pick(rng, 32, 64, nonsense=0.2),
        coloured=pick(rng, True, False, nonsense=0.2),
    )
    assert source.render_factors(source.sample_factors(2, rng)).dtype == np.uint8


def _render(rng: np.random.Generator) -> None:
    name = str(rng.choice(list(FACTORS)))
    factors: Any = pick(rng, FACTORS, FACTORS | {name: pick(rng, FACTORS[name], nonsense=0.9)}, nonsense=0.1)
    images = SHAPES.render_factors(factors)
    assert images.shape[1:] == (32, 32, 1)


def _sample(rng: np.random.Generator) -> None:
    n = pick(rng, 0, 3)
    assert all(len(values) == n for values in SHAPES.sample_factors(n, rng).values())


def _select(rng: np.random.Generator) -> None:
    rows: Any = pick(rng, np.arange(3), np.array([len(SHAPES) - 1]), np.array([-1]), np.array([len(SHAPES)]))
    factors = Selection(SHAPES, rows).sample_factors(5, rng)
    assert np.isin(SHAPES.rows(factors), rows).all()


def _split(rng: np.random.Generator) -> None:
    strata = pick(rng, np.arange(20) % 2, np.zeros(10))
    parts = stratified_split(strata, pick(rng, (0.5, 0.5), (0.2, 0.3, 0.5)), pick(rng, 0, 1))
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(strata)))


def _stream(rng: np.random.Generator) -> None:
    size = pick(rng, 1, 3)
    batch_at = stream(SHAPES, size, pick(rng, 0, 1), factors=pick(rng, True, False))
    assert len(batch_at(0)["observation"]) == size


def _photographs(rng: np.random.Generator) -> None:
    train, test = pick(rng, 0, 2), pick(rng, 1, 2)
    images = photographs(train, test, pick(rng, 0, 1))
    assert (len(images.train), len(images.test)) == (train, test)

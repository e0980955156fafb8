"""How many images a second do sources of images draw, beside reading the same from a stored array?

Every source of still images and every environment, side by side and in turns, the best of several: images
drawn, the sampling of their random factors included (by `render_factors`, the batch renderer of environments,
too); as many read by random rows from an array in memory of what the source drew before, a batch at a time,
for as long as `--filling` or up to `--images` of them. The array of a slow source is small, and so nearer to
the processor than all its images would be. Last of all the rows of 2D Shapes read from bits, as
`read_dsprites` keeps them.

Seconds are those that the process computes, so that neighbours on the machine matter little.

    python benchmarks/render_shapes.py
"""

import argparse
import time
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

import unknot  # noqa: F401  registers the environments
from unknot.models.data.blob import Blob
from unknot.models.data.shapes2d import Shapes2D
from unknot.models.data.sprites import Sprites
from unknot.models.data.teapots import Teapots
from unknot.representation.source import FactorSource

Images = NDArray[np.uint8]
Draw = Callable[[int, np.random.Generator], Images]

SOURCES: Mapping[str, Callable[[], FactorSource]] = {
    "Shapes2D": Shapes2D,
    "Shapes2D, 32 pixels": lambda: Shapes2D(pixels=32),
    "Shapes2D, coloured": lambda: Shapes2D(coloured=True),
    "Blob": Blob,
    "Teapots": Teapots,
    "Sprites": Sprites,
    "Planar": lambda: environment("unknot/Planar-v0"),
    "Maze": lambda: environment("unknot/Maze-v0"),
    "MnistGrid": lambda: environment("unknot/MnistGrid-v0"),
    "Grasp": lambda: environment("unknot/Grasp-v0"),
}


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=256, help="images at a time")
    parser.add_argument("--images", type=int, default=16_384, help="the most that are stored")
    parser.add_argument("--filling", type=float, default=10.0, help="the most seconds that storing takes")
    parser.add_argument("--seconds", type=float, default=2.0, help="time for each measurement")
    parser.add_argument("--rounds", type=int, default=5, help="turns; the best of each contender counts")
    options = parser.parse_args()

    def compare(name: str, draw: Draw, images: Images) -> None:
        rates = [0.0, 0.0]
        for _ in range(options.rounds):
            for i, run in enumerate((draw, reading(images))):
                rates[i] = max(rates[i], rate(run, options.batch, options.seconds / options.rounds))
        size = "×".join(map(str, images.shape[1:]))
        print(f"{name:22}{size:>10}{rates[0]:12,.0f}{rates[1]:14,.0f}{rates[0] / rates[1]:12.3g}")

    print(f"{'images a second':22}{'size':>10}{'drawn':>12}{'read of array':>14}{'ratio':>12}")
    for name, make in SOURCES.items():
        draw = drawing(make())
        compare(name, draw, stored(draw, options.batch, options.images, options.filling))
    draw = drawing(Shapes2D())
    images = stored(draw, options.batch, options.images, options.filling)
    compare("Shapes2D, from bits", unpacking(images), images)


def environment(name: str) -> Any:
    """Make an environment and show its first scene."""
    env = gym.make(name)
    env.reset(seed=0)
    return env.unwrapped


def drawing(source: FactorSource) -> Draw:
    """Draw images of random factors."""
    return lambda n, rng: np.asarray(source.render_factors(source.sample_factors(n, rng)))


def stored(draw: Draw, batch: int, most: int, seconds: float) -> Images:
    """Return images drawn, a batch at least."""
    rng = np.random.default_rng(0)
    batches, start = [draw(batch, rng)], time.process_time()
    while len(batches) * batch < most and time.process_time() - start < seconds:
        batches.append(draw(batch, rng))
    return np.concatenate(batches)


def reading(images: Images) -> Draw:
    """Read random rows of an array."""
    return lambda n, rng: images[rng.integers(len(images), size=n)]


def unpacking(images: Images) -> Draw:
    """Read random rows of an array of bits."""
    bits = np.packbits(images.reshape(len(images), -1) > 0, axis=1)
    return lambda n, rng: np.unpackbits(bits[rng.integers(len(bits), size=n)], axis=1) * np.uint8(255)


def rate(run: Draw, batch: int, seconds: float) -> float:
    """Return images a second of this process's own time."""
    rng = np.random.default_rng(0)
    run(batch, rng)
    images, start = 0, time.process_time()
    while (passed := time.process_time() - start) < seconds:
        run(batch, rng)
        images += batch
    return images / passed


if __name__ == "__main__":
    main()

"""How many images per second do sources render, compared with reading them from a stored array?

Measures every source of still images and every environment in turns, and reports the best of several rounds.
It renders images of random factors with `render_factors`; the time includes sampling. It compares this with
reading random rows of an array in memory, a batch at a time. The array holds images that were rendered for up
to `--filling` seconds, at most `--images`. A slow source has a small array, which fits into faster caches
than all its images would. The last row reads 2D Shapes from bits, as `read_dsprites` stores them.

Seconds are processor time of this process, so that other processes matter little.

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
Render = Callable[[int, np.random.Generator], Images]

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
    parser.add_argument("--images", type=int, default=16_384, help="most images stored")
    parser.add_argument("--filling", type=float, default=10.0, help="most seconds for storing")
    parser.add_argument("--seconds", type=float, default=2.0, help="seconds per measurement")
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the best of each contender counts")
    options = parser.parse_args()

    def compare(name: str, render: Render, images: Images) -> None:
        rates = [0.0, 0.0]
        for _ in range(options.rounds):
            for i, run in enumerate((render, reading(images))):
                rates[i] = max(rates[i], rate(run, options.batch, options.seconds / options.rounds))
        size = "×".join(map(str, images.shape[1:]))
        print(f"{name:22}{size:>10}{rates[0]:12,.0f}{rates[1]:14,.0f}{rates[0] / rates[1]:12.3g}")

    print(f"{'images a second':22}{'size':>10}{'rendered':>12}{'read of array':>14}{'ratio':>12}")
    for name, make in SOURCES.items():
        render = rendering(make())
        compare(name, render, stored(render, options.batch, options.images, options.filling))
    render = rendering(Shapes2D())
    images = stored(render, options.batch, options.images, options.filling)
    compare("Shapes2D, from bits", unpacking(images), images)


def environment(name: str) -> Any:
    """Make an environment and reset it."""
    env = gym.make(name)
    env.reset(seed=0)
    return env.unwrapped


def rendering(source: FactorSource) -> Render:
    """Return a function that renders images of random factors."""
    return lambda n, rng: np.asarray(source.render_factors(source.sample_factors(n, rng)))


def stored(render: Render, batch: int, most: int, seconds: float) -> Images:
    """Render and return images, at least one batch."""
    rng = np.random.default_rng(0)
    batches, start = [render(batch, rng)], time.process_time()
    while len(batches) * batch < most and time.process_time() - start < seconds:
        batches.append(render(batch, rng))
    return np.concatenate(batches)


def reading(images: Images) -> Render:
    """Return a function that reads random rows of an array."""
    return lambda n, rng: images[rng.integers(len(images), size=n)]


def unpacking(images: Images) -> Render:
    """Return a function that reads random rows of an array of bits."""
    bits = np.packbits(images.reshape(len(images), -1) > 0, axis=1)
    return lambda n, rng: np.unpackbits(bits[rng.integers(len(bits), size=n)], axis=1) * np.uint8(255)


def rate(run: Render, batch: int, seconds: float) -> float:
    """Return images per second of processor time."""
    rng = np.random.default_rng(0)
    run(batch, rng)
    images, start = 0, time.process_time()
    while (passed := time.process_time() - start) < seconds:
        run(batch, rng)
        images += batch
    return images / passed


if __name__ == "__main__":
    main()

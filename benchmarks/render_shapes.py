"""How many images a second do sources of still images draw, beside reading them from a stored array?

Side by side, in turns, the best of several, random factors of the grid each time: images drawn by sources,
the sampling of factors included; as many read from an array of all of them in memory (of 20,736: the 737,280
of the published file would take 3 GB), by random rows; the same from bits, as `read_dsprites` keeps them.
Seconds are those that the process computes, so that neighbours on the machine matter little.

    python benchmarks/render_shapes.py
"""

import argparse
import time
from collections.abc import Callable

import numpy as np

from unknot.models.data.blob import Blob
from unknot.models.data.grid import GridSource
from unknot.models.data.shapes2d import Shapes2D
from unknot.models.data.sprites import Sprites
from unknot.models.data.teapots import Teapots


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=256, help="images at a time")
    parser.add_argument("--seconds", type=float, default=2.0, help="time for each measurement")
    parser.add_argument("--rounds", type=int, default=5, help="turns; the best of each contender counts")
    options = parser.parse_args()

    few = Shapes2D(orientations=8, positions=12, scales=6)
    images = few.render_factors(few.combinations(np.arange(len(few))))
    bits = np.packbits(images.reshape(len(images), -1) > 0, axis=1)
    contenders: dict[str, Callable[[int, np.random.Generator], object]] = {
        "Shapes2D": drawing(Shapes2D()),
        "Shapes2D, 32 pixels": drawing(Shapes2D(pixels=32)),
        "Shapes2D, coloured": drawing(Shapes2D(coloured=True)),
        "Blob": drawing(Blob()),
        "Teapots": drawing(Teapots()),
        "Sprites": drawing(Sprites()),
        "rows of an array": lambda n, rng: images[rng.integers(len(images), size=n)],
        "rows of bits": lambda n, rng: (
            np.unpackbits(bits[rng.integers(len(bits), size=n)], axis=1) * np.uint8(255)
        ),
    }
    rates = dict.fromkeys(contenders, 0.0)
    for _ in range(options.rounds):
        for name, run in contenders.items():
            rates[name] = max(rates[name], rate(run, options.batch, options.seconds / options.rounds))
    stored = rates["rows of an array"]
    print(f"{'images a second':24}{'rate':>12}{'of a stored array':>20}")
    for name, value in rates.items():
        print(f"{name:24}{value:12,.0f}{value / stored:14.2f} times")


def drawing(source: GridSource) -> Callable[[int, np.random.Generator], object]:
    """Draw images of random factors."""
    return lambda n, rng: source.render_factors(source.sample_factors(n, rng))


def rate(run: Callable[[int, np.random.Generator], object], batch: int, seconds: float) -> float:
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

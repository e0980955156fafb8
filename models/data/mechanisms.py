"""Images that mechanisms have changed: shifted, inverted, noisy."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import at_least, count, one_of
from unknot.models.data.grid import GridSource, Images

__all__ = ["MECHANISMS", "SHIFTS", "Transformed", "apply_mechanism"]

SHIFTS = {
    "up": (-1, 0),
    "down": (1, 0),
    "left": (0, -1),
    "right": (0, 1),
    "up-left": (-1, -1),
    "up-right": (-1, 1),
    "down-left": (1, -1),
    "down-right": (1, 1),
}
"""Steps down and to the right of each shift, by its name."""
MECHANISMS = (*SHIFTS, "inversion", "noise")
"""Names of all mechanisms."""
VARIANCE = 0.25
"""Of the noise, for pixels in [0, 1]."""


class Transformed(GridSource):
    """Images, each changed by one of several mechanisms.

    The mechanisms are those of Parascandolo, Rojas-Carulla, Kilbertus and Schölkopf, "Learning independent
    causal mechanisms", 2017, appendix C; they change images of any content. Factors are

    - `content`: the image's class, 0 to classes - 1;
    - `example`: which image of that class. All classes have as many: what some have beyond the smallest class
      is left out;
    - `mechanism`: the number of a mechanism in `mechanisms`.

    `Nuisance(source, "example")` hides the example from metrics. The noise of an image is fixed by its
    factors, so that equal factors give equal images.

    Args:
        images: uint8 (n, height, width, channels).
        labels: (n,), the class of each image, 0 to classes - 1, each at least once.
        mechanisms: names from `MECHANISMS`.
        shift: pixels of a shift; what leaves the image is lost, and 0 enters.
        variance: of the noise, for pixels in [0, 1]; what is out of range is then clamped.

    Raises:
        ValueError: an unknown mechanism, or one twice; images or labels of another kind.
    """

    def __init__(
        self,
        images: Images,
        labels: NDArray[np.int64],
        mechanisms: Sequence[str] = MECHANISMS,
        *,
        shift: int = 4,
        variance: float = VARIANCE,
    ) -> None:
        for name in mechanisms:
            one_of("mechanism", name, MECHANISMS)
        if not mechanisms or len(set(mechanisms)) < len(mechanisms):
            raise ValueError(f"mechanisms must be at least one, each once, not {list(mechanisms)}")
        count(1, shift=shift)
        at_least(0, variance=variance)
        self.images, groups = _checked(images, labels)
        examples = min(map(len, groups))
        self.mechanisms, self.shift, self.variance = tuple(mechanisms), shift, variance
        self.chosen = np.stack([group[:examples] for group in groups])
        sizes = {"content": len(groups), "example": examples, "mechanism": len(mechanisms)}
        super().__init__(tuple(sizes), **{name: np.arange(size) for name, size in sizes.items()})

    def originals(self, factors: Mapping[str, Any]) -> Images:
        """Return the images before the mechanisms: uint8 (n, height, width, channels)."""
        given = self.checked(factors)
        originals: Images = self.images[self.chosen[given["content"], given["example"]]]
        return originals

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Render factors: uint8 (n, height, width, channels)."""
        given = self.checked(factors)
        changed = self.originals(given)
        rows = self.chosen[given["content"], given["example"]]
        for number in np.unique(given["mechanism"]):
            at = np.flatnonzero(given["mechanism"] == number)
            name = self.mechanisms[number]
            changed[at] = apply_mechanism(name, changed[at], self.shift, self.variance, rows[at])
        return changed


def _checked(images: Any, labels: Any) -> tuple[Images, list[NDArray[np.int64]]]:
    """Return the images, and the rows of each class."""
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim != 4 or not len(images):
        raise ValueError("images must be uint8 (n, height, width, channels), at least one")
    if not isinstance(labels, np.ndarray) or labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise ValueError(f"labels must be whole numbers ({len(images)},), one for each image")
    classes = np.unique(labels)
    if classes[0] != 0 or classes[-1] != len(classes) - 1:
        raise ValueError(f"labels must be 0 to the number of classes - 1, each at least once, not {classes}")
    return images, [np.flatnonzero(labels == each) for each in classes]


def apply_mechanism(
    name: str,
    images: Images,
    shift: int = 4,
    variance: float = VARIANCE,
    seeds: Sequence[int] | None = None,
) -> Images:
    """Return images changed by a mechanism, uint8 as they are.

    Args:
        name: of the mechanism, in `MECHANISMS`.
        images: uint8 (n, height, width, channels).
        shift: pixels of a shift.
        variance: of the noise.
        seeds: (n,), of the noise of each image; default: its row.
    """
    one_of("mechanism", name, MECHANISMS)
    if name == "inversion":
        inverted: Images = np.uint8(255) - images
        return inverted
    if name == "noise":
        return _noisy(images, variance, range(len(images)) if seeds is None else seeds)
    return _shifted(images, *(shift * step for step in SHIFTS[name]))


def _noisy(images: Images, variance: float, seeds: Sequence[int]) -> Images:
    noise = np.stack([np.random.default_rng(int(seed)).standard_normal(images.shape[1:]) for seed in seeds])
    noisy: Images = (images + 255 * np.sqrt(variance) * noise).clip(0, 255).round().astype(np.uint8)
    return noisy


def _shifted(images: Images, down: int, right: int) -> Images:
    """Return images moved by so many pixels, 0 where nothing was."""
    moved = np.zeros_like(images)
    height, width = images.shape[1:3]
    moved[:, max(down, 0) : height + down, max(right, 0) : width + right] = images[
        :, max(-down, 0) : height - down, max(-right, 0) : width - right
    ]
    return moved

"""A street seen from a window: cars in lanes that stop at a light, people on pavements, drifting daylight."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from unknot.checks import count, within
from unknot.models.data.grid import Factors, Images, check_factors
from unknot.models.data.street_view import (
    CAR_LENGTH,
    LANE_WIDTH,
    LANES,
    PAVEMENT,
    STOP,
    StreetView,
)

__all__ = ["Street"]

Floats = NDArray[np.float32]

PIXELS = (32, 64)
MOST_CARS = 8
WALKERS = 4
NEAREST, FARTHEST = -12.0, 60.0
"""Metres along the street, between which a car's middle is at the first frame."""
CELL = 8.0
"""Metres of lane for each car at the first frame, so that none overlap."""
GAP = 1.5
"""Metres that cars keep to the one before them."""
SPEED = (1.5, 3.0)
"""Metres a frame, at two frames a second: 11 to 22 km/h, 3 to 6 pixels of 64."""
STRIDE = 0.8
"""Metres a frame that people walk at most, in either direction."""
PERIOD = 16
"""Frames of the traffic light's cycle; red in its first half."""
DAYLIGHT, DRIFT = (0.6, 1.0), 0.25
CLIPS = 32
"""Clips rendered at a time."""


class Street:
    """A factor source: clips of an avenue, uint8 (n, frames, pixels, pixels, 3).

    A stand-in for the videos of 5th Avenue of Whitney and Fergus, "Disentangling video with independent
    prediction", 2017: 64 × 64 pixels, two frames a second, from the fifth floor. Those are real and not
    published; here everything is known. Cars drive away from the viewer in four lanes of one direction, in
    perspective, each at its own speed; they come and go. They keep a distance to the car before them, and
    stop at a red light, a common cause of all lanes' motion. So they are not quite independent.

    Factors; those of cars have an entry for each, and all are independent but for `lane` and `place`:
    `present`; `lane`, 0 (left) to 3; `place` in [-12, 60], metres along the street in the first frame (about
    10 to 50 are seen); `speed` in [1.5, 3], metres a frame; `colour`, red, green and blue in [0, 1].
    Of four people: `walker_side`, 0 left or 1 right; `walker_place`; `walker_speed` in [-0.8, 0.8];
    `walker_colour`. `light`, in [0, 1], the phase of the traffic light, red below 0.5; `daylight` in
    [0.6, 1]; `drift` in [-0.25, 0.25], by how much daylight changes in the clip.

    Args:
        pixels: side of the frames, 64 or 32.
        frames: length of the clips.
        cars: the most cars, up to 8.
        presence: probability that a car is there.

    Raises:
        ValueError: an argument out of range.
    """

    def __init__(
        self, *, pixels: int = 64, frames: int = 10, cars: int = MOST_CARS, presence: float = 0.8
    ) -> None:
        count(1, pixels=pixels, frames=frames, cars=cars)
        if pixels not in PIXELS:
            raise ValueError(f"pixels must be one of {PIXELS}, not {pixels}")
        within(1, MOST_CARS, cars=cars)
        within(0, 1, presence=presence)
        self.pixels, self.frames, self.cars, self.presence = pixels, frames, cars, presence
        self._view = StreetView(pixels)

        def box(low: float, high: float, *shape: int) -> spaces.Box:
            return spaces.Box(low, high, shape, np.float64)

        self.factor_space = spaces.Dict(
            {
                "present": spaces.MultiBinary(cars),
                "lane": spaces.MultiDiscrete([LANES] * cars),
                "place": box(NEAREST, FARTHEST, cars),
                "speed": box(*SPEED, cars),
                "colour": box(0, 1, cars, 3),
                "walker_side": spaces.MultiBinary(WALKERS),
                "walker_place": box(NEAREST, FARTHEST, WALKERS),
                "walker_speed": box(-STRIDE, STRIDE, WALKERS),
                "walker_colour": box(0, 1, WALKERS, 3),
                "light": box(0, 1),
                "daylight": box(*DAYLIGHT),
                "drift": box(-DRIFT, DRIFT),
            }
        )

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample factors, so that no two cars overlap: arrays by name, first axis n."""
        count(0, n=n)
        cells = int((FARTHEST - NEAREST) / CELL)
        chosen = rng.permuted(np.tile(np.arange(LANES * cells), (n, 1)), axis=1)[:, : self.cars]
        jitter = rng.uniform(0, CELL - CAR_LENGTH - GAP, chosen.shape)
        size = (n, self.cars)
        return {
            "present": (rng.uniform(size=size) < self.presence).astype(np.int8),
            "lane": chosen // cells,
            "place": NEAREST + chosen % cells * CELL + jitter,
            "speed": rng.uniform(*SPEED, size),
            "colour": rng.uniform(size=(*size, 3)),
            "walker_side": rng.integers(2, size=(n, WALKERS)).astype(np.int8),
            "walker_place": rng.uniform(NEAREST, FARTHEST, (n, WALKERS)),
            "walker_speed": rng.uniform(-STRIDE, STRIDE, (n, WALKERS)),
            "walker_colour": rng.uniform(size=(n, WALKERS, 3)),
            "light": rng.uniform(size=n),
            "daylight": rng.uniform(*DAYLIGHT, n),
            "drift": rng.uniform(-DRIFT, DRIFT, n),
        }

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Render factors: uint8 (n, frames, pixels, pixels, 3).

        Raises:
            ValueError: factors that are not the space's, or out of range.
        """
        return self._render(factors)[0]

    def masks(self, factors: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Return the visible pixels of each car, those it covers by half or more and no nearer one does.

        Returns:
            (n, frames, cars, pixels, pixels); all false for a car that is not there or outside the view.
        """
        owner = self._render(factors)[1]
        masks: NDArray[np.bool_] = owner[:, :, None] == np.arange(self.cars)[:, None, None]
        return masks

    def lane_masks(self) -> NDArray[np.bool_]:
        """Return the pixels of each lane at half a car's height, (lanes, pixels, pixels); none is in two."""
        lane = np.floor(self._view.middle[0] / LANE_WIDTH)
        masks: NDArray[np.bool_] = lane == np.arange(LANES)[:, None, None]
        return masks

    def positions(self, factors: Mapping[str, Any]) -> NDArray[np.float64]:
        """Return where the cars are in each frame: (n, frames, cars, 2), lane and metres along the street."""
        given = check_factors(self.factor_space, factors)
        place = self._drive(given)
        lanes = np.broadcast_to(given["lane"][:, None], place.shape)
        return np.stack([lanes, place], -1)

    def _red(self, given: Factors) -> NDArray[np.bool_]:
        """Say of each frame whether the light is red, (n, frames)."""
        red: NDArray[np.bool_] = (given["light"][:, None] + np.arange(self.frames) / PERIOD) % 1 < 0.5
        return red

    def _drive(self, given: Factors) -> NDArray[np.float64]:
        """Return the cars' places along the street, (n, frames, cars)."""
        there, lane = given["present"].astype(np.bool_), given["lane"]
        alike = (lane[:, :, None] == lane[:, None]) & there[:, None]
        place, places = given["place"], [given["place"]]
        for red in self._red(given).T[1:]:
            ahead = alike & (place[:, None] > place[:, :, None])
            free = np.where(ahead, place[:, None] - CAR_LENGTH - GAP, np.inf).min(2)
            front = STOP - CAR_LENGTH / 2
            stopped = red[:, None] & (place <= front)
            limit = np.minimum(free, np.where(stopped, front, np.inf))
            place = np.maximum(place, np.minimum(place + given["speed"], limit))
            places.append(place)
        return np.stack(places, 1)

    def _render(self, factors: Mapping[str, Any]) -> tuple[Images, NDArray[np.int8]]:
        """Return frames and the number of the car that is seen at each pixel, -1 for none."""
        given = check_factors(self.factor_space, factors)
        n = len(given["light"])
        images = np.empty((n, self.frames, self.pixels, self.pixels, 3), np.uint8)
        owner = np.empty(images.shape[:-1], np.int8)
        for start in range(0, n, CLIPS):
            some = {name: each[start : start + CLIPS] for name, each in given.items()}
            images[start : start + CLIPS], owner[start : start + CLIPS] = self._render_some(some)
        return images, owner

    def _render_some(self, given: Factors) -> tuple[Images, NDArray[np.int8]]:
        n, time = len(given["light"]), np.arange(self.frames)

        def frames(values: NDArray[Any]) -> NDArray[Any]:
            """Repeat what a clip has in each of its frames: (n, ...) to (n frames, ...)."""
            return values.repeat(self.frames, 0)

        canvas = self._view.empty(n * self.frames)
        walked = given["walker_place"][:, None] + given["walker_speed"][:, None] * time[:, None]
        across = np.where(given["walker_side"], LANES * LANE_WIDTH, -PAVEMENT) + PAVEMENT * _SPREAD
        self._view.people(canvas, frames(across), walked.reshape(-1, WALKERS), frames(given["walker_colour"]))
        place = self._drive(given).reshape(-1, self.cars)
        owner = self._view.cars(
            canvas,
            frames(LANE_WIDTH * (given["lane"] + 0.5)),
            np.where(frames(given["present"]), place, np.inf),
            frames(given["colour"]),
        )
        share = time / max(self.frames - 1, 1)
        light = given["daylight"][:, None] + given["drift"][:, None] * share
        canvas *= light.reshape(-1, 1, 1, 1).astype(np.float32)
        self._view.lamp(canvas, self._red(given).reshape(-1))
        shape = (n, self.frames, self.pixels, self.pixels)
        images: Images = canvas.clip(0, 255).round().astype(np.uint8).reshape(*shape, 3)
        return images, owner.reshape(shape)


_SPREAD = (np.arange(WALKERS) + 0.5) / WALKERS
"""Where on a pavement each of the people walks, as a share of its width."""

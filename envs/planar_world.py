"""The planar world itself: how an agent moves in it and how it looks, as array code over any batch.

Nothing here keeps a state. Only elementwise arithmetic reaches positions and pixels, so that the
results do not depend on the size of the batch, bit for bit.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import unknown

from .planar_maps import MAPS, PlanarMap

Array = NDArray[Any]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Images = NDArray[np.uint8]

COLLISIONS = ("published", "solid")
AGENT_BRIGHTNESS = 255
GRID_STEP = 0.25
"""Spacing in pixels of the grid on which free space is searched for what connects."""
SUPERSAMPLES = 16
"""Samples a pixel and axis by which obstacles and walls are antialiased."""


@dataclass(frozen=True)
class Appearance:
    """How the agent and its world look.

    Attributes:
        boxes: the agent's shape as boxes that do not overlap, (top, left, bottom, right) in half-agents
            from its centre, all within [-1, 1].
        oblique: seen by a camera that stands at the lower edge and looks down at an angle, instead of
            from straight above.
    """

    boxes: tuple[tuple[float, float, float, float], ...]
    oblique: bool = False


_SQUARE = ((-1.0, -1.0, 1.0, 1.0),)
_THIRD = 1 / 3


def _disc(slabs: int) -> tuple[tuple[float, float, float, float], ...]:
    """Cut the unit disc into slabs, each as wide as the disc is at its middle."""
    edges = [2 * i / slabs - 1 for i in range(slabs + 1)]
    halves = [math.sqrt(1 - ((low + high) / 2) ** 2) for low, high in pairwise(edges)]
    return tuple((low, -half, high, half) for (low, high), half in zip(pairwise(edges), halves, strict=True))


APPEARANCES = {
    "square": Appearance(_SQUARE),
    "cross": Appearance(
        (
            (-_THIRD, -1.0, _THIRD, 1.0),
            (-1.0, -_THIRD, -_THIRD, _THIRD),
            (_THIRD, -_THIRD, 1.0, _THIRD),
        )
    ),
    "disc": Appearance(_disc(9)),
    "oblique": Appearance(_SQUARE, oblique=True),
}


def find_map(name: str | PlanarMap, seed: int = 0) -> PlanarMap:
    """Return a map by its name.

    Args:
        name: "paper", "gates", "door", "random", or a map, which is returned.
        seed: what "random" is drawn by.

    Raises:
        ValueError: the name is unknown.
    """
    if isinstance(name, PlanarMap):
        return name
    if name == "random":
        return random_map(seed)
    if name not in MAPS:
        raise ValueError(unknown("map", name, [*MAPS, "random"]))
    return MAPS[name]


@lru_cache(maxsize=64)
def random_map(seed: int, obstacles: int = 10) -> PlanarMap:
    """Draw discs of radius 1.5 to 3.5 until, under "solid", 97% of the free space is connected.

    The corners, where the task "corners" starts and ends, are kept free.
    """
    rng = np.random.default_rng(seed)
    while True:
        discs = rng.uniform((4.0, 4.0, 1.5), (36.0, 36.0, 3.5), (obstacles, 3))
        plane = PlanarMap(obstacles=tuple(map(tuple, discs.round(2).tolist())))
        world = PlanarWorld(plane, collision="solid")
        free, region = world.free_grid, world.region
        at = [round((corner - world.low) / GRID_STEP) for corner in (5.0, 35.0)]
        if region[np.ix_(at, at)].all() and region.sum() >= 0.97 * free.sum():
            return plane


@dataclass(frozen=True)
class PlanarWorld:
    """A plane with obstacles and walls, and a point agent with a body, as functions of arrays.

    Positions are (row, column) in pixels, float64, in [half_agent, size - half_agent].

    Attributes:
        map: what stands in the plane.
        collision: "published" refuses a move whose end puts an obstacle's centre inside the agent's box,
            or the box into a wall; "solid" refuses one on which the box overlaps a disc or a wall anywhere
            between position and end. Touching is allowed.
        appearance: how the agent and the world look.
        noise: standard deviation in pixels of the Gaussian noise added to each move.
        half_agent: half the side of the agent's square body, in pixels.
        obstacle_brightness: grey level of obstacles and walls, 0 to 255.
        subpixel: draw the agent where it is; else as a block centred on the pixel that holds its position.

    Raises:
        ValueError: an argument out of its range, or an unknown collision rule.
    """

    map: PlanarMap = MAPS["paper"]
    collision: str = "published"
    appearance: Appearance = field(default=APPEARANCES["square"])
    noise: float = 0.0
    half_agent: float = 1.5
    obstacle_brightness: int = 128
    subpixel: bool = True

    def __post_init__(self) -> None:
        """Check what can be wrong."""
        if self.collision not in COLLISIONS:
            raise ValueError(unknown("collision", self.collision, COLLISIONS))
        if not 0 <= self.noise < math.inf:
            raise ValueError(f"noise={self.noise} must be finite and not negative (pixels)")
        if not 0 < 2 * self.half_agent < self.map.size:
            raise ValueError(f"half_agent={self.half_agent} must be in (0, {self.map.size / 2})")
        if not 0 <= self.obstacle_brightness <= 255:
            raise ValueError(f"obstacle_brightness={self.obstacle_brightness} must be in 0..255")

    @property
    def low(self) -> float:
        """The least coordinate a position has."""
        return self.half_agent

    @property
    def high(self) -> float:
        """The greatest coordinate a position has."""
        return self.map.size - self.half_agent

    # Moving

    def move(self, positions: Array, actions: Array, noise_draws: Array | None = None) -> Floats:
        """Move agents; a refused move is refused whole.

        Args:
            positions: (..., 2), pixels.
            actions: (..., 2), offsets in pixels; not clipped here.
            noise_draws: (..., 2), standard normal; they are scaled by `noise` here. None: no noise.

        Returns:
            The new positions (..., 2), float64.
        """
        ends = positions + np.asarray(actions, dtype=np.float64)
        if noise_draws is not None:
            ends = ends + self.noise * noise_draws
        ends = np.minimum(np.maximum(ends, self.low), self.high)
        return np.where(self.blocked(positions, ends)[..., None], positions, ends)

    def blocked(self, starts: Array, ends: Array) -> Bools:
        """Tell which moves, (..., 2) to (..., 2) within the plane, the collision rule refuses: (...)."""
        starts = np.broadcast_to(starts, ends.shape)
        row, column = ends[..., 0].reshape(-1), ends[..., 1].reshape(-1)
        if self.collision == "published":
            hit = _inside(self._walls, row, column).any(axis=0) | _within(self._centres, row, column).any(
                axis=0
            )
        else:
            hit = self._hits(starts[..., 0].reshape(-1), starts[..., 1].reshape(-1), row, column)
        blocked: Bools = hit.reshape(ends.shape[:-1])
        return blocked

    def _hits(self, row: Floats, column: Floats, end_row: Floats, end_column: Floats) -> Bools:
        """Tell which ways (n,) bring a body onto a thing: the exact test, for the pairs that are near."""
        top, left, bottom, right, radius = self._things[:, :, None]
        near = (np.minimum(row, end_row) < bottom + radius) & (np.maximum(row, end_row) > top - radius)
        near &= np.minimum(column, end_column) < right + radius
        near &= np.maximum(column, end_column) > left - radius
        thing, agent = np.nonzero(near)
        enters = _enters(self._things[:, thing], row[agent], column[agent], end_row[agent], end_column[agent])
        hit = np.zeros(row.shape, dtype=np.bool_)
        hit[agent[enters]] = True
        return hit

    def is_free(self, positions: Array) -> Bools:
        """Tell which positions (..., 2) an agent can have: (...)."""
        positions = np.asarray(positions, dtype=np.float64)
        inside = (positions >= self.low) & (positions <= self.high)
        free: Bools = inside[..., 0] & inside[..., 1] & ~self.blocked(positions, positions)
        return free

    # Where an agent can get

    @property
    def free_grid(self) -> Bools:
        """The free nodes of a grid of positions from `low` to `high`, `GRID_STEP` apart."""
        return _search(self._rules)[0]

    @property
    def region(self) -> Bools:
        """The nodes of the largest connected part of `free_grid`."""
        return _search(self._rules)[1]

    def in_region(self, positions: Array) -> Bools:
        """Tell which positions (..., 2) are in the largest connected part of the free space: (...)."""
        positions = np.asarray(positions, dtype=np.float64)
        free = self.is_free(positions)
        region = self.region
        last = len(region) - 2
        nodes = np.where(free[..., None], (positions - self.low) / GRID_STEP, 0.0)
        row, column = np.moveaxis(np.clip(nodes.astype(np.intp), 0, last), -1, 0)
        near: Bools = region[row, column] | region[row + 1, column] | region[row, column + 1]
        near |= region[row + 1, column + 1]
        return free & near

    def sample_free(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw positions (n, 2) uniformly from the largest connected part of the free space."""
        found = np.empty((0, 2))
        while len(found) < n:
            drawn = rng.uniform(self.low, self.high, (2 * (n - len(found)) + 8, 2))
            found = np.concatenate([found, drawn[self.in_region(drawn)]])
        return found[:n]

    @cached_property
    def _rules(self) -> "PlanarWorld":
        """The same world in default looks: what `region` depends on, as a key to remember it by."""
        return PlanarWorld(self.map, self.collision, half_agent=self.half_agent)

    @cached_property
    def _centres(self) -> Array:
        """The boxes (4, n), edges included, where `published` allows no agent's centre."""
        row, column, _ = _columns(self.map.obstacles, 3)
        half = self.half_agent
        return np.stack([row - half, column - half, row + half, column + half])

    @cached_property
    def _walls(self) -> Array:
        """The boxes (4, n), edges not included, where walls allow no agent's centre."""
        top, left, bottom, right = _columns(self.map.walls, 4)
        half = self.half_agent
        return np.stack([top - half, left - half, bottom + half, right + half])

    @cached_property
    def _things(self) -> Array:
        """The rounded boxes (5, n) where `solid` allows no agent's centre: box, and radius around it.

        A body that may not overlap a disc is a point that may not come nearer than the disc's radius to the
        body's box around the disc's centre; a wall is the same without a radius.
        """
        radius = np.array([disc[2] for disc in self.map.obstacles] + [0.0] * len(self.map.walls))
        return np.concatenate([np.concatenate([self._centres, self._walls], axis=1), radius[None]])

    # Drawing

    @property
    def background(self) -> Images:
        """The image (size, size) without an agent."""
        return _background(self.map, self.appearance.oblique, self.obstacle_brightness)

    def draw(self, positions: Array) -> Images:
        """Draw agents at positions (n, 2) in the plane: images (n, size, size, 1)."""
        size = self.map.size
        background = self.background.reshape(-1)
        frames = np.empty((len(positions), size * size), dtype=np.uint8)
        frames[:] = background
        pixels, coverage = self._footprints(positions)
        below = background[pixels].astype(np.float64)
        values = below + (AGENT_BRIGHTNESS - below) * coverage
        pixels += np.arange(len(positions)) * (size * size)
        frames.reshape(-1)[pixels] = (values + 0.5).astype(np.uint8)
        return frames.reshape(-1, size, size, 1)

    def coverage(self, positions: Array) -> Floats:
        """Return the share of each pixel that agents at positions (n, 2) cover: (n, size, size)."""
        size = self.map.size
        pixels, coverage = self._footprints(positions)
        shares = np.zeros((len(positions), size * size))
        np.put_along_axis(shares, pixels.T, coverage.T, axis=1)
        return shares.reshape(-1, size, size)

    def _footprints(self, positions: Array) -> tuple[NDArray[np.intp], Floats]:
        """Return the pixels (p, n) an agent may touch, and the share of each that it covers (p, n).

        The batch comes last, since array code is fast along long axes.
        """
        size, half = self.map.size, self.half_agent
        row, column, scale = self._view(positions)
        if not self.subpixel:
            row, column = np.floor(row) + 0.5, np.floor(column) + 0.5
        patch = np.arange(min(math.ceil(2 * half) + 1, size))
        reach = scale * half
        top = np.minimum(np.maximum(np.floor(row - reach), 0.0), size - len(patch))
        left = np.minimum(np.maximum(np.floor(column - reach), 0.0), size - len(patch))
        rows, columns = row - top, column - left
        coverage: Floats = np.zeros((len(patch), len(patch), len(row)))
        for low_row, low_column, high_row, high_column in self.appearance.boxes:
            tall = _overlap(rows + low_row * reach, rows + high_row * reach, len(patch))
            wide = _overlap(columns + low_column * reach, columns + high_column * reach, len(patch))
            coverage += tall[:, None] * wide
        first = (top * size + left).astype(np.intp)
        offsets = (patch[:, None] * size + patch).reshape(-1, 1)
        return first + offsets, coverage.reshape(-1, len(row))

    def _view(self, positions: Array) -> tuple[Floats, Floats, Floats | float]:
        """Return rows, columns (n,) in the image and the scale there (n,) of positions (n, 2)."""
        row, column = positions[:, 0], positions[:, 1]
        if not self.appearance.oblique:
            return row, column, 1.0
        return _project(row, column, self.map.size)


def _columns(rows: tuple[tuple[float, ...], ...], width: int) -> Floats:
    return np.array(rows, dtype=np.float64).reshape(-1, width).T


def _inside(boxes: Array, row: Floats, column: Floats) -> Bools:
    """Tell which points (n,) lie in which boxes (4, k), edges not included: (k, n)."""
    top, left, bottom, right = boxes[:, :, None]
    inside: Bools = (row > top) & (row < bottom) & (column > left) & (column < right)
    return inside


def _within(boxes: Array, row: Floats, column: Floats) -> Bools:
    """Tell which points (n,) lie in which boxes (4, k), edges included: (k, n)."""
    top, left, bottom, right = boxes[:, :, None]
    within: Bools = (row >= top) & (row <= bottom) & (column >= left) & (column <= right)
    return within


def _enters(things: Array, row: Floats, column: Floats, end_row: Floats, end_column: Floats) -> Bools:
    """Tell which segments (n,) enter their rounded boxes (5, n), edges not included.

    A rounded box is the box grown up and down, the box grown to the sides, and a disc at each corner.
    """
    top, left, bottom, right, radius = things
    segment = row, column, end_row, end_column
    enters = _crosses((top - radius, left, bottom + radius, right), *segment)
    enters |= _crosses((top, left - radius, bottom, right + radius), *segment)
    for corner_row in (top, bottom):
        for corner_column in (left, right):
            enters |= _passes(corner_row, corner_column, radius, *segment)
    return enters


def _crosses(
    box: tuple[Floats, Floats, Floats, Floats],
    row: Floats,
    column: Floats,
    end_row: Floats,
    end_column: Floats,
) -> Bools:
    """Tell which segments enter their boxes, edges not included."""
    top, left, bottom, right = box
    # The box is what two bands share; these are the times at which a segment is in each. One that runs
    # along an edge gives 0 / 0, which compares false: touching.
    with np.errstate(divide="ignore", invalid="ignore"):
        down, across = end_row - row, end_column - column
        times = (top - row) / down, (bottom - row) / down, (left - column) / across, (right - column) / across
        enter = np.maximum(np.minimum(times[0], times[1]), np.minimum(times[2], times[3]))
        leave = np.minimum(np.maximum(times[0], times[1]), np.maximum(times[2], times[3]))
        crosses: Bools = (enter < leave) & (enter < 1) & (leave > 0)
    # Rounding must not let an end be inside.
    crosses |= (end_row > top) & (end_row < bottom) & (end_column > left) & (end_column < right)
    return crosses


def _passes(
    centre_row: Floats,
    centre_column: Floats,
    radius: Floats,
    row: Floats,
    column: Floats,
    end_row: Floats,
    end_column: Floats,
) -> Bools:
    """Tell which segments come nearer to their centres than their radius."""
    down, across = end_row - row, end_column - column
    length = down * down + across * across
    nearest = (centre_row - row) * down + (centre_column - column) * across
    share = np.minimum(np.maximum(nearest / (length + (length == 0)), 0.0), 1.0)
    passes = _nearer(row + share * down - centre_row, column + share * across - centre_column, radius)
    return passes | _nearer(end_row - centre_row, end_column - centre_column, radius)


def _nearer(row: Floats, column: Floats, radius: Floats) -> Bools:
    nearer: Bools = row * row + column * column < radius * radius
    return nearer


def _overlap(low: Floats, high: Floats, pixels: int) -> Floats:
    """Return how much of each pixel [i, i + 1] the intervals (n,) cover: (pixels, n)."""
    edges = np.arange(pixels, dtype=np.float64)[:, None]
    covered: Floats = np.maximum(np.minimum(high, edges + 1) - np.maximum(low, edges), 0.0)
    return covered


def _project(row: Floats, column: Floats, size: int) -> tuple[Floats, Floats, Floats]:
    """Map points of the plane to the oblique image: rows, columns, and the scale there.

    A pinhole camera above the lower edge: distances shrink to 0.6 at the upper edge, which lies at 0.3 of
    the image's height. The agent is an upright board that faces the camera, so that its shape
    stays a union of boxes.
    """
    scale = 1.5 * size / (2.5 * size - row)
    return (1.75 * scale - 0.75) * size, size / 2 + (column - size / 2) * scale, scale


def _unproject(row: Floats, column: Floats, size: int) -> tuple[Floats, Floats]:
    """Invert `_project`; what lies above the horizon comes out as infinitely far."""
    scale = np.maximum((row / size + 0.75) / 1.75, 1e-9)
    return 2.5 * size - 1.5 * size / scale, size / 2 + (column - size / 2) / scale


@lru_cache(maxsize=64)
def _background(plane: PlanarMap, oblique: bool, brightness: int) -> Images:
    """Draw obstacles and walls, antialiased, what lies beyond the plane half as bright: (size, size)."""
    at = (np.arange(plane.size * SUPERSAMPLES) + 0.5) / SUPERSAMPLES
    row, column = at[:, None], at[None, :]
    if oblique:
        row, column = _unproject(row, column, plane.size)
    solid = np.zeros((len(at), len(at)), dtype=bool)
    for centre_row, centre_column, radius in plane.obstacles:
        solid |= (row - centre_row) ** 2 + (column - centre_column) ** 2 < radius * radius
    for top, left, bottom, right in plane.walls:
        solid |= (row > top) & (row < bottom) & (column > left) & (column < right)
    beyond = (row < 0) | (column < 0) | (column > plane.size)  # only an oblique view shows that
    share = np.where(beyond, 0.5, solid).reshape(plane.size, SUPERSAMPLES, plane.size, SUPERSAMPLES)
    image: Images = (brightness * share.mean(axis=(1, 3)) + 0.5).astype(np.uint8)
    image.setflags(write=False)
    return image


@lru_cache(maxsize=64)
def _search(world: PlanarWorld) -> tuple[Bools, Bools]:
    """Return the free nodes of the grid of positions, and those of its largest connected part."""
    axis = np.arange(world.low, world.high + GRID_STEP / 2, GRID_STEP)
    nodes = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    free = world.is_free(nodes)
    down = free[:-1] & free[1:] & ~world.blocked(nodes[:-1], nodes[1:])
    across = free[:, :-1] & free[:, 1:] & ~world.blocked(nodes[:, :-1], nodes[:, 1:])
    left, largest = free.copy(), np.zeros_like(free)
    while left.sum() > largest.sum():
        part = np.zeros_like(free)
        part.reshape(-1)[left.argmax()] = True
        _flood(part, down, across)
        left &= ~part
        if part.sum() > largest.sum():
            largest = part
    return free, largest


def _flood(part: Bools, down: Bools, across: Bools) -> None:
    """Grow a set of nodes, in place, over the edges to the next row and the next column."""
    size = 0
    while part.sum() > size:
        size = part.sum()
        part[1:] |= part[:-1] & down
        part[:-1] |= part[1:] & down
        part[:, 1:] |= part[:, :-1] & across
        part[:, :-1] |= part[:, 1:] & across

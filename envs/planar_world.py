"""The planar world itself: how an agent moves in it and how it looks, as array code over any batch.

Nothing here keeps a state. Only elementwise arithmetic reaches positions and pixels, so that the
results do not depend on the size of the batch, bit for bit.
"""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import above, count, flag, one_of, shown, within

from .adapter import check_sampling
from .planar_collisions import Bools, Floats, enters, inside, inside_or_on_edge
from .planar_frames import APPEARANCES, Appearance, Images, footprints, render_background
from .planar_maps import MAPS, PlanarMap

Array = NDArray[Any]

COLLISIONS = ("published", "solid")
"""The rules for moves into an obstacle, by name."""
AGENT_BRIGHTNESS = 255
GRID_STEP = 0.25
"""Spacing in pixels of the grid on which connected free space is searched for."""


def find_map(name: str | PlanarMap, seed: int = 0) -> PlanarMap:
    """Return a map by its name.

    Args:
        name: "paper", "gates", "door", "random", or a map, which is returned.
        seed: of the map "random".

    Raises:
        ValueError: the name is unknown, or the seed is no count.
    """
    count(0, map_seed=seed)
    if isinstance(name, PlanarMap):
        return name
    one_of("map", name, [*MAPS, "random"])
    return random_map(seed) if name == "random" else MAPS[name]


@lru_cache(maxsize=64)
def random_map(seed: int, obstacles: int = 10) -> PlanarMap:
    """Sample discs of radius 1.5 to 3.5 until, under "solid", 97% of the free space is connected.

    The corners, where the task "corners" starts and ends, stay free.
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
        noise: standard deviation in pixels of the Gaussian noise added to each move, 0 to the map's size.
        half_agent: half the side of the agent's square body, in pixels.
        obstacle_brightness: grey level of obstacles and walls, 0 to 255.
        subpixel: render the agent where it is; else as a block centred on the pixel that holds its position.

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
        """Check the attributes."""
        one_of("collision", self.collision, COLLISIONS)
        if not isinstance(self.map, PlanarMap):
            raise ValueError(
                f"map must be a PlanarMap (find_map finds one by its name), not {shown(self.map)}"
            )
        if not isinstance(self.appearance, Appearance):
            raise ValueError(f"appearance must be an Appearance, not {shown(self.appearance)}")
        within(0, self.map.size, noise=self.noise)
        above(0, half_agent=self.half_agent)
        for name in ("noise", "half_agent"):  # an array of one has no hash
            object.__setattr__(self, name, float(getattr(self, name)))
        if 2 * self.half_agent >= self.map.size:
            raise ValueError(
                f"half_agent must be above 0 and below {self.map.size / 2}, not {self.half_agent}"
            )
        count(0, obstacle_brightness=self.obstacle_brightness)
        within(0, 255, obstacle_brightness=self.obstacle_brightness)
        flag(subpixel=self.subpixel)

    @property
    def low(self) -> float:
        """The least coordinate a position has."""
        return self.half_agent

    @property
    def high(self) -> float:
        """The greatest coordinate a position has."""
        return self.map.size - self.half_agent

    # Moving

    def move(self, positions: Array, actions: Array, standard_normal: Array | None = None) -> Floats:
        """Move agents; a move is carried out whole or not at all.

        Args:
            positions: (..., 2), pixels.
            actions: (..., 2), offsets in pixels; not clipped here.
            standard_normal: (..., 2), scaled by `noise` here; None: no noise.

        Returns:
            The new positions (..., 2), float64.
        """
        ends = positions + np.asarray(actions, dtype=np.float64)
        if standard_normal is not None:
            ends = ends + self.noise * standard_normal
        ends = np.minimum(np.maximum(ends, self.low), self.high)
        return np.where(self.blocked(positions, ends)[..., None], positions, ends)

    def blocked(self, starts: Array, ends: Array) -> Bools:
        """Return which moves, (..., 2) to (..., 2) within the plane, the collision rule refuses: (...)."""
        starts = np.broadcast_to(starts, ends.shape)
        row, column = ends[..., 0].reshape(-1), ends[..., 1].reshape(-1)
        if self.collision == "published":
            hit = inside(self._walls, row, column).any(axis=0)
            hit |= inside_or_on_edge(self._centres, row, column).any(axis=0)
        else:
            hit = self._hits(starts[..., 0].reshape(-1), starts[..., 1].reshape(-1), row, column)
        blocked: Bools = hit.reshape(ends.shape[:-1])
        return blocked

    def _hits(self, row: Floats, column: Floats, end_row: Floats, end_column: Floats) -> Bools:
        """Return which moves (n,) hit an obstacle or a wall: the exact test, for pairs that are near."""
        top, left, bottom, right, radius = self._things[:, :, None]
        near = (np.minimum(row, end_row) < bottom + radius) & (np.maximum(row, end_row) > top - radius)
        near &= np.minimum(column, end_column) < right + radius
        near &= np.maximum(column, end_column) > left - radius
        thing, agent = np.nonzero(near)
        moves = row[agent], column[agent], end_row[agent], end_column[agent]
        hit = np.zeros(row.shape, dtype=np.bool_)
        hit[agent[enters(self._things[:, thing], *moves)]] = True
        return hit

    def is_free(self, positions: Array) -> Bools:
        """Return which positions (..., 2) an agent can have: (...)."""
        positions = np.asarray(positions, dtype=np.float64)
        in_plane = (positions >= self.low) & (positions <= self.high)
        free: Bools = in_plane[..., 0] & in_plane[..., 1] & ~self.blocked(positions, positions)
        return free

    # Free space

    @property
    def free_grid(self) -> Bools:
        """The free nodes of a grid of positions from `low` to `high`, `GRID_STEP` apart."""
        return _find_free_space(self._rules)[0]

    @property
    def region(self) -> Bools:
        """The nodes of the largest connected part of `free_grid`."""
        return _find_free_space(self._rules)[1]

    def in_region(self, positions: Array) -> Bools:
        """Return which positions (..., 2) are in the largest connected part of the free space: (...)."""
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
        """Sample positions (n, 2) uniformly from the largest connected part of the free space.

        Raises:
            ValueError: n is no count, or rng no generator.
            RuntimeError: there is no free space.
        """
        check_sampling(n, rng)
        if not self.region.any():
            raise RuntimeError("the map has no free space for the agent")
        found = np.empty((0, 2))
        while len(found) < n:
            candidates = rng.uniform(self.low, self.high, (2 * (n - len(found)) + 8, 2))
            found = np.concatenate([found, candidates[self.in_region(candidates)]])
        return found[:n]

    @cached_property
    def _rules(self) -> "PlanarWorld":
        """The same world in default looks: all that `region` depends on, as the key of its cache."""
        return PlanarWorld(self.map, self.collision, half_agent=self.half_agent)

    @cached_property
    def _centres(self) -> Array:
        """The boxes (4, n), edges included, where "published" allows no agent's centre."""
        row, column, _ = _columns(self.map.obstacles, 3)
        half = self.half_agent
        return np.stack([row - half, column - half, row + half, column + half])

    @cached_property
    def _walls(self) -> Array:
        """The boxes (4, n), edges excluded, where walls allow no agent's centre."""
        top, left, bottom, right = _columns(self.map.walls, 4)
        half = self.half_agent
        return np.stack([top - half, left - half, bottom + half, right + half])

    @cached_property
    def _things(self) -> Array:
        """The rounded boxes (5, n) where "solid" allows no agent's centre: box, and radius around it.

        A body overlaps a disc where the body's centre is nearer than the disc's radius to a box of the body's
        size around the disc's centre; a wall is the same without a radius.
        """
        radius = np.array([disc[2] for disc in self.map.obstacles] + [0.0] * len(self.map.walls))
        return np.concatenate([np.concatenate([self._centres, self._walls], axis=1), radius[None]])

    # Rendering

    @property
    def background(self) -> Images:
        """The image (size, size) without an agent."""
        return render_background(self.map, self.appearance.oblique, self.obstacle_brightness)

    def render(self, positions: Array) -> Images:
        """Render agents at positions (n, 2) in the plane: images (n, size, size, 1)."""
        size = self.map.size
        background = self.background.reshape(-1)
        frames = np.empty((len(positions), size * size), dtype=np.uint8)
        frames[:] = background
        pixels, coverage = self._footprints(positions)
        below = background[pixels].astype(np.float64)
        values = below + (AGENT_BRIGHTNESS - below) * coverage
        pixels += np.arange(len(positions)) * (size * size)
        frames.reshape(-1)[pixels] = (values + 0.5).astype(np.uint8)
        return frames.reshape(len(positions), size, size, 1)

    def coverage(self, positions: Array) -> Floats:
        """Return the share of each pixel that agents at positions (n, 2) cover: (n, size, size)."""
        size = self.map.size
        pixels, coverage = self._footprints(positions)
        shares = np.zeros((len(positions), size * size))
        np.put_along_axis(shares, pixels.T, coverage.T, axis=1)
        return shares.reshape(len(positions), size, size)

    def _footprints(self, positions: Array) -> tuple[NDArray[np.intp], Floats]:
        return footprints(positions, self.map.size, self.half_agent, self.appearance, self.subpixel)


def _columns(rows: tuple[tuple[float, ...], ...], width: int) -> Floats:
    return np.array(rows, dtype=np.float64).reshape(-1, width).T


@lru_cache(maxsize=64)
def _find_free_space(world: PlanarWorld) -> tuple[Bools, Bools]:
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

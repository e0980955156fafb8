"""Two handwritten digits on a grid, each of which can be moved."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from unknot import mnist
from unknot.checks import count, one_of, shown, within

from .adapter import MaskedActions
from .maze_world import ACTIONS, STEPS
from .planar import ARROWS, LETTERS
from .simulation import Array, Factors, Generators, Rows, Simulation, check_layout, check_settings, read_count
from .single import SimulationEnv
from .vector import SimulationVectorEnv

Images = NDArray[np.uint8]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DIGITS = ("first", "second")
"""The digits: the first is always odd, the second always even."""
PARITY = np.array([1, 0])
"""The remainder of their labels when divided by 2."""
DIRECTIONS = {name: ACTIONS[name] for name in STEPS}
"""By name, the offset (row, column) of a move."""
MOVES = np.array(list(DIRECTIONS.values()))
TASKS = ("reach", "none")
REWARDS = ("sparse", "dense")
SOURCES = ("auto", "mnist", "digits")
LEAST_CELL_PIXELS = 6
"""Pixels that a digit needs to be recognisable."""
MOST_PIXELS = 256
"""The largest side of the image; larger digits than that takes would fill gigabytes."""
MARGIN = 2
"""Pixels, nearly always empty, that are cut off each side of a digit's image, so that it fills its cell."""
UPSCALE = 8
"""Pixels of a frame for people per pixel of the image."""
CHUNK = 4_096
"""Images that are shrunken at a time."""


class Pool(NamedTuple):
    """The digits of a split, at the size of the grid's cells."""

    sprites: Images
    """(n, cell, cell)."""
    labels: Ints
    """(n,)."""
    order: Ints
    """(n,): the images sorted by label, and within a label in the order of the split."""
    starts: Ints
    """(10,): where the images of each label begin in `order`."""
    counts: Ints
    """(10,): the number of images of each label."""

    def pick(self, labels: Ints, uniforms: NDArray[np.float64]) -> Ints:
        """Pick an image of each label by uniform numbers of the same shape; 0 picks the first."""
        picked: Ints = self.order[self.starts[labels] + (uniforms * self.counts[labels]).astype(np.int64)]
        return picked


@lru_cache(maxsize=8)
def find_pool(source: str, split: str, cell: int) -> Pool:
    """Return a split's digits, shrunken to cells; cached here, so that environments don't hold them.

    Args:
        source: "mnist" or "digits".
        split: "train" or "test".
        cell: side of a cell in pixels.
    """
    images, labels = mnist.load(split, source=source)
    order = np.argsort(labels, kind="stable")
    counts = np.bincount(labels, minlength=10)
    if not counts.all():
        missing = np.flatnonzero(counts == 0).tolist()
        raise ValueError(f"the {split} split of {source!r} must have every digit; it has no {missing}")
    inner = slice(MARGIN, -MARGIN)
    return Pool(shrink(images[:, inner, inner], cell), labels, order, np.cumsum(counts) - counts, counts)


def shrink(images: Images, side: int) -> Images:
    """Average square images (n, s, s) over the areas of side × side pixels: (n, side, side)."""
    edges = np.linspace(0, images.shape[1], side + 1)
    pixels = np.arange(images.shape[1])
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.maximum(overlap, 0) * (side / images.shape[1])
    result = np.empty((len(images), side, side), dtype=np.uint8)
    for start in range(0, len(images), CHUNK):  # so that a large split is never in memory as floats
        part = slice(start, start + CHUNK)
        result[part] = np.rint(weights @ images[part] @ weights.T)
    return result


class MnistGrid(Simulation):
    """Copies of the grid. `MnistGridEnv` describes observations, actions and rewards.

    Args:
        num_envs: how many copies.
        size: cells along each side of the grid.
        task: "reach" (bring both digits to where the goal image shows them) or "none".
        split: "train" or "test", of the digits' images.
        digits: "mnist"; "digits" for scikit-learn's small ones; "auto" for MNIST if it is on this machine,
            else the small ones, of which the log tells once (`unknot.mnist.find_source`).
        pixels: side of the image, at most 256; cells are pixels // size wide, centred in it.
        max_steps: steps after which an episode is truncated.
        reward: "sparse" (1 when both digits are at the goal after a step, else 0) or "dense" (minus the
            number of remaining moves).
        terminate_on_success: end an episode when it has succeeded.

    Raises:
        ValueError: an unknown name (the error suggests similar ones), or an argument out of its range.
        FileNotFoundError: `digits="mnist"`, and MNIST is not on this machine.
    """

    action_space: spaces.Discrete

    def __init__(
        self,
        num_envs: int = 1,
        *,
        size: int = 5,
        task: str = "reach",
        split: str = "train",
        digits: str = "auto",
        pixels: int = 64,
        max_steps: int = 40,
        reward: str = "sparse",
        terminate_on_success: bool = False,
    ) -> None:
        one_of("task", task, TASKS)
        one_of("split", split, mnist.SPLITS)
        one_of("digits", digits, SOURCES)
        one_of("reward", reward, REWARDS)
        count(2, size=size)
        count(1, pixels=pixels)
        within(1, MOST_PIXELS, pixels=pixels)
        check_settings(num_envs, max_steps, terminate_on_success)
        if pixels < LEAST_CELL_PIXELS * size:
            raise ValueError(
                f"pixels must be at least {LEAST_CELL_PIXELS} for each of size={size} cells, not {pixels}"
            )
        self.num_envs, self.size, self.pixels = num_envs, size, pixels
        self.task, self.reward, self.max_steps = task, reward, max_steps
        self.terminate_on_success = terminate_on_success
        self.split = split
        self.source = mnist.find_source() if digits == "auto" else digits
        self.cell = pixels // size

        image = spaces.Box(0, 255, (pixels, pixels, 1), np.uint8)
        both = spaces.Dict({"observation": image, "desired_goal": image})
        self.observation_space = image if task == "none" else both
        self.action_space = spaces.Discrete(len(DIGITS) * len(DIRECTIONS))
        place, digit = spaces.Box(0, size - 1, (2,), np.int64), spaces.Discrete(5)
        self.factor_space = spaces.Dict(
            {"first": place, "first_class": digit, "second": place, "second_class": digit}
        )
        self._goal_space = spaces.Dict({} if task == "none" else {"first": place, "second": place})
        grid = np.moveaxis(np.indices((size, size)), 0, -1)[:, :, None] + MOVES
        self.allowed = ((grid >= 0) & (grid < size)).all(axis=-1).astype(np.int8)  # row, column, direction

        self.cells = np.zeros((num_envs, 2, 2), dtype=np.int64)  # copy, digit, row or column
        self.goal_cells = self.cells.copy()
        self.images = np.tile(self.pool.pick(PARITY, np.zeros(2)), (num_envs, 1))  # copy, digit
        self.goal_frames = np.zeros((num_envs, pixels, pixels, 1), dtype=np.uint8)
        self.steps = np.zeros(num_envs, dtype=np.int64)

    @property
    def pool(self) -> Pool:
        """The digits to choose from."""
        return find_pool(self.source, self.split, self.cell)

    @property
    def goal_space(self) -> spaces.Dict:
        """The digits' cells; empty with the task "none"."""
        return self._goal_space

    def reset(self, rows: Rows, generators: Generators, factors: Factors, goal: Factors) -> None:
        """Begin episodes: classes, images of them, cells, and a goal elsewhere, all sampled uniformly."""
        uniforms = np.empty((len(rows), 6))
        for generator, uniform in zip(generators, uniforms, strict=True):
            generator.random(out=uniform)
        classes = np.floor(5 * uniforms[:, :2]).astype(np.int64)
        for k, name in enumerate(DIGITS):
            classes[:, k] = factors.get(f"{name}_class", classes[:, k])
        images = self.pool.pick(2 * classes + PARITY, uniforms[:, 2:4])

        pairs = self.size**4
        start = np.floor(pairs * uniforms[:, 4]).astype(np.int64)
        apart = 1 + np.floor((pairs - 1) * uniforms[:, 5]).astype(np.int64)
        if all(name in goal for name in DIGITS):
            target = self._number(np.stack([goal[name] for name in DIGITS], axis=1))
            start = (target + apart) % pairs
        cells, images = self._changed(self._unnumber(start), images, factors)
        target = (self._number(cells) + apart) % pairs
        self._begin(rows, cells, images, self._changed(self._unnumber(target), images, goal)[0])

    def step(self, rows: Rows, generators: Generators, actions: Array) -> tuple[Array, Bools, Bools]:
        """Move one digit by a cell, unless it is at the edge."""
        digit, direction = np.divmod(actions, len(DIRECTIONS))
        cells = self.cells[rows]
        copies = np.arange(len(rows))
        moved = cells[copies, digit] + MOVES[direction]
        cells[copies, digit] = np.clip(moved, 0, self.size - 1)
        self.cells[rows] = cells
        steps = self.steps[rows] + 1
        self.steps[rows] = steps
        ended = self._success(rows) & self.terminate_on_success
        return self._rewards(cells, self.goal_cells[rows]), ended, steps >= self.max_steps

    def goal_rewards(self, achieved: Factors, desired: Factors) -> Array:
        """Return the rewards of steps that end in cells."""
        cells, goals = (
            np.stack([factors[name] for name in DIGITS], axis=1) for factors in (achieved, desired)
        )
        return self._rewards(cells, goals)

    def place(self, factors: Factors) -> None:
        """Set cells and classes."""
        self.cells, self.images = self._changed(self.cells, self.images, factors)
        self._render_goals(np.arange(self.num_envs))

    def observe(self, rows: Rows) -> Any:
        """Render the digits, and the goal: the same digits at their goal cells."""
        image = self._render(self.cells[rows], self.images[rows])
        if self.task == "none":
            return image
        return {"observation": image, "desired_goal": self.goal_frames[rows]}

    def info(self, rows: Rows) -> dict[str, Any]:
        """Return factors, goals, whether both digits are at theirs, and which actions would move a digit."""
        cells = self.cells[rows]
        return {
            "factors": self._places(cells) | self._classes(self.images[rows]),
            "goal": self._goal(rows),
            "is_success": self._success(rows),
            "action_mask": self.allowed[cells[..., 0], cells[..., 1]].reshape(len(rows), -1),
        }

    def scene(self, row: int) -> dict[str, Any]:
        """Return factors, goal, layout, step count, and the digits' indices in the split."""
        state = self._places(self.cells[[row]]) | self._classes(self.images[[row]])
        return {
            "factors": {name: value[0].tolist() for name, value in state.items()},
            "goal": {name: value[0].tolist() for name, value in self._goal(np.array([row])).items()},
            "layout": self._layout(),
            "images": self.images[row].tolist(),
            "steps": int(self.steps[row]),
        }

    def restore(
        self, rows: Rows, scenes: Sequence[Mapping[str, Any]], factors: Factors, goal: Factors
    ) -> None:
        """Continue from scenes of the same grid and split."""
        for scene in scenes:
            check_layout(scene, self._layout(), "another grid or of other digits")
        steps = [read_count(scene, "steps") for scene in scenes]
        images = self._read_images(scenes, factors)
        cells, goals = self._changed(self.cells[rows], images, factors), self.goal_cells[rows]
        self._begin(rows, *cells, self._changed(goals, images, goal)[0])
        self.steps[rows] = steps

    def render_factors(self, factors: Factors) -> Images:
        """Render digits; each is the scene's own image, or the first of its class in the split."""
        n = len(next(iter(factors.values()))) if factors else 1
        cells, images = (np.repeat(array[:1], n, axis=0) for array in (self.cells, self.images))
        return self._render(*self._changed(cells, images, factors))

    def frame(self, row: int) -> Images:
        """Render the scene eight times larger, with the goal in green."""
        grey = self._render(self.cells[[row]], self.images[[row]])[0]
        goal = np.array([0.2, 0.7, 0.3]) * self.goal_frames[row]
        rgb = np.maximum(grey, goal).astype(np.uint8)
        frame: Images = rgb.repeat(UPSCALE, axis=0).repeat(UPSCALE, axis=1)
        return frame

    def _begin(self, rows: Rows, cells: Ints, images: Ints, goal_cells: Ints) -> None:
        self.cells[rows], self.images[rows], self.goal_cells[rows] = cells, images, goal_cells
        self.steps[rows] = 0
        self._render_goals(rows)

    def _render_goals(self, rows: Rows) -> None:
        if self.task == "reach":
            self.goal_frames[rows] = self._render(self.goal_cells[rows], self.images[rows])

    def _changed(self, cells: Ints, images: Ints, factors: Factors) -> tuple[Ints, Ints]:
        """Return cells (n, 2, 2) and images (n, 2) with some factors set.

        An image of the right class stays; else the first of that class in the split replaces it.
        """
        cells, images = cells.copy(), images.copy()
        for k, name in enumerate(DIGITS):
            cells[:, k] = factors.get(name, cells[:, k])
            if f"{name}_class" in factors:
                labels = 2 * factors[f"{name}_class"] + PARITY[k]
                fitting = self.pool.labels[images[:, k]] == labels
                images[:, k] = np.where(fitting, images[:, k], self.pool.pick(labels, np.zeros(len(labels))))
        return cells, images

    def _places(self, cells: Ints) -> Factors:
        return {name: cells[:, k].copy() for k, name in enumerate(DIGITS)}

    def _classes(self, images: Ints) -> Factors:
        classes = self.pool.labels[images] // 2
        return {f"{name}_class": classes[:, k].copy() for k, name in enumerate(DIGITS)}

    def _goal(self, rows: Rows) -> Factors:
        return {} if self.task == "none" else self._places(self.goal_cells[rows])

    def _rewards(self, cells: Ints, goals: Ints) -> Array:
        """Return rewards (n,) of digits in cells (n, 2, 2) whose goals are (n, 2, 2)."""
        if self.task == "none":
            return np.zeros(len(cells))
        left = np.abs(cells - goals).sum(axis=(1, 2))
        rewards: Array = left == 0 if self.reward == "sparse" else -left
        return rewards.astype(np.float64)

    def _success(self, rows: Rows) -> Bools:
        success: Bools = (self.cells[rows] == self.goal_cells[rows]).all(axis=(1, 2))
        return success & (self.task == "reach")

    def _render(self, cells: Ints, images: Ints) -> Images:
        """Render digits (n, 2) in cells (n, 2, 2); a shared cell has the brighter of both at each pixel."""
        n, side = len(cells), self.pixels
        canvas = np.zeros((n, side, side, 1), dtype=np.uint8)
        margin = (side - self.size * self.cell) // 2
        down, right = side * self.cell, self.cell
        blocks = as_strided(  # the grid's cells: copy, row, column, and the pixels of each
            canvas[:, margin:, margin:],
            (n, self.size, self.size, self.cell, self.cell),
            (side * side, down, right, side, 1),
        )
        copies, (first, second) = np.arange(n), cells.swapaxes(0, 1)
        sprites = self.pool.sprites
        blocks[copies, first[:, 0], first[:, 1]] = sprites[images[:, 0]]
        under = blocks[copies, second[:, 0], second[:, 1]]
        blocks[copies, second[:, 0], second[:, 1]] = np.maximum(under, sprites[images[:, 1]])
        return canvas

    def _number(self, cells: Ints) -> Ints:
        """Number the pairs of cells: (n, 2, 2) to (n,) in 0 to size⁴ - 1."""
        numbers: Ints = cells.reshape(-1, 4) @ self.size ** np.arange(3, -1, -1)
        return numbers

    def _unnumber(self, numbers: Ints) -> Ints:
        return np.stack(np.unravel_index(numbers, (self.size,) * 4), axis=1).reshape(-1, 2, 2)

    def _read_images(self, scenes: Sequence[Mapping[str, Any]], factors: Factors) -> Ints:
        """Read the digits' indices in the split; they must be of the factors' classes."""
        classes = np.stack([factors[f"{name}_class"] for name in DIGITS], axis=1)
        for scene, labels in zip(scenes, 2 * classes + PARITY, strict=True):
            images = scene.get("images")
            if not (
                isinstance(images, list)
                and all(type(image) is int and 0 <= image < len(self.pool.labels) for image in images)
                and np.array_equal(self.pool.labels[images], labels)
            ):
                raise ValueError(
                    f"images must be two images of the split, of {labels.tolist()}, not {shown(images)}"
                )
        return np.array([scene["images"] for scene in scenes], dtype=np.int64)

    def _layout(self) -> dict[str, Any]:
        return {"size": self.size, "pixels": self.pixels, "digits": self.source, "split": self.split}


class _MnistGrid(MaskedActions):
    """An attribute that both environments add."""

    simulation: MnistGrid

    @property
    def digits(self) -> str:
        """Whose images the digits are: "mnist", or "digits" for scikit-learn's small ones."""
        return self.simulation.source


class MnistGridEnv(_MnistGrid, SimulationEnv):
    """Move two handwritten digits, an odd and an even one, on a grid seen as a 64 × 64 image.

    The gridworld of Bengio et al. (Independently Controllable Features, 2017) and Thomas et al.
    (Independently Controllable Factors, 2017), appendix B.1.

    Observation
        With the task "reach" a Dict of two uint8 images (64, 64, 1): `observation`, the scene, and
        `desired_goal`, the same digits at the goal. With the task "none" the scene alone. Paper is 0, ink up
        to 255. Digits are MNIST's, averaged down to a cell; their images are sampled at each reset from the
        training or the test split. Where MNIST is not on this machine, scikit-learn's digits replace it: the
        log says so once in a process, and `digits` of the environment is "digits" instead of "mnist".

    Actions
        Discrete(8). Each moves one digit by one cell; at the edge it stays. Digits don't block each other:
        they may share a cell, which shows both, so that all factors are independent.

        | action | digit | moves |
        |---|---|---|
        | 0 | first | down |
        | 1 | first | left |
        | 2 | first | right |
        | 3 | first | up |
        | 4 | second | down |
        | 5 | second | left |
        | 6 | second | right |
        | 7 | second | up |

        `info["action_mask"]`, int8 (8,), is 1 where an action would move its digit.

    Factors
        `first` and `second`: (row, column) of the digits' cells, int64 in 0 to 4. `first_class` in 0 to 4 for
        a 1, 3, 5, 7 or 9; `second_class` in 0 to 4 for a 0, 2, 4, 6 or 8. A digit
        that is set to another class becomes the first image of that class in the split; when an episode
        begins with a class given, the image is sampled from it.

    Reward
        "sparse": 1 when both digits are at the goal after the step, else 0. "dense": minus the number of
        remaining moves. With the task "none" always 0.

    End
        Truncated after `max_steps`. `info["is_success"]` is true when both digits are at the goal,
        whatever their classes; with `terminate_on_success=True` the episode ends there. An episode never
        begins at its goal, unless the options say so. With the task "none" there is no goal and no success.

    Settings
        `render_mode`, and the arguments of `unknot.envs.mnist_grid.MnistGrid`.
    """

    simulation_class = MnistGrid

    def get_keys_to_action(self) -> dict[tuple[int, ...], int]:
        """Return actions by pressed keys: arrows move the first digit; W, A, S and D the second."""
        keys = [codes[key] for codes in (ARROWS, LETTERS) for key in "sadw"]
        return {(key,): action for action, key in enumerate(keys)}


class MnistGridVectorEnv(_MnistGrid, SimulationVectorEnv, VectorEnv[Any, Any, Any]):
    """Many grids, stepped and rendered together: `MnistGridEnv`, batched."""

    simulation_class = MnistGrid

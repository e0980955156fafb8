"""The common part of both grasping environments: an object on a table before a camera, as factors."""

import functools
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from unknot.checks import flag, one_of, require, shown
from unknot.envs.adapter import Adapter, read_factors, to_array
from unknot.envs.simulation import (
    Array,
    Factors,
    Generators,
    Rows,
    Simulation,
    check_layout,
    check_settings,
    read_count,
)

if TYPE_CHECKING:  # modules that need the extra "grasp" are imported when a table is made
    from unknot.envs.grasp.camera import View
    from unknot.envs.grasp.objects import GraspObject
    from unknot.envs.grasp.physics import Placement

OBJECTS = ("train", "test", "all", "pybullet")
REACH = 0.06
"""Largest distance of an object from the middle along x and y, metres: several times the perturbation of
grasps, so that the gripper's position does not reveal the object's."""

VIEW = ("image", "depth", "view", "projection")
"""The parts of a camera image that are observed."""

ANGLES = ("yaw", "elevation", "azimuth")

Floats = NDArray[np.float64]


class Tabletop(Simulation):
    """Copies of a table with an object on it; subclasses add the gripper.

    Attributes:
        objects: the objects to choose from.
        categories: the names of their categories.
        values: the current factors by name, arrays (copies, ...).
        steps: the step count of each copy (copies,).
    """

    action_space: spaces.Box
    observation_space: spaces.Dict
    action_bounds: ClassVar[tuple[Array, Array]]
    """Lowest and highest actions in their own units."""

    def __init__(
        self,
        num_envs: int,
        objects: "str | Sequence[GraspObject]",
        max_steps: int,
        terminate_on_success: bool,
        normalize_actions: bool,
    ) -> None:
        require("grasp", "pybullet", "trimesh", "scipy")
        from unknot.envs.grasp.camera import AZIMUTHS, ELEVATIONS, FAR, PIXELS

        check_settings(num_envs, max_steps, terminate_on_success)
        flag(normalize_actions=normalize_actions)
        self.num_envs, self.max_steps = num_envs, max_steps
        self.terminate_on_success, self.normalize_actions = terminate_on_success, normalize_actions
        self.objects = find_objects(objects)
        self.categories = tuple(dict.fromkeys(thing.category for thing in self.objects))
        self._members = [
            [index for index, thing in enumerate(self.objects) if thing.category == category]
            for category in self.categories
        ]
        self.factor_space = spaces.Dict(
            {
                "category": spaces.Discrete(len(self.categories)),
                "object": spaces.Discrete(max(map(len, self._members))),
                "position": spaces.Box(-REACH, REACH, (2,), np.float64),
                "yaw": spaces.Box(-np.pi, np.pi, (), np.float64),
                "elevation": spaces.Box(*ELEVATIONS, (), np.float64),
                "azimuth": spaces.Box(*AZIMUTHS, (), np.float64),
            }
        )
        matrix = spaces.Box(-4.0, 4.0, (4, 4), np.float32)
        self.observation_space = spaces.Dict(
            {
                "image": spaces.Box(0, 255, (PIXELS, PIXELS, 3), np.uint8),
                "depth": spaces.Box(0.0, FAR, (PIXELS, PIXELS), np.float32),
                "view": matrix,
                "projection": matrix,
            }
        )
        low, high = self.action_bounds
        if normalize_actions:
            low, high = -np.ones_like(low), np.ones_like(high)
        self.action_space = spaces.Box(low.astype(np.float32), high.astype(np.float32))
        self.values: Factors = {
            name: np.zeros((num_envs, *(part.shape or ())), dtype=part.dtype)
            for name, part in self.factor_space.items()
        }
        self.steps = np.zeros(num_envs, dtype=np.int64)

    @property
    def goal_space(self) -> spaces.Dict:
        """Empty: the goal is always to hold the object."""
        return spaces.Dict({})

    def reset(self, rows: Rows, generators: Generators, factors: Factors, goal: Factors) -> None:
        """Begin episodes, with one call of each generator; categories are sampled uniformly."""
        uniforms = np.empty((len(rows), 7))
        for generator, uniform in zip(generators, uniforms, strict=True):
            generator.random(out=uniform)
        scenes = self._sample(uniforms, factors)
        for name, values in self.values.items():
            values[rows] = scenes[name]
        self.steps[rows] = 0

    def render_factors(self, factors: Factors) -> NDArray[np.uint8]:
        """Render scenes; factors that aren't given are those of the first copy."""
        return self.observe_factors(factors)["image"]

    def observe_factors(self, factors: Factors) -> dict[str, Array]:
        """Return camera images of scenes; factors that aren't given are those of the first copy."""
        n = max((len(values) for values in factors.values()), default=1)
        scenes = {
            name: factors.get(name, values[:1].repeat(n, axis=0)) for name, values in self.values.items()
        }
        if not n:
            entries = [(name, self.observation_space[name]) for name in VIEW]
            return {name: np.zeros((0, *(part.shape or ())), part.dtype) for name, part in entries}
        return stacked(
            [self._view({name: values[row] for name, values in scenes.items()}) for row in range(n)]
        )

    def scene(self, row: int) -> dict[str, Any]:
        """Return factors, the objects' names as the layout, and the step count."""
        return {
            "factors": {name: values[row].tolist() for name, values in self.values.items()},
            "goal": {},
            "layout": [thing.name for thing in self.objects],
            "steps": int(self.steps[row]),
        }

    @abstractmethod
    def close(self) -> None:
        """Disconnect from the physics."""

    @abstractmethod
    def _view(self, scene: Mapping[str, Any]) -> "View":
        """Return the camera image of a scene with all factors; the gripper is as in the first copy."""

    def _sample(self, uniforms: Floats, factors: Factors) -> Factors:
        """Return all factors: those given, and the others by uniform numbers (n, 7)."""
        category = factors.get("category", (uniforms[:, 0] * len(self.categories)).astype(np.int64))
        counts = np.array([len(self._members[index]) for index in category])
        sampled = {"category": category, "object": (uniforms[:, 1] * counts).astype(np.int64)}
        numbers = {"position": uniforms[:, 2:4], **dict(zip(ANGLES, uniforms[:, 4:].T, strict=True))}
        for name, uniform in numbers.items():
            part = self.factor_space[name]
            assert isinstance(part, spaces.Box)
            sampled[name] = part.low + (part.high - part.low) * uniform
        return {**sampled, **factors}

    def _placement(self, scene: Mapping[str, Any]) -> "Placement":
        from unknot.envs.grasp.physics import Placement

        members = self._members[int(scene["category"])]
        x, y = scene["position"].tolist()
        return Placement(members[int(scene["object"]) % len(members)], (x, y), float(scene["yaw"]))

    def _scene_of(self, row: int) -> dict[str, Any]:
        """Return the factors of a copy."""
        return {name: values[row] for name, values in self.values.items()}

    def _object_indices(self, rows: Rows) -> NDArray[np.int64]:
        """Return the indices in `objects` of the placed objects."""
        return np.array([self._placement(self._scene_of(row)).object_index for row in rows])

    def _in_units(self, actions: Array) -> Floats:
        """Return actions in their own units."""
        actions = actions.astype(np.float64)
        if not self.normalize_actions:
            return actions
        low, high = self.action_bounds
        scaled: Floats = low + (high - low) * (actions + 1) / 2
        return scaled

    def _read(self, scenes: Sequence[Mapping[str, Any]]) -> list[int]:
        """Check that scenes are of these objects, and return their step counts."""
        layout = [thing.name for thing in self.objects]
        for scene in scenes:
            check_layout(scene, layout, "other objects")
        return [read_count(scene, "steps") for scene in scenes]


class TabletopEnv(Adapter):
    """Attributes and methods that both grasping environments add."""

    simulation: Tabletop

    @property
    def objects(self) -> "tuple[GraspObject, ...]":
        """The objects to choose from; `info["object_index"]` is the index of the placed one."""
        return self.simulation.objects

    def observe_factors(self, factors: Mapping[str, Any]) -> dict[str, Array]:
        """Return camera images of scenes.

        Args:
            factors: as `render_factors` takes them.

        Returns:
            Of n scenes: `image` uint8 (n, height, width, 3), `depth` (n, height, width)
            in metres, `view` and `projection` (n, 4, 4).

        Raises:
            ValueError: as `render_factors`.
        """
        return self.simulation.observe_factors(read_factors("factors", factors, self.factor_space))

    def close(self, **kwargs: Any) -> None:
        """Close the window, if there is one, and disconnect from the physics."""
        super().close(**kwargs)  # type: ignore[misc]  # a mixin: the environment's class follows it
        self.simulation.close()


def stacked(views: "Sequence[View]") -> dict[str, Array]:
    """Return camera images as a batch of observations."""
    return {name: np.stack([getattr(view, name) for view in views]) for name in VIEW}


def read_numbers(scene: Mapping[str, Any], name: str, shape: tuple[int, ...], limit: Any) -> Floats:
    """Return numbers that a scene holds; -1 in a shape is any length.

    Args:
        scene: the scene.
        name: of its entry.
        shape: of the numbers.
        limit: their largest magnitude, one for all or one for each along the last axis.

    Raises:
        ValueError: they are missing, of another shape, or beyond the limit.
    """
    array = to_array(name, scene.get(name))
    if array.shape == (0,) and shape[0] == -1:
        array = np.zeros((0, *shape[1:]))
    expected = [length if length >= 0 else len(array) for length in shape] if array.ndim else []
    if array.dtype.kind not in "fiu" or list(array.shape) != expected:
        raise ValueError(f"{name} must be numbers of shape {shape}, not {shown(scene.get(name))}")
    if not (np.abs(array) <= limit).all():
        raise ValueError(f"{name} must be at most {shown(limit)}, not {shown(scene[name])}")
    return array.astype(np.float64)


def find_objects(objects: "str | Sequence[GraspObject]") -> "tuple[GraspObject, ...]":
    """Return objects as given, or those of a split or of PyBullet by name.

    Raises:
        ValueError: an unknown name, no object, or something else.
    """
    if not isinstance(objects, str):
        things: tuple[Any, ...] = tuple(objects) if isinstance(objects, Sequence) else (objects,)
        if not things:
            raise ValueError("objects must hold at least one, or be a name")
        for thing in things:
            if not hasattr(thing, "category"):
                raise ValueError(
                    f"objects must be a name out of {OBJECTS} or GraspObjects, not {shown(thing)}"
                )
        return things
    one_of("objects", objects, OBJECTS)
    return _named_objects(objects)


@functools.cache
def _named_objects(name: str) -> "tuple[GraspObject, ...]":
    """Make objects once per process."""
    from unknot.envs.grasp.objects import bullet_objects, make_objects

    return bullet_objects() if name == "pybullet" else make_objects(name)

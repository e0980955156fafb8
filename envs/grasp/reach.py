"""Grasping step by step: a gripper that moves, opens and closes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from unknot.checks import one_of, within
from unknot.envs.grasp.tabletop import Tabletop, TabletopEnv, read_numbers, stacked
from unknot.envs.simulation import Array, Factors, Generators, Rows
from unknot.envs.single import SimulationEnv
from unknot.envs.vector import SimulationVectorEnv

if TYPE_CHECKING:
    from unknot.envs.grasp.camera import View
    from unknot.envs.grasp.objects import GraspObject
    from unknot.envs.grasp.physics import Placement
    from unknot.envs.grasp.reach_world import ReachWorld

REWARDS = ("sparse", "dense")
HOME = (0.0, 0.0, 0.28, 0.0, 0.0, 0.0)
"""The gripper's first pose: above the object, pointing down."""

LIFT = 0.05
"""Height to which the object must be lifted, metres."""

CAMERA = {"elevation", "azimuth"}
"""The factors of the camera; the others are the object's."""

MOST_WORLDS = 1_000
"""Copies have a PyBullet client each, and PyBullet has 1,024 at most."""

GRIPPER_LIMITS = [1.0, 1.0, 1.0, 6.3, 6.3, 6.3, 0.1]
"""Beyond what a gripper reaches: position (m), rotation vector (rad), opening (m)."""

MOVE, TURN = 0.02, 0.2
"""The largest step along and about an axis, metres and radians."""


class GraspReach(Tabletop):
    """Copies of a table with a gripper to steer. `GraspReachEnv` describes observations and actions.

    Args:
        num_envs: how many copies.
        objects: "train" (80 of the 101), "test" (the other 21), "all", "pybullet" (objects of
            `pybullet_data`), or a sequence of `GraspObject`, such as `load_objects(folder)` returns.
        max_steps: steps after which an episode is truncated.
        reward: "sparse" (1 when the object is held and lifted after a step, else 0) or "dense" (minus the
            distance in metres from the gripper's centre to the object's centre of mass, plus the share of
            5 cm that the object is lifted, 1 at most).
        terminate_on_success: end an episode when it has succeeded.
        normalize_actions: take actions in [-1, 1] instead of metres and radians.

    Raises:
        ValueError: an unknown name (the error suggests similar ones), or an argument out of its range.
        ModuleNotFoundError: the extra "grasp" isn't installed.
    """

    observation_space: spaces.Dict
    action_bounds = (
        -np.array([MOVE, MOVE, MOVE, TURN, TURN, TURN, 1.0]),
        np.array([MOVE, MOVE, MOVE, TURN, TURN, TURN, 1.0]),
    )

    def __init__(
        self,
        num_envs: int = 1,
        *,
        objects: "str | Sequence[GraspObject]" = "train",
        max_steps: int = 100,
        reward: str = "sparse",
        terminate_on_success: bool = False,
        normalize_actions: bool = False,
    ) -> None:
        one_of("reward", reward, REWARDS)
        within(1, MOST_WORLDS, num_envs=num_envs)
        super().__init__(num_envs, objects, max_steps, terminate_on_success, normalize_actions)
        from unknot.envs.grasp.reach_world import ReachWorld

        self.reward = reward
        self.observation_space["gripper"] = spaces.Box(-np.pi, np.pi, (7,), np.float32)
        scene = self._scene_of(0)
        self.worlds = [ReachWorld(*self._placed(scene), HOME) for _ in range(num_envs)]
        # In this world scenes are rendered and checked, so that the copies' worlds stay as they are.
        self._spare = ReachWorld(*self._placed(scene), HOME)

    def reset(self, rows: Rows, generators: Generators, factors: Factors, goal: Factors) -> None:
        """Begin episodes with the gripper open, above the object."""
        super().reset(rows, generators, factors, goal)
        for row in rows:
            self.worlds[row].begin(*self._placed(self._scene_of(row)), HOME)

    def step(self, rows: Rows, generators: Generators, actions: Array) -> tuple[Array, Array, Array]:
        """Move grippers by actions, clipped to the action space."""
        clipped = np.clip(self._in_units(actions), *self.action_bounds)
        for row, action in zip(rows, clipped, strict=True):
            self.worlds[row].act(action)
        self.steps[rows] += 1
        success = self._success(rows)
        rewards = success.astype(np.float64)
        if self.reward == "dense":
            worlds = [self.worlds[row] for row in rows]
            rewards = np.array([np.clip(world.lifted / LIFT, 0, 1) - world.distance for world in worlds])
        return rewards, success & self.terminate_on_success, self.steps[rows] >= self.max_steps

    def place(self, factors: Factors) -> None:
        """Put the objects upright on the table again, beneath grippers that stay where they are.

        Factors of the camera only move the camera.
        """
        values = {**self.values, **{name: array.copy() for name, array in factors.items()}}
        if CAMERA.issuperset(factors):
            self.values = values
            return
        grippers = [world.physics.gripper for world in self.worlds]
        begun = [(gripper.pose, gripper.opening) for gripper in grippers]
        scenes = [{name: array[row] for name, array in values.items()} for row in range(self.num_envs)]
        for scene, (pose, opening) in zip(scenes, begun, strict=True):
            self._spare.begin(*self._placed(scene), pose, opening)
            if self._spare.physics.collides():
                raise ValueError(
                    f"position={scene['position'].tolist()} is impossible: the object would be in the gripper"
                )
        self.values = values
        for world, scene, (pose, opening) in zip(self.worlds, scenes, begun, strict=True):
            world.begin(*self._placed(scene), pose, opening)

    def observe(self, rows: Rows) -> dict[str, Array]:
        """Return camera images, and the grippers' poses and openings."""
        views = [self._look(self.worlds[row], self._scene_of(row)) for row in rows]
        grippers = [self.worlds[row].physics.gripper for row in rows]
        states = np.array([[*gripper.pose, gripper.opening] for gripper in grippers], dtype=np.float32)
        return {**stacked(views), "gripper": states}

    def info(self, rows: Rows) -> dict[str, Any]:
        """Return factors, whether the object is held and lifted, and how high it is lifted."""
        return {
            "factors": {name: values[rows] for name, values in self.values.items()},
            "goal": {},
            "is_success": self._success(rows),
            "lifted": np.array([self.worlds[row].lifted for row in rows]),
            "object_index": self._object_indices(rows),
        }

    def scene(self, row: int) -> dict[str, Any]:
        """Return factors, layout, step count, the gripper when the object was placed, and actions since."""
        world = self.worlds[row]
        _, _, pose, opening = world.start
        return {
            **super().scene(row),
            "gripper": [*pose.tolist(), opening],
            "actions": [action.tolist() for action in world.actions],
        }

    def restore(
        self, rows: Rows, scenes: Sequence[Mapping[str, Any]], factors: Factors, goal: Factors
    ) -> None:
        """Continue from scenes of the same objects by repeating their actions."""
        steps = self._read(scenes)
        grippers = [read_numbers(scene, "gripper", (7,), GRIPPER_LIMITS) for scene in scenes]
        actions = [read_numbers(scene, "actions", (-1, 7), self.action_bounds[1]) for scene in scenes]
        for taken, number in zip(actions, steps, strict=True):
            if len(taken) > number:
                raise ValueError(f"actions must be no more than steps={number}, not {len(taken)}")
        for name, values in factors.items():
            self.values[name][rows] = values
        self.steps[rows] = steps
        for row, gripper, taken in zip(rows, grippers, actions, strict=True):
            self.worlds[row].begin(*self._placed(self._scene_of(row)), gripper[:6], gripper[6])
            for action in taken:
                self.worlds[row].act(action)

    def frame(self, row: int) -> NDArray[np.uint8]:
        """Render the scene larger."""
        return self._look(self.worlds[row], self._scene_of(row), 5).image

    def close(self) -> None:
        """Disconnect from the physics."""
        for world in (*self.worlds, self._spare):
            world.physics.close()

    def _placed(self, scene: Mapping[str, Any]) -> "tuple[GraspObject, Placement]":
        """Return the object on the table, and its placement."""
        placement = self._placement(scene)
        return self.objects[placement.object_index], placement

    def _look(self, world: "ReachWorld", scene: Mapping[str, Any], scale: int = 1) -> "View":
        from unknot.envs.grasp.camera import PIXELS, look

        physics = world.physics
        return look(physics.bullet, physics.object_body, scene["elevation"], scene["azimuth"], scale * PIXELS)

    def _view(self, scene: Mapping[str, Any]) -> "View":
        gripper = self.worlds[0].physics.gripper
        self._spare.begin(*self._placed(scene), gripper.pose, gripper.opening)
        return self._look(self._spare, scene)

    def _success(self, rows: Rows) -> NDArray[np.bool_]:
        worlds = [self.worlds[row] for row in rows]
        return np.array([world.gripped and world.lifted >= LIFT for world in worlds])


class GraspReachEnv(TabletopEnv, SimulationEnv):
    """Steer a gripper to an object, close it, and lift.

    `GraspEnv` as a sequence of decisions: the same objects, table, camera and gripper, step by step.

    Observation
        A Dict of `image`, `depth`, `view` and `projection` as in `GraspEnv`, with the gripper in the image,
        and `gripper`, float32 (7,): its pose, metres and a rotation vector, and metres between its fingers.

    Actions
        Box, float32 (7,), clipped to it; [-1, 1] with `normalize_actions=True`. A step takes 0.05 s.

        | index | meaning | unit | range |
        |---|---|---|---|
        | 0, 1, 2 | offset of its centre, in the world | metres | -0.02 to 0.02 |
        | 3, 4, 5 | its turn in the world, a rotation vector | radians | -0.2 to 0.2 |
        | 6 | the fingers open (from 0) or close (below 0) | | -1 to 1 |

        Its centre stays within 25 cm of the middle along x and y, and 35 cm above the table.

    Factors
        As in `GraspEnv`; those of the object say how it was placed. Setting one of them puts it upright on
        the table again, beneath a gripper that stays where it is.

    Reward
        "sparse": 1 when both fingers touch the object and it is lifted by 5 cm, else 0. "dense": minus the
        distance in metres from the gripper's centre to the object's centre of mass, plus the share of 5 cm
        that the object is lifted, 0 to 1.

    End
        Truncated after `max_steps`. `info["is_success"]` is true when the object is held and lifted; with
        `terminate_on_success=True` the episode ends there. `info["lifted"]` is how high it is lifted, metres.

    Settings
        `render_mode`, and the arguments of `unknot.envs.grasp.reach.GraspReach`.
    """

    metadata: dict[str, Any] = {**SimulationEnv.metadata, "render_fps": 20}  # noqa: RUF012
    simulation_class = GraspReach

    def get_keys_to_action(self) -> dict[tuple[int, ...], NDArray[np.float32]]:
        """Return actions by pressed keys, for `gymnasium.utils.play`.

        W, A, S, D move along the table, R and F up and down, Q and E turn about the vertical; space, alone
        or with any of them, closes the fingers.
        """
        low, high = self.action_space.low, self.action_space.high  # type: ignore[attr-defined]
        keys = {}
        for key, (index, positive) in {**KEYS, "": (6, True)}.items():
            action = np.zeros(7, dtype=np.float32)
            action[index] = (high if positive else low)[index]
            closing = action.copy()
            closing[6] = low[6]
            keys[tuple(sorted(map(ord, f"{key} ")))] = closing
            if key:
                keys[(ord(key),)] = action
        return keys


class GraspReachVectorEnv(TabletopEnv, SimulationVectorEnv, VectorEnv[Any, Any, Any]):
    """Many tables in one process, one after the other: `GraspReachEnv`, batched.

    For several processes: `gym.make_vec("unknot/GraspReach-v0", num_envs=n, vectorization_mode="async")`.
    """

    simulation_class = GraspReach


KEYS = {
    "d": (0, True),
    "a": (0, False),
    "w": (1, True),
    "s": (1, False),
    "r": (2, True),
    "f": (2, False),
    "q": (5, True),
    "e": (5, False),
}
"""By key, an index of an action, and whether its value is the highest there or the lowest."""

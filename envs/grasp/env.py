"""Grasping as one decision: from camera images to a gripper's pose, which holds the object or doesn't."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from unknot.checks import shown
from unknot.envs.adapter import MOST_ACTION, check_sampling
from unknot.envs.grasp.tabletop import Floats, Tabletop, TabletopEnv, read_numbers, stacked
from unknot.envs.simulation import Array, Factors, Generators, Rows
from unknot.envs.single import SimulationEnv
from unknot.envs.vector import SimulationVectorEnv

if TYPE_CHECKING:
    from unknot.envs.grasp.camera import View
    from unknot.envs.grasp.objects import GraspObject
    from unknot.envs.grasp.world import GraspWorld

FRAME = 6
"""Pixels of the frame around a picture."""

MOST_POSE = 4 * MOST_ACTION
"""Larger than any number of a pose that an action stands for, metres or radians."""

FRAME_COLOURS = {True: (40, 160, 70), False: (200, 50, 40)}
"""Green if the object was held, red if not, as in the paper's Fig. 3."""


class Grasp(Tabletop):
    """Copies of a table on which single grasps are tried. `GraspEnv` describes observations and actions.

    Args:
        num_envs: how many copies.
        objects: "train" (80 of the 101), "test" (the other 21), "all", "pybullet" (objects of
            `pybullet_data`), or a sequence of `GraspObject`, such as `load_objects(folder)` returns.
        max_steps: attempts after which an episode ends.
        terminate_on_success: end an episode when an attempt has succeeded.
        normalize_actions: take actions in [-1, 1] instead of metres and radians.

    Raises:
        ValueError: an unknown name (the error suggests similar ones), or an argument out of its range.
        ModuleNotFoundError: the extra "grasp" isn't installed.
    """

    action_bounds = (
        np.array([-0.2, -0.2, 0.0, *[-np.pi] * 3]),
        np.array([0.2, 0.2, 0.3, *[np.pi] * 3]),
    )

    def __init__(
        self,
        num_envs: int = 1,
        *,
        objects: "str | Sequence[GraspObject]" = "train",
        max_steps: int = 1,
        terminate_on_success: bool = False,
        normalize_actions: bool = False,
    ) -> None:
        super().__init__(num_envs, objects, max_steps, terminate_on_success, normalize_actions)
        from unknot.envs.grasp.world import GraspWorld

        # One for all copies: what happens in it depends only on the placement and the pose.
        self._world = GraspWorld(self.objects)
        self.reasons = np.zeros(num_envs, dtype=np.int64)
        self.poses = np.full((num_envs, 6), np.nan)

    def world(self, row: int) -> "GraspWorld":
        """Return the world, with a copy's object placed in it."""
        return self._place(self._scene_of(row))

    def reset(self, rows: Rows, generators: Generators, factors: Factors, goal: Factors) -> None:
        """Begin episodes."""
        super().reset(rows, generators, factors, goal)
        self.reasons[rows], self.poses[rows] = 0, np.nan

    def step(self, rows: Rows, generators: Generators, actions: Array) -> tuple[Array, Array, Array]:
        """Try grasps; each begins with its object as it was placed."""
        self.poses[rows] = self._in_units(actions)
        outcomes = [self.world(row).attempt(self.poses[row]) for row in rows]
        self.reasons[rows] = [outcome.reason for outcome in outcomes]
        self.steps[rows] += 1
        success = np.array([outcome.success for outcome in outcomes])
        terminated = (success & self.terminate_on_success) | (self.steps[rows] >= self.max_steps)
        return success.astype(np.float64), terminated, np.zeros_like(terminated)

    def place(self, factors: Factors) -> None:
        """Set factors."""
        self.values.update({name: values.copy() for name, values in factors.items()})

    def observe(self, rows: Rows) -> dict[str, Array]:
        """Return camera images of the placed objects."""
        return stacked([self._view(self._scene_of(row)) for row in rows])

    def info(self, rows: Rows) -> dict[str, Any]:
        """Return factors, and the outcome of the last attempt."""
        from unknot.envs.grasp.world import Reason

        reasons = self.reasons[rows]
        return {
            "factors": {name: values[rows] for name, values in self.values.items()},
            "goal": {},
            "is_success": reasons == Reason.HELD,
            "reason": reasons,
            "collided": np.array([Reason(reason).collided for reason in reasons]),
            "object_index": self._object_indices(rows),
        }

    def scene(self, row: int) -> dict[str, Any]:
        """Return factors, layout, step count, and the last attempt with its reason."""
        tried = self.steps[row] > 0
        return {
            **super().scene(row),
            "pose": self.poses[row].tolist() if tried else None,
            "reason": int(self.reasons[row]),
        }

    def restore(
        self, rows: Rows, scenes: Sequence[Mapping[str, Any]], factors: Factors, goal: Factors
    ) -> None:
        """Continue from scenes of the same objects."""
        steps = self._read(scenes)
        attempts = [_read_attempt(scene, tried > 0) for scene, tried in zip(scenes, steps, strict=True)]
        for name, values in factors.items():
            self.values[name][rows] = values
        self.steps[rows] = steps
        self.poses[rows], self.reasons[rows] = zip(*attempts, strict=True)

    def frame(self, row: int) -> NDArray[np.uint8]:
        """Render the scene larger, with the last attempt's gripper, framed in the colour of its outcome."""
        scene = self._scene_of(row)
        tried = self.steps[row] > 0
        pose = self.poses[row] if tried else None
        picture = self._place(scene).picture(scene["elevation"], scene["azimuth"], pose).image
        if tried:
            held = bool(self.info(np.array([row]))["is_success"][0])
            inner = picture[FRAME:-FRAME, FRAME:-FRAME].copy()
            picture[:] = FRAME_COLOURS[held]
            picture[FRAME:-FRAME, FRAME:-FRAME] = inner
        return picture

    def close(self) -> None:
        """Disconnect from the physics."""
        self._world.close()

    def _place(self, scene: Mapping[str, Any]) -> "GraspWorld":
        self._world.place(*self._placement(scene))
        return self._world

    def _view(self, scene: Mapping[str, Any]) -> "View":
        return self._place(scene).camera(scene["elevation"], scene["azimuth"])


def _read_attempt(scene: Mapping[str, Any], tried: bool) -> tuple[Floats, int]:
    """Return the pose (6,) of a scene, NaN before the first attempt, and its reason."""
    from unknot.envs.grasp.world import Reason

    reason, known = scene.get("reason"), [int(each) for each in Reason]
    if type(reason) is not int or reason not in known:
        raise ValueError(f"reason must be one of {known}, not {shown(reason)}")
    if not tried and scene.get("pose") is not None:
        raise ValueError(f"pose must be null before the first attempt, not {shown(scene['pose'])}")
    pose = read_numbers(scene, "pose", (6,), MOST_POSE) if tried else np.full(6, np.nan)
    return pose, reason


class GraspEnv(TabletopEnv, SimulationEnv):
    """Choose a gripper's pose from camera images; it closes, lifts, and holds the object or doesn't.

    The task of Yan et al. (Learning 6-DOF Grasping Interaction via Deep 3D Geometry-aware Representations,
    2017), with a gripper of three boxes that floats and opens 8 cm.

    Observation
        A Dict of `image`, uint8 (64, 64, 3), RGB; `depth`, float32 (64, 64), metres along the camera's axis,
        2 in the background; `view` and `projection`, float32 (4, 4): a point p of the world, homogeneous, is
        at projection @ view @ p in clip space, as in OpenGL. The gripper isn't in the picture.

    Actions
        Box, float32 (6,): the gripper's pose.

        | index | meaning | unit | range |
        |---|---|---|---|
        | 0, 1 | x and y of its centre, between the fingertips | metres | -0.2 to 0.2 |
        | 2 | height of its centre above the table | metres | 0 to 0.3 |
        | 3, 4, 5 | a rotation vector | radians | -π to π |

        Unrotated, the fingers point down and close along x. The action space samples from these ranges; poses
        outside are accepted, too. The open gripper is put there, closes, and lifts by 10 cm. A pose at which
        it would be in the table or the object fails at once. Every attempt begins with the object as it was
        placed.

    Factors
        `category`; `object`, the number within the category, modulo the category's size;
        `position` (x, y) in metres, float64 in [-0.06, 0.06], and `yaw` in radians, float64 in [-π, π], of
        the object on the table, plates on a stand of 4 cm; `elevation` in [10, 80] and `azimuth` in
        [0, 360], degrees, float64, of the camera. `info["object_index"]` is its index in `objects`. A goal
        has no factors.

    Reward
        1 if the object is between the fingers after lifting, else 0.

    End
        Terminated after `max_steps` attempts, one by default. `info["is_success"]` is true when the last one
        held; `info["reason"]` is its `unknot.envs.grasp.world.Reason`, an integer, and `info["collided"]` is
        true when the gripper had no room. With `terminate_on_success=True` the episode ends when one has
        held.

    Settings
        `render_mode`, and the arguments of `unknot.envs.grasp.env.Grasp`.
    """

    simulation_class = Grasp
    simulation: Grasp

    def sample_grasps(self, n: int, rng: np.random.Generator) -> Floats:
        """Sample antipodal grasps of the placed object by `unknot.envs.grasp.sampler.sample_grasps`.

        Args:
            n: how many.
            rng: the only source of randomness.

        Returns:
            Poses (n, 6), metres and radians, the best first; fewer if not enough are found.

        Raises:
            ValueError: n is no count, or rng no generator.
            ResetNeeded: before the first reset.
        """
        check_sampling(n, rng)
        from unknot.envs.grasp.sampler import sample_grasps

        self._check_began()
        return sample_grasps(self.simulation.world(0), n, rng)


class GraspVectorEnv(TabletopEnv, SimulationVectorEnv, VectorEnv[Any, Any, Any]):
    """Many tables in one process, one after the other: `GraspEnv`, batched.

    For several processes: `gym.make_vec("unknot/Grasp-v0", num_envs=n, vectorization_mode="async")`.
    """

    simulation_class = Grasp

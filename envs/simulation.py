"""The contract of an environment: a world is written once, as a `Simulation`, array code over n copies.

`SimulationEnv` (`single.py`) makes a `gym.Env` of it, the batch of one, and `SimulationVectorEnv`
(`vector.py`) a `VectorEnv`, the batch of n, so that both agree bit for bit.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from unknot.checks import count, flag, shown, within

Array = NDArray[Any]
Factors = dict[str, Array]
"""Factors by name, as arrays whose first axis is the batch."""
Tree = Any
"""An array, or a dict of trees."""
Rows = NDArray[np.intp]
"""Indices of copies in the batch."""
Generators = Sequence[np.random.Generator]
"""The random generators of some copies, one each."""

MOST_COPIES = 1_000_000
MOST_STEPS = 2**53
"""The largest count of a scene: JSON's largest exact integer."""


class Simulation(ABC):
    """`num_envs` copies of a world, stepped and rendered together by array code.

    A new environment is a subclass, and two classes of one attribute that make environments of it:

        class Token(Simulation): ...
        class TokenEnv(SimulationEnv):
            simulation_class = Token
        class TokenVectorEnv(SimulationVectorEnv):
            simulation_class = Token

    `unknot.envs.register` registers them. The docstring of `TokenEnv` describes observations, actions,
    factors, reward and end.

    **Constructor.** It takes `num_envs` first and everything else by keyword, refuses bad arguments by
    ValueError (`unknot.checks`), and sets the five attributes below. Two settings are required:
    `max_steps`, after which `step` truncates, and `terminate_on_success` (False), with which it terminates
    where `is_success` becomes true. `check_settings` checks these. The step count is the scene's: an episode
    that continues a scene has the steps that the scene had left. `max_episode_steps` is none of a
    simulation's settings: it is Gymnasium's `TimeLimit` around an environment, which counts from the reset.

    **Methods to write:**

    | method | is given | does or returns |
    |---|---|---|
    | `reset` | rows, generators, factors, goal | begins episodes |
    | `step` | rows, generators, actions | rewards, terminations, truncations |
    | `observe` | rows | observations |
    | `info` | rows | `factors`, `goal`, `is_success`, and more if you like |
    | `place` | factors of all copies | sets them, keeps the rest |
    | `render_factors` | factors | images of any factors |
    | `frame` | a row | an image for people |
    | `scene` | a row | its state as JSON |
    | `restore` | rows, scenes, factors, goal | continues from scenes |

    **Methods that have a default:** `goal_space` (all factors; override it where a goal has fewer),
    `check` (every scene is possible), `goal_rewards` (refuses: needed for `GoalConditioned`). The single
    environment may have `get_keys_to_action()`, actions by pressed keys, for `unknot play`.

    **Rules for all methods.** `rows` are indices into the batch; arrays that belong to them have
    len(rows) as their first axis. All randomness comes from the generators handed in, one for each row;
    each is called as if its copy were alone, so that a copy's future does not depend on the others.
    Returned arrays are fresh: later steps do not write into them. Factors, goals and actions come checked:
    known names, the spaces' types and shapes, within range (`step` must clip finite Box actions).
    A method that raises ValueError has changed nothing. Copies can be pickled and deep-copied.

    **Observations and images.** An observation is an image, uint8 (height, width, channels), which may mark
    a goal; or a Dict of two, `observation` and `desired_goal`, where the first marks no goal; or a Dict with
    an `image`. Where no goal is marked, the observed image equals what
    `render_factors` gives for the same factors. Different factors give different images.

    `tests/envs/test_conformance_single.py` and `test_conformance_vector.py` check all of this for every
    environment; `tests/envs/smallest_environment.py` is the smallest one that passes.

    Attributes:
        num_envs: the number of copies.
        observation_space: of one copy.
        action_space: of one copy, a Box or Discrete.
        max_steps: the setting.
        factor_space: of one copy, Boxes and Discretes by the factors' names.
    """

    num_envs: int
    observation_space: spaces.Space[Any]
    action_space: spaces.Space[Any]
    max_steps: int
    factor_space: spaces.Dict

    @property
    def goal_space(self) -> spaces.Dict:
        """Those factors of `factor_space` that a goal has: all of them by default; empty without a goal."""
        return self.factor_space

    def check(self, factors: Factors) -> None:  # noqa: B027  a default, not a forgotten abstract method
        """Refuse scenes or goals that are impossible in every episode; by default none is.

        Args:
            factors: some factors, arrays with a first axis n.

        Raises:
            ValueError: "FACTOR=VALUE is impossible: REASON".
        """

    @abstractmethod
    def reset(self, rows: Rows, generators: Generators, factors: Factors, goal: Factors) -> None:
        """Begin episodes: the step count is 0.

        Args:
            rows: the copies.
            generators: one for each; they sample the factors that are not given.
            factors: the given factors of the scene, any of `factor_space`.
            goal: the given factors of the goal, any of `goal_space`.
        """

    @abstractmethod
    def step(self, rows: Rows, generators: Generators, actions: Array) -> tuple[Array, Array, Array]:
        """Act.

        Args:
            rows: the copies.
            generators: one for each.
            actions: (len(rows), ...), finite; in a Discrete space, one of it. A Box action may lie outside
                its space.

        Returns:
            Rewards (float64), terminations and truncations (bool), each (len(rows),).
        """

    @abstractmethod
    def place(self, factors: Factors) -> None:
        """Set factors in all copies and keep the rest, the step count and the goal included.

        Args:
            factors: some or none of `factor_space`, arrays with `num_envs` as their first axis.

        Raises:
            ValueError: a scene that `check` accepts is impossible in its copy, in the words of `check`;
                nothing has changed then.
        """

    def goal_rewards(self, achieved: Factors, desired: Factors) -> Array:
        """Return the rewards of steps that end in given scenes, for given goals: float64 (n,).

        Args:
            achieved: the factors of `goal_space` in the scenes, arrays with a first axis n.
            desired: the goals.

        Raises:
            ValueError: the rewards depend on more than these; that is the default.
        """
        raise ValueError(f"the rewards of {type(self).__name__} do not follow from factors and goal alone")

    @abstractmethod
    def observe(self, rows: Rows) -> Tree:
        """Return observations: arrays, or a dict of them, with len(rows) as their first axis."""

    @abstractmethod
    def info(self, rows: Rows) -> dict[str, Tree]:
        """Return the infos, the same entries at every call.

        Returns:
            `factors` and `goal`, dicts by name of arrays in the types of their spaces; `is_success`, bool
            (len(rows),); and any other arrays.
        """

    @abstractmethod
    def scene(self, row: int) -> dict[str, Any]:
        """Return all that a copy's future depends on, except its random state, as JSON.

        Returns:
            `factors` and `goal`, all of them, as numbers and lists; `layout`, all that differs between
            environments or episodes; `steps`, the step count; and any others.
        """

    @abstractmethod
    def restore(
        self, rows: Rows, scenes: Sequence[Mapping[str, Any]], factors: Factors, goal: Factors
    ) -> None:
        """Continue from scenes.

        Args:
            rows: the copies.
            scenes: one for each, with the entries that every scene has; all but `factors` and `goal` are
                unchecked (`check_layout` and `read_count` check two of them).
            factors: of the scenes, all of `factor_space`.
            goal: of the scenes, all of `goal_space`.

        Raises:
            ValueError: a scene of another world, or a bad entry, which the sentence names; nothing has
                changed then.
        """

    @abstractmethod
    def render_factors(self, factors: Factors) -> NDArray[np.uint8]:
        """Render any factors of `factor_space`, impossible scenes included, without marking a goal.

        Args:
            factors: some or none, arrays with a first axis n (1 without any). Those that are not given are
                the first copy's.

        Returns:
            Images (n, height, width, channels).
        """

    @abstractmethod
    def frame(self, row: int) -> NDArray[np.uint8]:
        """Render a copy for people: RGB (height, width, 3), both at least 200, scene and goal visible."""


def check_settings(num_envs: int, max_steps: int, terminate_on_success: bool) -> None:
    """Check the settings that every simulation has.

    Raises:
        ValueError: a number of copies from 1 to 1,000,000, a whole number of steps of at least 1, or a bool
            is expected.
    """
    count(1, num_envs=num_envs, max_steps=max_steps)
    within(1, MOST_COPIES, num_envs=num_envs)
    flag(terminate_on_success=terminate_on_success)


def check_layout(scene: Mapping[str, Any], layout: Any, what: str) -> None:
    """Refuse a scene whose layout isn't this one.

    Args:
        scene: the scene.
        layout: as `scene()` returns it.
        what: what the scene would be of, such as "another map".

    Raises:
        ValueError: it is of another layout.
    """
    try:
        equal = json.dumps(scene["layout"], sort_keys=True) == json.dumps(layout, sort_keys=True)
    except (TypeError, ValueError, RecursionError):  # no JSON
        equal = False
    if not equal:
        raise ValueError(f"layout: the scene is of {what} than this environment's")


def read_count(scene: Mapping[str, Any], name: str) -> int:
    """Return a count that a scene holds.

    Raises:
        ValueError: it is missing, no integer, below 0, or above `MOST_STEPS`.
    """
    number = scene.get(name)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= MOST_STEPS:
        raise ValueError(f"{name} must be a whole number from 0 to 2**53, not {shown(number)}")
    return number

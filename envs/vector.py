"""The native vector environment of any simulation.

What Gymnasium asks of a vector environment (seeds, the modes of autoreset, masks in infos, final
observations) is here and nowhere else.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from unknot.checks import count, one_of, shown, within

from .adapter import OPTIONS, Adapter, read_factors, read_options, read_seed, rewound, take
from .simulation import MOST_COPIES, Array, Factors, Generators, Rows, Tree

if TYPE_CHECKING:
    VectorWrapper: TypeAlias = gym.vector.VectorWrapper[Any, Any, Any, Any, Any]
else:
    VectorWrapper = gym.vector.VectorWrapper  # generic in Gymnasium 1.4, not in 1.2


SINGLE = {"observation_space": "single_observation_space", "action_space": "single_action_space"}
"""A copy's name of an attribute to the batch's."""
ONE_EACH = ("np_random", "np_random_seed")
"""Attributes of the batch that have one entry per copy."""


def for_each(result: Any, n: int) -> tuple[Any, ...]:
    """Return what each of n copies gets of a batch's result: its entry of n in a list or tuple, else all."""
    one_each = isinstance(result, list | tuple) and len(result) == n
    return tuple(result) if one_each else (result,) * n


class SimulationVectorEnv(Adapter, gym.vector.VectorEnv[Any, Any, Any]):
    """A batch of worlds: equal to `SyncVectorEnv` of the single ones, by array code.

    Options have a leading num_envs axis: arrays for `factors` and `goal`, a list of scenes for `scene`;
    `reset_mask` selects the copies to reset. Infos have masks, as those of `SyncVectorEnv` do.

    Some libraries look at the names of a class's direct bases, so a subclass names Gymnasium's, too:
    `class TokenVectorEnv(SimulationVectorEnv, gym.vector.VectorEnv)`.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
        **settings: Any,
    ) -> None:
        count(1, num_envs=num_envs)
        if max_episode_steps is not None:
            count(1, max_episode_steps=max_episode_steps)
        within(1, MOST_COPIES, num_envs=num_envs)
        if not isinstance(autoreset_mode, AutoresetMode):
            one_of("autoreset_mode", autoreset_mode, [mode.value for mode in AutoresetMode])
        if render_mode is not None:
            one_of("render_mode", render_mode, self.metadata["render_modes"])
        self.simulation = self.simulation_class(num_envs, **settings)
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.num_envs, self.render_mode = num_envs, render_mode
        self.single_observation_space = self.simulation.observation_space
        self.single_action_space = self.simulation.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._rows = np.arange(num_envs)
        self._ended = np.zeros(num_envs, dtype=np.bool_)
        self._limit, self._elapsed = max_episode_steps, np.zeros(num_envs, dtype=np.int64)
        self._began = False
        self._generators: list[Any] = [None] * num_envs
        self._seeds: list[int] = [-1] * num_envs

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The generators, one per copy; seeded at random until a reset seeds them."""
        self._install(self._rows, self._seeded([None] * self.num_envs, self._rows))
        return tuple(self._generators)

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The generators' seeds; -1 where a scene brought its own random state."""
        self._install(self._rows, self._seeded([None] * self.num_envs, self._rows))
        return tuple(self._seeds)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Tree, dict[str, Any]]:
        """Begin episodes.

        Args:
            seed: copy i gets seed + i, or the ith of a list; None continues with the current random states.
            options: as for a single environment, with a leading num_envs axis; and `reset_mask`, bool
                (num_envs,), the copies to reset.

        Raises:
            ValueError: an unknown or impossible option, a seed below 0, or a different number of seeds than
                copies; nothing has changed then.
            RuntimeError: no room is left for what must be sampled; nothing has changed then.
        """
        options = read_options(options, (*OPTIONS, "reset_mask"))
        rows = self._rows_of_mask(options.pop("reset_mask", None))
        given = {key: self._checked(key, options.get(key, {}), rows) for key in ("factors", "goal")}
        seeds = self._seeds_of(seed)
        seeded = self._seeded(seeds, rows)
        if "scene" in options:
            scenes = options["scene"]
            if not isinstance(scenes, Sequence) or len(scenes) != self.num_envs:
                raise ValueError(f"options['scene'] must be a list of {self.num_envs} scenes")
            restored = self._restore([scenes[row] for row in rows], rows)
            seeded = [
                new if seeds[row] is not None else (generator, -1)
                for row, new, generator in zip(rows, seeded, restored, strict=True)
            ]
        else:
            generators = [generator for generator, _ in seeded]
            with rewound(generators):
                self.simulation.reset(rows, generators, given["factors"], given["goal"])
        self._install(rows, seeded)
        self._ended[rows], self._elapsed[rows] = False, 0
        self._began = True
        return self.simulation.observe(self._rows), self._infos(rows)

    def step(self, actions: Any) -> tuple[Tree, Array, Array, Array, dict[str, Any]]:
        """Act in all copies.

        Raises:
            ValueError: actions of another shape, not finite, or outside a Discrete space; nothing has
                changed then.
            ResetNeeded: before the first reset, or, with autoreset disabled, after an episode's end.
        """
        self._check_began()
        actions = self._actions(actions)
        rewards = np.zeros(self.num_envs)
        terminated, truncated = (np.zeros(self.num_envs, dtype=np.bool_) for _ in range(2))
        acting = self._rows
        if self._ended.any():
            if self.autoreset_mode is AutoresetMode.DISABLED:
                raise ResetNeeded(f"sub-environments {np.flatnonzero(self._ended).tolist()} have ended")
            if self.autoreset_mode is AutoresetMode.NEXT_STEP:
                acting = np.flatnonzero(~self._ended)
                self._begin(np.flatnonzero(self._ended))
        if len(acting):
            rewards[acting], terminated[acting], truncated[acting] = self.simulation.step(
                acting, self._generators_of(acting), actions[acting]
            )
            self._elapsed[acting] += 1
        if self._limit is not None:  # as `TimeLimit` does around a single environment
            truncated[acting] |= self._elapsed[acting] >= self._limit
        self._ended = terminated | truncated
        final: dict[str, Any] = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self._ended.any():
            final = self._finish(np.flatnonzero(self._ended))
        return (
            self.simulation.observe(self._rows),
            rewards,
            terminated,
            truncated,
            {**final, **self._infos(self._rows)},
        )

    def set_factors(self, factors: Mapping[str, Any]) -> Tree:
        """Set some factors, arrays with a leading num_envs axis; keep the rest; return the observations.

        Raises:
            ValueError: an impossible scene; nothing has changed then.
            ResetNeeded: before the first reset.
        """
        self._check_began()
        self.simulation.place(self._possible("factors", factors, self.num_envs))
        return self.simulation.observe(self._rows)

    def scene(self) -> list[dict[str, Any]]:
        """Return the scenes of all copies, each as a single environment gives it."""
        self._check_began()
        return [
            {**self.simulation.scene(row), "random_state": generator.bit_generator.state}
            for row, generator in enumerate(self._generators)
        ]

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """Return an RGB image for each copy."""
        self._check_began()
        if self.render_mode is None:
            gym.logger.warn('no render_mode was given: gym.make_vec(..., render_mode="rgb_array")')
            return None
        return tuple(self.simulation.frame(row) for row in range(self.num_envs))

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call a method of the batch once, or read its attribute, as Gymnasium's vector environments do.

        Args:
            name: of the method or attribute.
            *args: as the batch's method takes them, those of all copies.
            **kwargs: the same.

        Returns:
            An entry per copy: its own where the method returns a list or tuple of as many, else the whole.

        Raises:
            AttributeError: there is no such method or attribute.
        """
        value = getattr(self, SINGLE.get(name, name))
        if callable(value):
            return for_each(value(*args, **kwargs), self.num_envs)
        return tuple(value) if name in ONE_EACH else (value,) * self.num_envs

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """Return an attribute for each copy: the batch's, since copies share it.

        Raises:
            AttributeError: there is no such attribute.
        """
        return self.call(name)

    def _begin(self, rows: Rows) -> None:
        self._elapsed[rows] = 0
        self.simulation.reset(rows, self._generators_of(rows), {}, {})

    def _finish(self, rows: Rows) -> dict[str, Any]:
        """Begin new episodes where some have ended, and return the infos on how those ended."""
        last, observations = self._infos(rows), self.simulation.observe(rows)
        final = np.full(self.num_envs, None, dtype=object)
        for i, row in enumerate(rows):
            final[row] = copy.deepcopy(take(observations, i))
        self._begin(rows)
        mask = self._mask(rows)
        return {"final_obs": final, "_final_obs": mask, "final_info": last, "_final_info": mask.copy()}

    def _infos(self, rows: Rows) -> dict[str, Any]:
        return self._spread(self.simulation.info(rows), rows)

    def _spread(self, info: Mapping[str, Tree], rows: Rows) -> dict[str, Any]:
        """Extend every entry to num_envs rows, zero where it is unknown, and add a mask of the known rows."""
        result: dict[str, Any] = {}
        for key, value in info.items():
            if isinstance(value, Mapping):
                result[key] = self._spread(value, rows)
            elif len(rows) == self.num_envs:
                result[key] = value
            else:
                result[key] = np.zeros((self.num_envs, *value.shape[1:]), dtype=value.dtype)
                result[key][rows] = value
            result[f"_{key}"] = self._mask(rows)
        return result

    def _mask(self, rows: Rows) -> NDArray[np.bool_]:
        mask = np.zeros(self.num_envs, dtype=np.bool_)
        mask[rows] = True
        return mask

    def _rows_of_mask(self, mask: Any) -> Rows:
        if mask is None:
            return self._rows
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            raise ValueError(f"options['reset_mask'] must be an array of bool, not {shown(mask)}")
        if mask.shape != (self.num_envs,) or not mask.any():
            raise ValueError(
                f"options['reset_mask'] must have shape ({self.num_envs},) and be true somewhere"
            )
        self._check_began()
        return np.flatnonzero(mask)

    def _checked(self, key: str, factors: Any, rows: Rows) -> Factors:
        """Check factors given for all copies, and return those of some rows."""
        whole = read_factors(key, factors, self._space(key), self.num_envs)
        return self._possible(key, {name: array[rows] for name, array in whole.items()}, len(rows))

    def _seeds_of(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        seed = seed.tolist() if isinstance(seed, np.ndarray) else seed
        if isinstance(seed, str | bytes) or not isinstance(seed, Sequence):
            first = read_seed("seed", seed)
            return [None if first is None else first + row for row in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ValueError(f"seed must have {self.num_envs} entries, one per copy, not {len(seed)}")
        return [read_seed(f"seed[{row}]", each) for row, each in enumerate(seed)]

    def _seeded(self, seeds: Sequence[int | None], rows: Rows) -> list[tuple[Any, int]]:
        """Return generators and their seeds, new ones where a seed is given and where there is none yet."""
        return [
            gym.utils.seeding.np_random(seeds[row])
            if seeds[row] is not None or self._generators[row] is None
            else (self._generators[row], self._seeds[row])
            for row in rows
        ]

    def _install(self, rows: Rows, seeded: Sequence[tuple[Any, int]]) -> None:
        for row, (generator, seed) in zip(rows, seeded, strict=True):
            self._generators[row], self._seeds[row] = generator, seed

    def _generators_of(self, rows: Rows) -> Generators:
        return self._generators if len(rows) == self.num_envs else [self._generators[row] for row in rows]

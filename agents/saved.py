"""Agents as files: tensors and JSON, which can't run code; Stable-Baselines3's own files only if trusted."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.her import HerReplayBuffer

from unknot.checks import one_of, settings_at_least
from unknot.files import AGENT, FileError, load_weights, read_object, save_weights, write_json
from unknot.representation import WEIGHTS, Learner, load_learner, save_learner
from unknot.representation.learner import arrays, load_state
from unknot.run_folders import find_seed

from .encoding import EncodedVectorObservation, ObservationEncoder
from .environments import OBSERVED, make_environment
from .extractors import ArrayExtractor, EncoderExtractor, PixelExtractor
from .hyperparameters import OURS, algorithm_class, check_fit, hyperparameters_for, is_off_policy
from .stable_baselines import GymVecEnv

__all__ = [
    "ENCODER",
    "POLICY",
    "AgentSettings",
    "SavedAgent",
    "load_zip",
    "make_model",
    "read_settings",
    "save_settings",
]

POLICY = "policy.safetensors"
"""The weights of the best policy."""
ENCODER = f"encoder/{WEIGHTS}"
"""The agent's encoder, if it observes codes; in a folder of its own, as a model of a run."""

SMALLEST_BUFFERS: dict[str, dict[str, Any]] = {
    "A2C": {"n_steps": 2},
    "DQN": {"buffer_size": 1},
    "PPO": {"n_steps": 2, "batch_size": 2},
    "SAC": {"buffer_size": 1},
    "TD3": {"buffer_size": 1},
}
"""Hyperparameters that save memory in algorithms that only act."""

HALLMARKS = {
    "clip_range": "PPO",
    "exploration_fraction": "DQN",
    "policy_delay": "TD3",
    "target_entropy": "SAC",
    "gae_lambda": "A2C",
}
"""Attributes that identify the algorithm of a Stable-Baselines3 file; the first one found counts (PPO has
A2C's, too)."""


@dataclass(frozen=True)
class AgentSettings:
    """An agent's algorithm and environment; all of it is JSON.

    Raises:
        ValueError: settings that contradict each other, or an unknown name, with near matches.
    """

    algorithm: str
    """One of `ALGORITHMS`."""
    environment: str
    """An environment's id."""
    options: dict[str, Any] = field(default_factory=dict)
    """The environment's keyword arguments."""
    observe: str = "pixels"
    """One of `OBSERVED`."""
    finetune: bool = False
    """Whether the encoder is trained with the policy."""
    her: bool = False
    """Whether to use hindsight experience replay."""
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    """Those that differ from the result of `hyperparameters_for`."""
    seed: int = 0
    """The seed of the weights, the actions and the episodes."""

    def __post_init__(self) -> None:
        """Check what can be checked without an environment."""
        settings_at_least(self, seed=0)
        algorithm_class(self.algorithm)
        self.resolved()
        one_of("observe", self.observe, OBSERVED)
        if self.finetune and self.observe != "codes":
            raise ValueError(f"observe must be 'codes' with finetune, not {self.observe!r}")
        if self.her and not is_off_policy(self.algorithm):
            raise ValueError(
                f"algorithm must have a replay buffer with her (DQN, SAC or TD3), not {self.algorithm!r}"
            )

    def resolved(self) -> dict[str, Any]:
        """Return all hyperparameters."""
        return hyperparameters_for(self.algorithm, self.environment, self.hyperparameters)

    def make_environment(
        self, num_envs: int, encoder: Learner | None = None, *, learning: bool = False, **options: Any
    ) -> VectorEnv[Any, Any, Any]:
        """Make copies of the environment, with the observations that the agent takes.

        Args:
            num_envs: number of copies.
            encoder: encodes the images, if codes are observed and the policy does not encode (`finetune`).
            learning: whether the agent learns in it.
            options: keyword arguments that replace some of the settings'.

        Raises:
            ValueError: the environment refuses its options, or the encoder its images.
        """
        env = make_environment(
            self.environment,
            num_envs,
            {**self.options, **options},
            observe=self.observe,
            goals=self.her,
            learning=learning,
        )
        if encoder is None or self.finetune:
            return env
        return EncodedVectorObservation(env, encoder.encode, encoder.entries)


def make_model(
    settings: AgentSettings,
    venv: GymVecEnv,
    encoder: Learner | None,
    *,
    device: str = "cpu",
    **changes: Any,
) -> BaseAlgorithm:
    """Make the untrained algorithm.

    Args:
        settings: settings of the agent.
        venv: wraps the result of `settings.make_environment(..., learning=True)`.
        encoder: the agent's encoder, if codes are observed.
        device: a name of torch's.
        changes: hyperparameters that only matter for learning, such as the size of a buffer.

    Raises:
        ValueError: the algorithm can't act there, hyperparameters are refused, or the device is unavailable.
    """
    check_fit(settings.algorithm, venv.action_space)
    _check_device(device)
    chosen = {**settings.resolved(), **changes}
    ours = {name: chosen.pop(name) for name in OURS if name in chosen}
    if "noise" in ours:
        size = venv.action_space.shape
        chosen["action_noise"] = NormalActionNoise(np.zeros(size or ()), np.full(size or (), ours["noise"]))
    if settings.her:
        chosen["replay_buffer_class"] = HerReplayBuffer
    policy = "MultiInputPolicy" if isinstance(venv.observation_space, spaces.Dict) else "MlpPolicy"
    try:
        model: BaseAlgorithm = algorithm_class(settings.algorithm)(
            policy,
            venv,
            seed=settings.seed,
            device=device,
            policy_kwargs=_policy_settings(settings, encoder, ours),
            **chosen,
        )
    except (TypeError, AssertionError, ArithmeticError, RuntimeError, ValueError) as error:
        raise ValueError(f"{settings.algorithm} with {chosen} can't learn there: {error}") from error
    if encoder is not None:
        for module in model.policy.modules():
            if isinstance(module, EncoderExtractor):  # A2C and PPO reinitialise all layers, the encoder's too
                module.encoder.load_state_dict(encoder.state_dict())
    return model


def _policy_settings(
    settings: AgentSettings, encoder: Learner | None, ours: dict[str, Any]
) -> dict[str, Any]:
    chosen = {name: value for name, value in ours.items() if name == "log_std_init"}
    if settings.observe == "pixels":
        others = ("log_std_init", "noise", "num_envs")
        arguments = {name: value for name, value in ours.items() if name not in others}
        return {**chosen, "features_extractor_class": PixelExtractor, "features_extractor_kwargs": arguments}
    if settings.finetune:
        return {
            **chosen,
            "features_extractor_class": EncoderExtractor,
            "features_extractor_kwargs": {"encoder": encoder},
            "normalize_images": False,
        }
    return {**chosen, "features_extractor_class": ArrayExtractor}


class SavedAgent:
    """A trained agent: it takes its environment's observations, encodes images if it needs codes, and acts.

    Args:
        settings: the agent's settings.
        model: the algorithm, whose policy acts.
        encoder: the agent's encoder, if codes are observed.
    """

    def __init__(self, settings: AgentSettings, model: BaseAlgorithm, encoder: Learner | None = None) -> None:
        self.settings, self.model, self.encoder = settings, model, encoder
        self._encode: ObservationEncoder | None = None
        if encoder is not None and not settings.finetune:
            space = settings.make_environment(1).single_observation_space
            self._encode = ObservationEncoder(encoder.encode, space, encoder.entries)

    @classmethod
    def load(cls, run: str | Path, seed: int | None = None, device: str = "cpu") -> Self:
        """Load an agent that `unknot train-agent` trained.

        Args:
            run: a run folder, its name, or one of its seeds' folders.
            seed: which of the run's seeds; the lowest by default.
            device: a name of torch's.

        Raises:
            FileNotFoundError: no such run, or no agent in it.
            FileError: a file can't be used, or the settings don't fit this version.
            ValueError: the device is unavailable.
        """
        folder = find_seed(run, seed)
        settings = read_settings(folder)
        _check_device(device)
        encoder = load_learner(folder / ENCODER, device) if settings.observe == "codes" else None
        try:
            venv = GymVecEnv(settings.make_environment(1, encoder, learning=True))
            model = make_model(settings, venv, encoder, device=device, **SMALLEST_BUFFERS[settings.algorithm])
        except ValueError as error:
            raise FileError(f"{folder / AGENT} has settings that don't fit this version: {error}") from error
        tensors, _ = load_weights(folder / POLICY, settings.algorithm)
        load_state(model.policy, tensors, folder / POLICY)
        return cls(settings, model, encoder)

    def save(self, folder: Path) -> None:
        """Write the agent, atomically file by file, as tensors and JSON."""
        policy = arrays(self.model.policy.state_dict())
        save_weights(folder / POLICY, policy, self.settings.algorithm, asdict(self.settings))

    def make_environment(
        self, environment: str, num_envs: int, options: Mapping[str, Any]
    ) -> VectorEnv[Any, Any, Any]:
        """Make copies of an environment with the agent's observations, before encoding.

        Args:
            environment: its id.
            num_envs: number of copies.
            options: its keyword arguments.

        Raises:
            ValueError: its observation space or action space is not that of the training environment.
        """
        settings = self.settings
        env = make_environment(environment, num_envs, options, observe=settings.observe, goals=settings.her)
        training = settings.make_environment(1)
        for name in ("single_observation_space", "single_action_space"):
            was, now = getattr(training, name), getattr(env, name)
            if was != now:
                raise ValueError(f"the agent learnt with the {name[7:]} {was}, but {environment} has {now}")
        return env

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[NDArray[Any], Any]:
        """Return actions, as Stable-Baselines3's models do, after encoding the images."""
        encoded = observation if self._encode is None else self._encode(observation)
        return self.model.predict(encoded, state, episode_start, deterministic)


def save_settings(settings: AgentSettings, encoder: Learner | None, folder: Path) -> None:
    """Write an agent's settings and its encoder."""
    if encoder is not None:
        save_learner(encoder, folder / ENCODER)
    write_json(folder / AGENT, asdict(settings))


def read_settings(folder: Path) -> AgentSettings:
    """Read an agent's settings.

    Raises:
        FileNotFoundError: the folder holds no agent.
        FileError: the settings don't fit this version.
    """
    if not (folder / AGENT).exists():
        raise FileNotFoundError(f"{folder} has no {AGENT}: it holds no trained agent")
    settings = read_object(folder / AGENT)
    try:
        return AgentSettings(**settings)
    except (TypeError, ValueError) as error:
        raise FileError(f"{folder / AGENT} has settings that don't fit this version: {error}") from error


def _check_device(name: str) -> None:
    """Refuse an unavailable device, for which Stable-Baselines3 would silently use the CPU."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device must be torch's name of one, such as cpu or cuda, not {name!r}") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device must be available on this machine, unlike {name!r}")


def load_zip(path: Path, *, trust_pickle: bool) -> BaseAlgorithm:
    """Load a zip file of Stable-Baselines3.

    Args:
        path: a file that `model.save` wrote.
        trust_pickle: whether the file's author is trusted.

    Raises:
        FileError: the file isn't trusted, or isn't such a file.
    """
    if not trust_pickle:
        raise FileError(
            f"{path} is a zip file of Stable-Baselines3, which holds pickles, and opening a pickle runs "
            "whatever code its author put there; if you trust that author, say so (--trust-pickle)"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            keys = json.loads(archive.read("data")).keys()
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise FileError(f"{path} is no file of Stable-Baselines3: {error}") from error
    algorithm = next((name for key, name in HALLMARKS.items() if key in keys), None)
    if algorithm is None:
        raise FileError(f"{path} must hold one of the algorithms {', '.join(HALLMARKS.values())}")
    model: BaseAlgorithm = algorithm_class(algorithm).load(path, device="cpu")
    return model

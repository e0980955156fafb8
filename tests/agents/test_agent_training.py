"""Training: agents learn, runs resume to the bit, bad settings are refused before anything is written."""

import shutil
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from unknot.agents import evaluate_agent
from unknot.agents.checkpoint import CHECKPOINT, save_checkpoint
from unknot.agents.environments import Progress, copies_for, make_environment
from unknot.agents.hyperparameters import ALGORITHMS, EVERY, SPECIAL, check_fit, hyperparameters_for
from unknot.agents.saved import POLICY, AgentSettings, SavedAgent
from unknot.agents.training import Schedule, train_agent
from unknot.envs import PlanarEnv
from unknot.files import AGENT, load_weights, read_json
from unknot.representation.autoencoder import Autoencoder

PLANAR, MAZE = "unknot/Planar-v0", "unknot/Maze-v0"
SMALL: dict[str, Any] = {"num_envs": 4, "n_steps": 16, "batch_size": 32, "n_epochs": 2}
OFF_POLICY: dict[str, Any] = {"num_envs": 4, "buffer_size": 400, "learning_starts": 40, "batch_size": 16}


def train(settings: AgentSettings, folder: Path, steps: int, **options: Any) -> dict[str, Any]:
    return train_agent(settings, folder, Schedule(steps, 64, 3), progress=False, **options)


def state(folder: Path) -> dict[str, Any]:
    return load_weights(folder / CHECKPOINT)[0]


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k], equal_nan=True) for k in one)


# Learning


def test_ppo_learns_to_find_a_goal(tmp_path: Path) -> None:
    """Any cell of an open board of sixteen, in eight steps: random actions find one in four."""
    options = {"size": 4, "layout": "open", "max_steps": 8, "terminate_on_success": True}
    settings = AgentSettings("PPO", MAZE, options, "factors", hyperparameters={"num_envs": 16})
    schedule = Schedule(30_000, 4_000, 100, until=0.9)
    metrics = train_agent(settings, tmp_path / "seed-0", schedule, progress=False)
    assert metrics["curve"][0]["success_rate"] < 0.4
    assert metrics["best"]["success_rate"] >= 0.9
    assert metrics["curve"][-1] == metrics["best"]  # training ended when it was reached
    agent = SavedAgent.load(tmp_path)
    env = agent.make_environment(MAZE, 50, options)
    assert evaluate_agent(agent, env, 50, seed=5).success_rate > 0.75


# Resuming


@pytest.mark.parametrize("algorithm", ["PPO", "A2C"])
def test_a_resumed_run_equals_an_uninterrupted_one(algorithm: str, tmp_path: Path) -> None:
    small = {name: SMALL[name] for name in SMALL if algorithm == "PPO" or name in ("num_envs", "n_steps")}
    settings = AgentSettings(algorithm, PLANAR, {"max_steps": 10, "noise": 0.5}, hyperparameters=small)
    whole = train(settings, tmp_path / "whole", 192)
    train(settings, tmp_path / "parts", 64)
    parts = train(settings, tmp_path / "parts", 192, resume=True)
    assert same(state(tmp_path / "whole"), state(tmp_path / "parts"))
    assert [entry["mean_return"] for entry in whole["curve"]] == [
        entry["mean_return"] for entry in parts["curve"]
    ]
    assert [entry["steps"] for entry in parts["curve"]] == [0, 64, 128, 192]


def test_ctrl_c_stops_between_rollouts_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import signal

    settings = AgentSettings("PPO", PLANAR, {"max_steps": 10}, hyperparameters=SMALL)
    train(settings, tmp_path / "whole", 192)
    steps, original = [0], Progress.step

    def step(env: Progress, actions: Any) -> Any:
        steps[0] += 1
        if steps[0] == 20:  # in the second rollout
            signal.raise_signal(signal.SIGINT)
        return original(env, actions)

    monkeypatch.setattr(Progress, "step", step)
    with pytest.raises(KeyboardInterrupt):
        train(settings, tmp_path / "parts", 192)
    assert steps[0] == 32
    train(settings, tmp_path / "parts", 192, resume=True)
    assert same(state(tmp_path / "whole"), state(tmp_path / "parts"))


def test_the_replay_buffer_is_kept_if_asked_for(tmp_path: Path) -> None:
    settings = AgentSettings("SAC", PLANAR, {"max_steps": 10}, "factors", hyperparameters=OFF_POLICY)
    train(settings, tmp_path / "whole", 160)
    train(settings, tmp_path / "kept", 80, keep_replay=True)
    assert state(tmp_path / "kept")["/replay/rewards"].shape == (100, 4)
    train(settings, tmp_path / "kept", 160, resume=True)
    whole = state(tmp_path / "whole")
    assert same(whole, state(tmp_path / "kept"))
    train(settings, tmp_path / "lost", 80)
    train(settings, tmp_path / "lost", 160, resume=True)
    assert not same(whole, state(tmp_path / "lost"))


@pytest.mark.parametrize("learning_starts", [40, 100])  # so that a kill after 64 steps comes after, or before
@pytest.mark.parametrize(
    ("algorithm", "environment", "her"),
    [("DQN", MAZE, False), ("SAC", PLANAR, False), ("SAC", PLANAR, True), ("TD3", PLANAR, False)],
)
def test_a_killed_run_that_keeps_its_replay_buffer_resumes_to_an_unbroken_one(
    algorithm: str,
    environment: str,
    her: bool,
    learning_starts: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hyperparameters = {**OFF_POLICY, "learning_starts": learning_starts}
    options = {"max_steps": 10}
    settings = AgentSettings(
        algorithm, environment, options, "factors", her=her, hyperparameters=hyperparameters
    )
    train(settings, tmp_path / "whole", 160, keep_replay=True)

    class Killed(BaseException):
        pass

    def save_and_die(model: Any, *arguments: Any, **options: Any) -> None:
        save_checkpoint(model, *arguments, **options)
        if model.num_timesteps >= 64:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("unknot.agents.training.save_checkpoint", save_and_die)
        with pytest.raises(Killed):
            train(settings, tmp_path / "parts", 160, keep_replay=True)
    train(settings, tmp_path / "parts", 160, keep_replay=True, resume=True)
    assert same(state(tmp_path / "whole"), state(tmp_path / "parts"))
    assert same(*(load_weights(tmp_path / name / POLICY)[0] for name in ("whole", "parts")))


def test_a_kill_between_a_checkpoint_and_the_best_policy_loses_no_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The untrained policy stays the best, so that nothing writes it later."""
    settings = AgentSettings("PPO", PLANAR, {"max_steps": 10}, hyperparameters=SMALL)
    monkeypatch.setattr("unknot.agents.training._score", lambda entry: -entry["steps"])
    train(settings, tmp_path, 128)
    best = (tmp_path / POLICY).read_bytes()
    shutil.rmtree(tmp_path)

    def die(*_: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(SavedAgent, "save", die)
        with pytest.raises(MemoryError):
            train(settings, tmp_path, 128)
    assert not (tmp_path / POLICY).exists()
    train(settings, tmp_path, 128, resume=True)
    assert (tmp_path / POLICY).read_bytes() == best


def test_a_run_is_not_resumed_with_other_settings(tmp_path: Path) -> None:
    settings = AgentSettings("PPO", PLANAR, {"max_steps": 10}, hyperparameters=SMALL)
    train(settings, tmp_path, 64)
    other = AgentSettings("PPO", PLANAR, {"max_steps": 11}, hyperparameters=SMALL)
    with pytest.raises(ValueError, match=r"'max_steps': 10.*not of.*'max_steps': 11"):
        train(other, tmp_path, 128, resume=True)
    with pytest.raises(FileExistsError):
        train(settings, tmp_path, 128)


# All algorithms, and environments without a native vector environment


@pytest.mark.parametrize(
    "settings",
    [
        AgentSettings("DQN", MAZE, {"max_steps": 8}, "factors", hyperparameters=OFF_POLICY),
        AgentSettings("TD3", PLANAR, {"max_steps": 8}, hyperparameters=OFF_POLICY),
        AgentSettings("SAC", PLANAR, {"max_steps": 8}, her=True, hyperparameters=OFF_POLICY),
        AgentSettings("DQN", "unknot/MnistGrid-v0", {"max_steps": 8}, her=True, hyperparameters=OFF_POLICY),
    ],
    ids=lambda settings: f"{settings.algorithm} {settings.environment} her={settings.her}",
)
def test_algorithms_learn(settings: AgentSettings, tmp_path: Path) -> None:
    train(settings, tmp_path, 64)
    before = load_weights(tmp_path / CHECKPOINT)[0]
    train(settings, tmp_path, 128, resume=True)
    after = state(tmp_path)
    changed = [name for name in after if "policy/" in name and not np.array_equal(before[name], after[name])]
    assert changed


def test_an_environment_without_a_native_vector_environment_is_learnt(tmp_path: Path) -> None:
    name = "test/Planar-v0"
    gym.register(name, entry_point=PlanarEnv)
    try:
        settings = AgentSettings("PPO", name, {"max_steps": 5}, "factors", hyperparameters=SMALL)
        train(settings, tmp_path / "seed-0", 64)
        train(
            settings, tmp_path / "seed-0", 128, resume=True
        )  # new episodes begin: such copies have no scenes
        assert SavedAgent.load(tmp_path).settings.environment == name
    finally:
        del gym.registry[name]


def test_progress_is_the_gain_in_the_dense_reward() -> None:
    options: dict[str, Any] = {"max_steps": 3, "terminate_on_success": False}
    env = make_environment(PLANAR, 2, options, learning=True)
    dense = gym.make_vec(PLANAR, 2, reward="dense", autoreset_mode=AutoresetMode.SAME_STEP, **options)
    for each in (env, dense):
        each.reset(seed=0)
    actions = np.random.default_rng(0).uniform(-3, 3, (7, 2, 2)).astype(np.float32)
    gained = np.array([env.step(action)[1] for action in actions])
    rewards = np.array([dense.step(action)[1] for action in actions])
    assert gained[0].tolist() == gained[3].tolist() == gained[6].tolist() == [0, 0]
    np.testing.assert_allclose(gained[[1, 2, 4, 5]], np.diff(rewards, axis=0)[[0, 1, 3, 4]])
    sparse = make_environment(PLANAR, 2, {"reward": "sparse"}, learning=True)
    assert not isinstance(sparse, Progress)  # a reward that the user sets is not changed


# Bad input


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"algorithm": "PP0"}, "unknown algorithm 'PP0'; did you mean 'PPO'"),
        ({"observe": "pixel"}, "unknown observe 'pixel'; did you mean 'pixels'"),
        ({"hyperparameters": {"gama": 0.9}}, "unknown hyperparameter of PPO 'gama'; did you mean 'gamma'"),
        ({"her": True}, r"algorithm must have a replay buffer with her \(DQN, SAC or TD3\), not 'PPO'"),
        ({"finetune": True}, "observe must be 'codes' with finetune, not 'pixels'"),
    ],
)
def test_contradictory_settings_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        AgentSettings(**{"algorithm": "PPO", "environment": PLANAR, **settings})


@pytest.mark.parametrize(
    ("settings", "coded", "sentence"),
    [
        (AgentSettings("SAC", MAZE), False, r"SAC acts in Box.*Discrete\(6\); A2C, DQN, PPO can act there"),
        (AgentSettings("DQN", PLANAR), False, r"DQN acts in Discrete.*A2C, PPO, SAC, TD3 can act there"),
        (AgentSettings("PPO", "unknot/Planer-v0"), False, "did you mean 'unknot/Planar-v0'"),
        (
            AgentSettings("PPO", PLANAR, {"maps": "gates"}),
            False,
            "unknown option 'maps'; did you mean 'map'",
        ),
        (AgentSettings("PPO", PLANAR, {"map": "gate"}), False, "did you mean 'gates'"),
        (AgentSettings("DQN", MAZE, her=True), False, "goal='image'"),
        (AgentSettings("PPO", PLANAR, observe="codes"), True, r"40, 40, 1"),
        (
            AgentSettings("PPO", PLANAR, observe="codes", finetune=True),
            True,
            r"64, 3\), not .*40, 1",
        ),
        (
            AgentSettings("PPO", PLANAR, observe="codes"),
            False,
            "encoder must be given .* not none with 'codes'",
        ),
        (AgentSettings("PPO", PLANAR), True, "encoder must be given .* not Autoencoder with 'pixels'"),
    ],
)
def test_errors_come_before_anything_is_written(
    settings: AgentSettings, coded: bool, sentence: str, tmp_path: Path
) -> None:
    encoder = Autoencoder(shape=(64, 64, 3)) if coded else None
    with pytest.raises(ValueError, match=sentence):
        train_agent(settings, tmp_path / "run", Schedule(64), encoder, progress=False)
    assert not (tmp_path / "run").exists()


def test_a_schedule_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="episodes must be at least 1, not 0"):
        Schedule(episodes=0)
    with pytest.raises(ValueError, match="until must be from 0 to 1, not 90"):
        Schedule(until=90)


def test_algorithms_have_the_hyperparameters_of_their_rows() -> None:
    assert EVERY.keys() == ALGORITHMS.keys()
    for algorithm in ALGORITHMS:
        hyperparameters_for(algorithm, PLANAR, EVERY[algorithm])


@pytest.mark.parametrize(("algorithm", "environment"), SPECIAL)
def test_algorithms_with_a_row_for_an_environment_can_act_there(algorithm: str, environment: str) -> None:
    if "Grasp" in environment:
        pytest.importorskip("pybullet", reason="PyBullet has no wheels for this Python")
    hyperparameters_for(algorithm, environment, SPECIAL[algorithm, environment])
    check_fit(algorithm, make_environment(environment, 1, {}).single_action_space)


def test_episodes_are_divided_among_as_many_copies_as_memory_allows() -> None:
    assert copies_for(PLANAR, 500) == 500
    assert copies_for(PLANAR, 600) == 300
    assert copies_for("unknot/GraspReach-v0", 100) == 25


def test_settings_are_written_as_json(tmp_path: Path) -> None:
    settings = AgentSettings("PPO", PLANAR, {"max_steps": 10}, hyperparameters=SMALL)
    train(settings, tmp_path, 64)
    assert AgentSettings(**read_json(tmp_path / AGENT)) == settings

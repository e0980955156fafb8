"""The VecEnv behaves like a DummyVecEnv of single environments, and Stable-Baselines3 trains on it."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import VectorEnv
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecTransposeImage

import unknot  # noqa: F401  registers the environments
from unknot.agents import EncodedVectorObservation, GymVecEnv

ENVIRONMENTS: dict[str, dict[str, Any]] = {
    "unknot/Planar-v0": {"max_steps": 5, "reward": "dense", "noise": 1.0},
    "unknot/Maze-v0": {"max_steps": 5, "size": 4},
}
N = 3


def make(name: str = "unknot/Planar-v0", num_envs: int = N, **settings: Any) -> GymVecEnv:
    settings = {**ENVIRONMENTS[name], **settings}
    return GymVecEnv(gym.make_vec(name, num_envs=num_envs, autoreset_mode="SameStep", **settings))


def make_dummy(name: str, **settings: Any) -> DummyVecEnv:
    settings = {**ENVIRONMENTS[name], **settings}
    return DummyVecEnv([lambda: Monitor(gym.make(name, **settings)) for _ in range(N)])


def equal(one: Any, other: Any) -> bool:
    """Compare trees of arrays, lists and numbers."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return np.array_equal(one, other)


def timeless(infos: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Remove times, and round returns as Monitor does."""
    for info in infos:
        if "episode" in info:
            del info["episode"]["t"]
            info["episode"]["r"] = round(info["episode"]["r"], 3)
    return infos


@pytest.mark.parametrize("terminate", [False, True])
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_it_behaves_like_a_dummy_vec_env(name: str, terminate: bool) -> None:
    venv, dummy = (build(name, terminate_on_success=terminate) for build in (make, make_dummy))
    assert venv.observation_space == dummy.observation_space
    assert venv.action_space == dummy.action_space
    for each in (venv, dummy):
        each.seed(5)
        each.action_space.seed(0)
    assert equal(venv.reset(), dummy.reset())
    assert equal(venv.reset_infos, dummy.reset_infos)
    endings = 0
    for _ in range(17):
        actions = np.stack([venv.action_space.sample() for _ in range(N)])
        (observations, rewards, ended, infos), expected = venv.step(actions), dummy.step(actions)
        assert equal(observations, expected[0])
        assert rewards.dtype == expected[1].dtype == np.float32
        np.testing.assert_allclose(rewards, expected[1])
        assert equal(ended, expected[2])
        assert equal(timeless(infos), timeless(expected[3]))
        assert equal(venv.reset_infos, dummy.reset_infos)
        endings += int(ended.sum())
    assert endings >= 3 * N
    assert equal(venv.reset(), dummy.reset())  # a second reset continues the random states


def test_arriving_is_not_a_timeout() -> None:
    venv = make(noise=0.0, terminate_on_success=True)
    goal = np.array([20.0, 31.0])
    venv.set_options([{"factors": {"position": goal + k}, "goal": {"position": goal}} for k in (0, 0, 7)])
    venv.reset()
    for _ in range(5):
        _, _, ended, infos = venv.step(np.zeros((N, 2), np.float32))
    assert ended.all()
    assert [info["TimeLimit.truncated"] for info in infos] == [False, False, True]
    assert [bool(info["is_success"]) for info in infos] == [True, True, False]
    assert [info["goal"]["position"].tolist() for info in infos] == [goal.tolist()] * 3


def test_options_and_seeds_apply_to_one_reset() -> None:
    venv = make()
    venv.seed(3)
    venv.set_options({"factors": {"position": [4.0, 36.0]}})
    first = venv.reset()
    assert [info["factors"]["position"].tolist() for info in venv.reset_infos] == [[4.0, 36.0]] * N
    assert not equal(venv.reset(), first)
    assert len({tuple(info["factors"]["position"]) for info in venv.reset_infos}) > 1
    venv.set_options([{}, {}, {"factors": {}}])
    with pytest.raises(ValueError, match="same keys"):
        venv.reset()


def test_restored_scenes_continue() -> None:
    venv = make()
    venv.seed(0)
    venv.reset()
    scenes = venv.env_method("scene")
    actions = np.ones((N, 2), np.float32)
    after = venv.step(actions)[0]
    venv.set_options([{"scene": scene} for scene in scenes])
    venv.reset()
    assert equal(venv.step(actions)[0], after)


def test_attributes_and_methods_are_the_batchs() -> None:
    venv = make(render_mode="rgb_array")
    venv.reset()
    assert venv.get_attr("render_mode", [0, 2]) == ["rgb_array"] * 2
    assert venv.get_attr("observation_space", 1) == [venv.observation_space]
    assert [scene["steps"] for scene in venv.env_method("scene", indices=[0, 1])] == [0, 0]
    assert not venv.has_attr("nothing")
    assert venv.env_is_wrapped(Monitor) == [True] * N
    assert venv.env_is_wrapped(gym.wrappers.TimeLimit) == [False] * N
    venv.set_attr("mark", 7)
    assert venv.get_attr("mark") == [7] * N
    with pytest.raises(ValueError, match="copies share mark"):
        venv.set_attr("mark", 8, indices=[0])
    images = venv.get_images()
    assert len(images) == N
    picture = venv.render()
    assert picture is not None
    assert picture.shape[2] == 3


def test_attributes_of_a_wrapped_environment_are_found() -> None:
    inner = gym.make_vec("unknot/Planar-v0", num_envs=2, autoreset_mode="SameStep")
    venv = GymVecEnv(EncodedVectorObservation(inner, lambda images: images[:, :3, 0, 0]))
    venv.reset()
    assert venv.get_attr("observation_space") == [venv.observation_space] * 2
    assert venv.get_attr("factor_space") == [inner.unwrapped.factor_space] * 2  # type: ignore[attr-defined]
    assert len(venv.env_method("scene")) == 2
    assert venv.env_is_wrapped(EncodedVectorObservation) == [True, True]  # type: ignore[arg-type]


def test_another_autoreset_mode_is_refused() -> None:
    env: VectorEnv[Any, Any, Any] = gym.make_vec("unknot/Planar-v0", num_envs=2)
    with pytest.raises(ValueError, match="must have the autoreset mode SAME_STEP"):
        GymVecEnv(env)


def test_ppo_learns_the_same_weights_in_both() -> None:
    """Same seed and same steps give the same weights."""
    weights = []
    for venv in (make(), make_dummy("unknot/Planar-v0")):
        model = PPO("MultiInputPolicy", venv, n_steps=12, batch_size=18, n_epochs=1, seed=1, device="cpu")
        assert isinstance(model.get_env(), VecTransposeImage)
        model.learn(72)
        assert len(model.ep_info_buffer or []) == len(model.ep_success_buffer or []) == 12
        weights.append(np.concatenate([p.detach().numpy().ravel() for p in model.policy.parameters()]))
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-5, atol=1e-7)


def test_evaluate_policy_counts_its_episodes() -> None:
    venv = make()
    model = PPO("MultiInputPolicy", venv, n_steps=4, batch_size=12, device="cpu", seed=0)
    lengths = evaluate_policy(model, venv, n_eval_episodes=6, return_episode_rewards=True)[1]
    assert lengths == [5] * 6


@pytest.mark.parametrize("build", [make, make_dummy])
def test_action_masks_are_found_as_maskable_ppo_looks_for_them(build: Any) -> None:
    venv = build("unknot/Maze-v0", layout="open")
    assert venv.has_attr("action_masks")
    venv.seed(2)
    venv.reset()
    masks = np.stack(venv.env_method("action_masks"))
    assert masks.shape == (N, venv.action_space.n)
    assert masks.dtype == np.bool_
    cells = np.array([info["factors"]["agent"] for info in venv.reset_infos])
    inside = np.stack([cells[:, 0] < 3, cells[:, 1] > 0, cells[:, 1] < 3, cells[:, 0] > 0], axis=1)
    assert np.array_equal(masks[:, :4], inside)  # down, left, right, up
    assert not inside.all()
    infos = venv.step(np.full(N, 4))[3]
    assert equal(list(venv.env_method("action_masks")), [info["action_mask"] == 1 for info in infos])
    assert not build("unknot/Planar-v0").has_attr("action_masks")

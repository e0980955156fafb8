"""Encoded observations are the same from single and from vector environments."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.env_checker import check_env

import unknot  # noqa: F401  registers the environments
from unknot.agents import EncodedObservation, EncodedVectorObservation
from unknot.agents.encoding import KnownImages, average_pixels, scaled
from unknot.representation import RCE

PLANAR = "unknot/Planar-v0"
KEYS = ("observation", "desired_goal")


class Counted:
    """The mean of each row of pixels; counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        assert images.dtype == np.uint8
        self.calls += 1
        means: NDArray[np.float64] = images.mean((2, 3))
        return means


class Image(gym.ObservationWrapper[Any, Any, Any]):
    """The image of the scene alone."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.observation_space = env.observation_space["observation"]  # type: ignore[index]

    def observation(self, observation: Any) -> Any:
        return observation["observation"]


def test_images_of_a_dict_are_encoded_in_one_call() -> None:
    encode = Counted()
    env = EncodedObservation(gym.make(PLANAR), encode)
    encode.calls = 0
    codes, _ = env.reset(seed=0)
    assert encode.calls == 1
    images, _ = gym.make(PLANAR).reset(seed=0)
    for key in KEYS:
        assert codes[key].dtype == np.float32
        np.testing.assert_allclose(codes[key], images[key].mean((1, 2)), rtol=1e-6)
    assert not np.array_equal(codes["observation"], codes["desired_goal"])
    assert env.observation_space.contains(codes)
    assert env.observation_space.contains(env.step(env.action_space.sample())[0])


def test_a_plain_image_becomes_a_vector() -> None:
    env = EncodedObservation(Image(gym.make(PLANAR)), Counted())
    codes, _ = env.reset(seed=0)
    assert codes.shape == env.observation_space.shape == (40,)


@pytest.mark.parametrize("mode", AutoresetMode)
def test_a_vector_environment_gives_the_codes_of_single_ones(mode: AutoresetMode) -> None:
    settings: dict[str, Any] = {"max_steps": 3, "autoreset_mode": mode}
    vector = EncodedVectorObservation(gym.make_vec(PLANAR, num_envs=2, **settings), Counted())
    plain = gym.make_vec(PLANAR, num_envs=2, **settings)
    assert vector.observation_space == gym.vector.utils.batch_space(vector.single_observation_space, 2)
    codes, images = vector.reset(seed=0)[0], plain.reset(seed=0)[0]
    vector.action_space.seed(0)
    for step in range(1, 4):
        for key in KEYS:
            np.testing.assert_allclose(codes[key], images[key].mean((2, 3)), rtol=1e-6)
        assert vector.observation_space.contains(codes)
        actions = vector.action_space.sample()
        codes, _, _, ended, infos = vector.step(actions)
        images, _, _, _, expected = plain.step(actions)
        assert ended.tolist() == [step == 3] * 2
    assert ("final_obs" in infos) == (mode is AutoresetMode.SAME_STEP)
    if mode is AutoresetMode.SAME_STEP:
        for row in range(2):
            for key in KEYS:
                final = infos["final_obs"][row][key]
                np.testing.assert_allclose(final, expected["final_obs"][row][key].mean((1, 2)), rtol=1e-6)


def test_a_learner_encodes_without_gradients() -> None:
    learner = RCE(shape=(40, 40, 1), action_dim=2, sets=1).eval()
    env = EncodedObservation(gym.make(PLANAR), learner.encode)
    codes, _ = env.reset(seed=0)
    image = gym.make(PLANAR).reset(seed=0)[0]["observation"]
    with torch.no_grad():
        expected = learner.encode(image[None])[0].numpy()
    np.testing.assert_allclose(codes["observation"], expected, rtol=1e-5, atol=1e-6)


def test_several_entries_become_one_code() -> None:
    def difference(images: dict[str, NDArray[np.uint8]]) -> NDArray[np.float64]:
        means: NDArray[np.float64] = images[KEYS[0]].mean((2, 3)) - images[KEYS[1]].mean((2, 3))
        return means

    env = EncodedObservation(gym.make(PLANAR), difference, KEYS)
    vector = EncodedVectorObservation(gym.make_vec(PLANAR, num_envs=2), difference, KEYS)
    images, _ = gym.make(PLANAR).reset(seed=0)
    scene, goal = (images[key].mean((1, 2)) for key in KEYS)
    for codes in (env.reset(seed=0)[0], {"code": vector.reset(seed=0)[0]["code"][0]}):
        assert list(codes) == ["code"]
        np.testing.assert_allclose(codes["code"], scene - goal, rtol=1e-5, atol=1e-4)
    assert isinstance(env.observation_space, gym.spaces.Dict)
    assert list(env.observation_space) == ["code"]
    assert env.observation_space == vector.single_observation_space
    check_env(env, warn=False)
    with pytest.raises(ValueError, match="a Dict with observation, depth"):
        EncodedObservation(gym.make(PLANAR), difference, ("observation", "depth"))


def test_stable_baselines3_accepts_it() -> None:
    check_env(EncodedObservation(gym.make(PLANAR), Counted()), warn=False)


@pytest.mark.parametrize(
    ("env", "encode", "message"),
    [
        ("CartPole-v1", Counted(), "env must observe an image"),
        (PLANAR, lambda images: images.mean(), r"encode must return \(2, d\) for 2 images, not \(\)"),
        (PLANAR, lambda images: images, r"encode must return .* not \(2, 40, 40, 1\)"),
        (PLANAR, RCE(shape=(8, 8, 1), action_dim=2, sets=1).encode, r"images must be .* of \(8, 8, 1\)"),
    ],
)
def test_an_encoder_that_does_not_fit_is_refused(env: str, encode: Callable[..., Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EncodedObservation(gym.make(env), encode)
    with pytest.raises(ValueError, match=message):
        EncodedVectorObservation(gym.make_vec(env, num_envs=1), encode)


def test_averages_are_over_squares() -> None:
    images = np.random.default_rng(0).integers(256, size=(5, 64, 64, 3)).astype(np.uint8)
    means = average_pixels(images).reshape(5, 16, 16, 3)
    for row, column in ((0, 0), (3, 7), (15, 15)):
        square = images[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        np.testing.assert_allclose(means[:, row, column], square.mean((1, 2)) / 255, rtol=1e-5)


def test_codes_are_centred_and_scaled() -> None:
    images = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)
    places = np.c_[np.arange(6), 10 * np.arange(6) % 7]
    codes = torch.as_tensor(scaled(KnownImages(images, places), images)(images)).numpy()
    np.testing.assert_allclose(codes.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(codes.std(0, ddof=1), 1, atol=1e-5)
    assert np.corrcoef(codes[:, 0], places[:, 0])[0, 1] == pytest.approx(1)

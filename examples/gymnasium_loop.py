"""A plain Gymnasium loop: begin anywhere, act, read the true factors, return to an earlier scene.

python examples/gymnasium_loop.py
"""

import gymnasium as gym

import unknot  # noqa: F401  registers the environments


def main(episodes: int = 20) -> float:
    """Act at random in a small maze; return the share of episodes that reached the goal."""
    env = gym.make("unknot/Maze-v0", size=4, max_steps=30, terminate_on_success=True)
    env.action_space.seed(0)
    reached = 0
    for episode in range(episodes):
        observation, info = env.reset(seed=episode, options={"factors": {"agent": [0, 0]}})
        terminated = truncated = False
        while not (terminated or truncated):
            action = env.action_space.sample(mask=info["action_mask"])  # only actions that change something
            observation, _, terminated, truncated, info = env.step(action)
        reached += info["is_success"]
    print(f"{observation.shape} {observation.dtype}, {reached} of {episodes} episodes reached the goal")

    world = env.unwrapped
    scene = world.scene()  # type: ignore[attr-defined]  # the whole state, as JSON
    first = env.step(1)[0]
    env.reset(options={"scene": scene})
    print(f"The same action from the same scene: {(env.step(1)[0] == first).all()}")
    env.close()
    return reached / episodes


if __name__ == "__main__":
    main()

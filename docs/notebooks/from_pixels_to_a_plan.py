# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From pixels to a plan in ten minutes
#
# An agent sees 40 × 40 pixels and shall bring itself to where another image shows it. Nobody tells it where it is. This notebook looks at the world, at what a model learnt of it, and at the plans that follow. The model ships with the package (Banijamali et al., 2017), so nothing trains here. You need `pip install "unknot[learn]"`.
#
# ## The world

# %%
from typing import Any

import gymnasium as gym
import matplotlib.pyplot as plt
import numpy as np

import unknot  # noqa: F401  registers the environments

SOLID: dict[str, Any] = {"collision": "solid", "task": "anywhere"}
env: Any = gym.make("unknot/Planar-v0", appearance="cross", **SOLID)
observation, info = env.reset(seed=0)
print(env.action_space, info["factors"])

# %% [markdown]
# An observation is two images: the scene, and the scene as it would be at the goal. The discs are obstacles, and solid. An action moves the agent by up to three pixels.
#
# There are two sets of images. In set X the agent is a square, in set Y a cross. The model saw actions in X alone. Of Y it saw images, and never an action.

# %%
square: Any = gym.make("unknot/Planar-v0", appearance="square", **SOLID)
shown = {
    "set X": square.unwrapped.render_factors({"position": [info["factors"]["position"]]})[0],
    "set Y": observation["observation"],
    "set Y, goal": observation["desired_goal"],
}
figure, panels = plt.subplots(1, 3, figsize=(7.5, 2.6), layout="constrained")
for panel, (title, image) in zip(panels, shown.items(), strict=True):
    panel.imshow(image, cmap="gray", vmin=0, vmax=255)
    panel.set(title=title, xticks=[], yticks=[])

# %% [markdown]
# ## What the model learnt
#
# The model encodes an image as a point. We encode the agent at many free positions, in both sets, and colour each code by the true position. A good code is a map: neighbours in the world are neighbours in the code, and both sets share one map.

# %%
from unknot.representation import load_learner

learner: Any = load_learner("pretrained/dynamics-content/solid")
positions = env.unwrapped.sample_free(1500, np.random.default_rng(0))
colours = np.column_stack([positions / 40, 1 - positions[:, :1] / 40])

figure, panels = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
panels[0].scatter(positions[:, 1], -positions[:, 0], c=colours, s=5)
panels[0].set_title("true positions")
for panel, (name, world) in zip(panels[1:], {"set X": square, "set Y": env}.items(), strict=True):
    codes = learner.encode_all(world.unwrapped.render_factors({"position": positions})).numpy()
    panel.scatter(*codes[:, :2].T, c=colours, s=5)
    panel.set_title(f"codes of {name}")
for panel in panels:
    panel.set(xticks=[], yticks=[])

# %% [markdown]
# ## Plan
#
# The agent encodes the scene and the goal, and plans from one point to the other by iLQR with the dynamics that the model learnt. It takes five actions and plans again. `predict` is the interface of Stable-Baselines3's models.

# %%
from unknot.agents import PlanningAgent

agent = PlanningAgent.load("pretrained/dynamics-content", name="solid")
action, state = agent.predict(observation)
print("first action:", action)

# %% [markdown]
# Eight copies of the world run at once, each with its own start and goal. Rings are starts, stars goals.

# %%
from unknot.agents.evaluation import play

copies = gym.make_vec("unknot/Planar-v0", num_envs=8, appearance="cross", **SOLID)
_, infos = copies.reset(seed=100)
goals = infos["goal"]["position"]
paths = [infos["factors"]["position"]]
paths += [step.infos["factors"]["position"] for step in play(agent, copies, seed=100, max_steps=30)]

figure, panel = plt.subplots(figsize=(4.5, 4.5), layout="constrained")
panel.imshow(env.unwrapped.simulation.world.background, cmap="gray", vmin=0, vmax=255, extent=(0, 40, 40, 0))
for path, goal in zip(np.stack(paths, axis=1), goals, strict=True):
    (line,) = panel.plot(path[:, 1], path[:, 0], ".-", markersize=3)
    panel.plot(*path[0, ::-1], "o", color=line.get_color(), markersize=9, fillstyle="none")
    panel.plot(*goal[::-1], "*", color=line.get_color(), markersize=12)
panel.set(xticks=[], yticks=[])

# %% [markdown]
# ## Count successes
#
# One picture proves nothing. `evaluate_agent` plays many problems and returns the success rate with its 95% interval. Beside it stands a straight line that knows both true positions and shakes itself loose where it is blocked: many problems are easy.

# %%
from unknot.agents import ShakenLineExpert, evaluate_agent

for name, player in {"planned from pixels": agent, "straight line": ShakenLineExpert()}.items():
    result = evaluate_agent(
        player, "unknot/Planar-v0", episodes=200, seed=1000, env_kwargs={"appearance": "cross", **SOLID}
    )
    low, high = result.interval
    print(f"{name}: {result.success_rate:.1%} [{low:.1%}, {high:.1%}]")

# %% [markdown]
# ## Go on
#
# - `unknot run dynamics-content --preset demo` trains such a model in two minutes; [the results](../results/dynamics-content/README.md) are of longer training.
# - [Plan in a model of your own](../how-to/plan-in-your-model.md) does the same with your dynamics.
# - [Planar-v0](../environments/Planar-v0.md) has other maps, cameras and agents: change `SOLID` above.

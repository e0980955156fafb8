"""The commands that train and evaluate agents. They import torch when they run, not before."""

import contextlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from unknot.checks import require
from unknot.files import AGENT, WEIGHTS, FileError, read_json
from unknot.playing import check_display
from unknot.report import Table, save_figure
from unknot.run_folders import find_seeds
from unknot.running import UsageError, new_folder, removed_if_useless
from unknot.terminal import print_tables, read_option, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from unknot.agents import Evaluation

__all__ = ["collect", "evaluate_agents", "train_agent", "watch"]

Options = tuple[str, ...]

AT_A_TIME = 16
"""Episodes recorded at a time, held in memory."""


def train_agent(
    algorithm: Annotated[str, Positional, arg(metavar="ALGO")],
    environment: Annotated[str, Positional, arg(metavar="ENV")],
    options: Annotated[Options, Positional, arg(metavar="KEY=VALUE")] = (),
    observe: str = "pixels",
    encoder: str | None = None,
    finetune: bool = False,
    her: bool = False,
    set: Annotated[Options, arg(metavar="KEY=VALUE")] = (),
    steps: int = 200_000,
    evaluate_every: int = 10_000,
    episodes: int = 100,
    until: float = 1.0,
    seed: int = 0,
    out: Path | None = None,
    resume: bool = False,
    keep_replay: bool = False,
    device: str = "cpu",
) -> None:
    """Train an agent of Stable-Baselines3 in an environment and keep the best policy.

    Without the option `reward`, agents learn from the change of the dense reward (potential-based shaping),
    and in Planar and GraspReach their episodes end at the goal; evaluations have the environment's own
    reward. With --her rewards stay as they are. Hyperparameters: `unknot.agents.hyperparameters`.

    Args:
        algorithm: A2C, DQN, PPO, SAC or TD3.
        environment: its id, such as "unknot/Planar-v0".
        options: the environment's own keyword arguments, such as layout=open; values are JSON, such as
            layout='["....", ".##.", "....", "...."]'.
        observe: what the agent observes: pixels, factors (the true ones), or codes (of --encoder).
        encoder: the encoder whose codes replace images: a weight file, or RUN/MODEL.
        finetune: train the encoder further, together with the policy.
        her: replay transitions with goals in hindsight (DQN, SAC, TD3).
        set: hyperparameters to change, such as learning_rate=1e-4.
        steps: environment steps in all, rounded up to whole rollouts (n_steps in each copy).
        evaluate_every: environment steps between evaluations, rounded up too; each writes a checkpoint.
        episodes: episodes of an evaluation.
        until: training ends at this success rate in an evaluation.
        seed: of weights, actions and episodes.
        out: the run's folder; default: runs/ALGO-ENV/STAMP.
        resume: continue in an existing folder (without --out: the newest run of the kind).
        keep_replay: keep the replay buffer with each checkpoint; without it a resumed DQN, SAC or TD3 starts
            with an empty one.
        device: torch's name for it, such as cuda.
    """
    require("agents", "torch", "stable_baselines3")
    from unknot import films
    from unknot.agents import saved, training
    from unknot.representation import load_learner

    if observe == "pixels" and encoder is not None:
        observe = "codes"
    if (observe == "codes") != (encoder is not None):
        raise UsageError(
            f"--observe {observe} " + ("needs" if encoder is None else "takes no") + " --encoder"
        )
    name = f"{algorithm}-{environment.rpartition('/')[2]}"
    folder = out or (find_seeds(name)[0].parent if resume else new_folder(name))
    home = folder / f"seed-{seed}"
    if resume and not home.exists():
        say(f"{home} has nothing to resume: training starts from the beginning.")
    try:
        settings = saved.AgentSettings(
            algorithm, environment, _read(options), observe, finetune, her, _read(set), seed
        )
        schedule = training.Schedule(steps, evaluate_every, episodes, until)
        learner = None if encoder is None else load_learner(encoder)
        with removed_if_useless(home, AGENT, WEIGHTS, "events.*"):
            metrics = training.train_agent(
                settings, home, schedule, learner, resume=resume, keep_replay=keep_replay, device=device
            )
    except ValueError as error:
        raise UsageError(str(error)) from error
    except KeyboardInterrupt:
        _say_how_to_resume(folder, resume, out is not None)
        raise
    save_figure(_plot(metrics["curve"]), home / "figures" / "learning-curve.png")
    _, shown = films.watch(str(home), environment, settings.options, seed=training.FIRST_EVALUATION)
    films.save_film(shown, home / "figures" / "episodes.gif")
    best = metrics["best"]
    tried = best.get("episodes", episodes)  # a resume may ask for another number
    say(f"Best: {best['success_rate']:.1%} of {tried} episodes succeed, after {best['steps']:,} steps.")
    say(f"Policy, curve, film: {home}")
    say(f"Next: unknot evaluate-agent {folder} expert random")


def evaluate_agents(
    agents: Annotated[tuple[str, ...], Positional, arg(metavar="AGENT")],
    env: str | None = None,
    options: Annotated[Options, arg(metavar="KEY=VALUE")] = (),
    episodes: int = 100,
    seed: int = 0,
    problems: Path | None = None,
    out: Path | None = None,
    trust_pickle: bool = False,
) -> None:
    """Count how often agents succeed on the same problems.

    Args:
        agents: each is a run of train-agent, a run whose model plans (such as "pretrained/dynamics-content",
            or "pretrained/dynamics-content/solid" for one of its models), "random", "rule" (the trivial
            baseline), "expert", or a zip file of Stable-Baselines3.
        env: the environment's id; default: that of the first agent that has one (a trained agent, or a run
            whose model plans), with its options.
        options: the environment's own keyword arguments, such as layout=open; values are JSON, such as
            layout='["....", ".##.", "....", "...."]'.
        episodes: how many each agent plays.
        seed: of the first episode; the others count up from it.
        problems: a JSON file of your own problems, a list of what reset takes as options, such as
            [{"factors": {"position": [4, 4]}, "goal": {"position": [30, 30]}}]; one episode each.
        out: a folder for a table of all episodes (CSV) and a picture of each agent's paths.
        trust_pickle: open zip files, which can run any code that their authors put there.
    """
    require("agents", "torch", "stable_baselines3")
    from unknot.agents.named import compare_agents

    if not agents:
        raise UsageError('name an agent: a run, "random", "rule" or "expert"')
    try:
        env, chosen = _place(agents, env, options)
        results = compare_agents(
            agents,
            env,
            chosen,
            episodes=episodes,
            seed=seed,
            problems=None if problems is None else _read_problems(problems),
            trust_pickle=trust_pickle,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    print_tables([tabulate(results, env, chosen, seed)])
    if out is not None:
        _write_episodes(results, out)


def watch(
    agent: Annotated[str, Positional, arg(metavar="AGENT")],
    env: str | None = None,
    options: Annotated[Options, arg(metavar="KEY=VALUE")] = (),
    episodes: int = 4,
    seed: int = 0,
    out: Path = Path("film.gif"),
    window: bool = False,
) -> None:
    """Film typical episodes of an agent, a failure among them if there is one.

    Args:
        agent: as for evaluate-agent: "random", "rule", "expert", a run of train-agent, or a run whose model
            plans.
        env: the environment's id; default: that which the agent was made for, with its options.
        options: the environment's own keyword arguments, such as layout=open; values are JSON, such as
            layout='["....", ".##.", "....", "...."]'.
        episodes: how many to film; they are chosen out of twenty.
        seed: of the first of these; the others count up from it.
        out: the film: NAME.gif or NAME.mp4.
        window: show the film in a window, and write none.
    """
    require("agents", "torch", "stable_baselines3", "PIL", "moviepy")
    from unknot import films

    if window:
        require("play", "pygame")
        check_display()
    try:
        env, chosen = _place([agent], env, options)
        films.check_film(out)
        result, shown = films.watch(agent, env, chosen, episodes=episodes, seed=seed)
    except ValueError as error:
        raise UsageError(str(error)) from error
    print_tables([tabulate({agent: result}, env, chosen, seed)])
    if window:
        return films.show_film(shown, f"{agent} in {env}")
    films.save_film(shown, out)
    seeds = ", ".join(str(episode.seed) for episode in shown)
    return say(f"{out}: the episodes of seeds {seeds}")


def collect(
    environment: Annotated[str, Positional, arg(metavar="ENV")],
    dataset: Annotated[str, arg(metavar="NAME-vK")],
    options: Annotated[Options, Positional, arg(metavar="KEY=VALUE")] = (),
    agent: str = "random",
    episodes: int = 100,
    seed: int = 0,
    resume: bool = False,
) -> None:
    """Record an agent's episodes as a Minari dataset, in the folder that MINARI_DATASETS_PATH names.

    Args:
        environment: its id, such as "unknot/Planar-v0".
        dataset: the dataset's id, such as planar/random-v0.
        options: the environment's own keyword arguments, such as layout=open; values are JSON, such as
            layout='["....", ".##.", "....", "...."]'.
        agent: "random", "rule", "expert", a run of train-agent, or a run whose model plans.
        episodes: how many the dataset will have.
        seed: of the first episode; the others count up from it.
        resume: add to a dataset that has fewer (a random agent then samples its first actions again).
    """
    require("agents", "torch", "stable_baselines3", "minari", "h5py")
    from unknot.agents import record
    from unknot.agents.named import find_agent

    try:
        copies = max(1, min(episodes, AT_A_TIME))
        acting, env = find_agent(agent, environment, _read(options), seed=seed)(copies)
        result = record(env, acting, episodes, seed, dataset, resume=resume)
    except ValueError as error:
        raise UsageError(str(error)) from error
    env.close()
    say(f"{dataset}: {episodes} episodes; {result.success_rate:.1%} of those recorded now succeed.")


def tabulate(
    results: Mapping[str, "Evaluation"], environment: str, options: Mapping[str, Any], seed: int
) -> Table:
    """Make the table of agents that acted in the same episodes."""
    rows = []
    for name, result in results.items():
        low, high = (100 * end for end in result.interval)
        arrived = result.steps[result.steps > 0]
        rows.append(
            (
                name,
                f"{100 * result.success_rate:.1f} [{low:.1f}, {high:.1f}]",
                f"{result.mean_return:.2f}",
                f"{arrived.mean():.1f}" if len(arrived) else "",
                f"{1000 * result.decision_seconds:.2f}",
            )
        )
    episodes = len(next(iter(results.values())).lengths)
    given = "".join(f", {key}={value}" for key, value in options.items())
    return Table(
        f"{environment}{given}: {episodes} episodes, seeds {seed} to {seed + episodes - 1}",
        ("agent", "success %", "return", "steps to the goal", "ms per decision"),
        tuple(rows),
        (
            "Success at an episode's last step, with Wilson's 95% interval; steps until the goal was first "
            "reached, in episodes that reached it; time of a decision when all episodes run in one batch.",
        ),
    )


def _place(agents: Sequence[str], env: str | None, options: Options) -> tuple[str, dict[str, Any]]:
    """Return where agents act: the environment and the options that are given, else those they know."""
    if env is not None:
        return env, _read(options)
    env, known = _home(agents)
    return env, {**known, **_read(options)}


def _home(agents: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return the environment and options of the first agent that knows where it belongs."""
    from unknot.agents.named import home

    for name in agents:
        with contextlib.suppress(FileNotFoundError):
            known = home(name)
            if known:
                return known
    raise UsageError("no agent here was trained in an environment: name the environment (--env)")


def _read_problems(path: Path) -> list[Any]:
    from unknot.agents.own_problems import check_problems

    problems: Any = read_json(path)
    try:
        check_problems(problems)
    except ValueError as error:
        raise FileError(f"{path}: {error}") from error
    return list(problems)


def _write_episodes(results: Mapping[str, "Evaluation"], folder: Path) -> None:
    """Write a table and, where there are paths, a picture of each agent's episodes."""
    for name, result in results.items():
        path = folder / name.replace("/", "-")
        result.to_csv(path.with_name(f"{path.name}.csv"))
        say(f"{path}.csv")
        with contextlib.suppress(ValueError):  # no factor is a place
            save_figure(result.plot(), path.with_name(f"{path.name}.png"))
            say(f"{path}.png")


def _read(words: Options) -> dict[str, Any]:
    return dict(map(read_option, words))


def _say_how_to_resume(folder: Path, resumed: bool, named: bool) -> None:
    again = ["unknot", *sys.argv[1:]]
    again += [] if named else ["--out", str(folder)]
    again += [] if resumed else ["--resume"]
    print(f"\nStopped. To resume: {shlex.join(again)}", file=sys.stderr)


def _plot(curve: list[dict[str, float]]) -> "Figure":
    """Plot success over environment steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3))
    panel = figure.subplots()
    panel.plot([entry["steps"] for entry in curve], [100 * entry["success_rate"] for entry in curve], ".-")
    panel.set(xlabel="environment steps", ylabel="episodes that succeed, %", ylim=(-3, 103))
    return figure

"""What ships agrees with itself: weights with their settings, their metrics with the results on the page."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from unknot.experiments.dynamics_content.models import MODELS
from unknot.experiments.multi_entity_vae.models import steps_of
from unknot.files import CONFIG, METRICS, RESULTS, WEIGHTS, read_json
from unknot.running import load_experiment

SHIPPED = Path(__file__).parents[1] / "pretrained"
SEED = "seed-0"
METRICS_FILES = sorted(path.relative_to(SHIPPED).as_posix() for path in SHIPPED.rglob(METRICS))
WEIGHTS_FILES = sorted(path.relative_to(SHIPPED).as_posix() for path in SHIPPED.rglob(WEIGHTS))
CONFIG_FILES = sorted(path.relative_to(SHIPPED).as_posix() for path in SHIPPED.rglob(CONFIG))
NOT_COMPARED = {"choices", "outcomes"}
"""What a metric's choices are, and single problems, of which half precision may tip one."""
CLOSE = 0.1, 0.06
"""How near figures of weights in half precision, measured again, are to the run's: relative, or in all."""
BY_COMMAND = {("grasping", "dataset"), ("controllable-factors", "planning", "baselines")}
"""Settings that the command of a run, or how it was split, sets otherwise than the preset."""


def leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield every value in nested JSON with its path."""
    if not isinstance(node, dict | list):
        yield path, node
        return
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if key not in NOT_COMPARED:
            yield from leaves(value, (*path, key))


def below(node: Any, folders: tuple[str, ...]) -> Any:
    """Return the results of a model, wherever its folders' names are in a seed's, or None.

    A folder "sentiment-joint" is of "sentiment joint", or of "joint" somewhere below "sentiment".
    """
    if not folders:
        return node
    first, rest = folders[0], folders[1:]
    for key, value in node.items() if isinstance(node, dict) else ():
        name = key.replace(" ", "-").removesuffix("_bounds")
        left = rest if name == first else (first.removeprefix(f"{name}-"), *rest)
        if (found := below(value, left)) is not None:
            return found
    return None


def disagreement(measured: Any, row: Any) -> list[str]:
    """Return the values that a row of the results does not have, or has otherwise."""
    known = dict(leaves(row))
    return [
        f"{'.'.join(map(str, path))}: {value} ships, {known.get(path, 'nothing')} is on the page"
        for path, value in leaves(measured)
        if not (path in known and _close(value, known[path]))
    ]


def _close(value: Any, known: Any) -> bool:
    if isinstance(value, float) and isinstance(known, float | int):
        return bool(value == pytest.approx(known, *CLOSE))
    return bool(value == known)


@pytest.mark.parametrize("file", METRICS_FILES)
def test_shipped_metrics_are_those_of_the_page(file: str) -> None:
    name, _, *folders = Path(file).parent.parts
    row = below(read_json(SHIPPED / name / RESULTS)["seeds"][0], tuple(folders))
    assert row is not None, f"the results have no row for {'/'.join(folders)}"
    assert disagreement(read_json(SHIPPED / file), row) == []


@pytest.mark.parametrize("file", WEIGHTS_FILES)
def test_settings_of_shipped_weights_are_those_of_their_run(file: str) -> None:
    name, seed, *folders = Path(file).parent.parts
    with safe_open(SHIPPED / file, "pt") as weights:
        found = json.loads(weights.metadata()["settings"])
    settings = read_json(SHIPPED / name / seed / CONFIG)["settings"]
    part = settings.get(folders[0])
    expected = derived(name, folders, part if isinstance(part, dict) else settings)
    shared = found.keys() & expected.keys()
    assert {key: found[key] for key in shared} == {key: expected[key] for key in shared}


def derived(name: str, folders: list[str], settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings of a run as a model has them, with those that its experiment derives for the model."""
    if name == "dynamics-content":
        model = MODELS[folders[0]]
        own = {"content_dim": model.content_dim, **model.options}
        return {**settings, **own, "steps": settings["steps"] * model.effort}
    if folders[-2:] == ["switch", "learner"]:
        return {**settings, "steps": 2 * settings["steps"]}
    if folders[-1] == "moves":
        return {"steps": settings["moves"]}
    if folders == ["jade-decoder"]:
        return {**settings, "steps": settings["teaching"]}
    if (name, *folders) == ("causal-mechanisms", "oracle"):
        return {**settings, "steps": settings["identity_steps"] + settings["steps"]}
    if (name, *folders) == ("causal-mechanisms", "classifier"):  # the network and its rate are its defaults
        return {"shape": [settings["pixels"], settings["pixels"], 1]}
    if name == "multi-entity-vae":
        steps = steps_of(folders[0], load_experiment(name).Settings(**settings))
        if folders == ["slots-3"]:  # the rate is its default
            return {"width": settings["width"], "steps": steps}
        return {**settings, "steps": steps}
    if name == "video-prediction":
        return {**settings, "warm_up": int(settings["warm_up"] * settings["steps"])}
    if folders == ["infogan"]:
        return {**settings, "learning_rate": settings["gan_rate"]}
    if name == "dci":  # the network and its width are the GAN's
        return {key: value for key, value in settings.items() if key not in ("network", "width")}
    if name == "quantifying-beta" and folders[-1].startswith("dense"):
        return {**settings, "hidden": settings["dense_hidden"]}
    return settings


@pytest.mark.parametrize("file", CONFIG_FILES)
def test_settings_of_shipped_runs_are_those_of_their_preset(file: str) -> None:
    config = read_json(SHIPPED / file)
    name = config["experiment"]
    preset = dict(
        leaves(json.loads(json.dumps(dataclasses.asdict(load_experiment(name).PRESETS["default"]))))
    )
    found = {path: value for path, value in leaves(config["settings"]) if (name, *path) not in BY_COMMAND}
    assert config["preset"] == "default"
    assert found == {path: preset.get(path) for path in found}


def test_a_page_of_another_run_is_noticed() -> None:
    row = {"models": {"a b": {"loss": 1.0, "count": 4, "outcomes": "1"}}, "seed": 0}
    assert below(row, ("a-b",)) == row["models"]["a b"]  # type: ignore[index]
    assert below(row, ("c",)) is None
    assert disagreement({"loss": 1.04, "count": 4, "outcomes": "0"}, below(row, ("a-b",))) == []
    wrong = disagreement({"loss": 1.3, "count": 5, "more": 1.0}, below(row, ("a-b",)))
    assert [each.partition(":")[0] for each in wrong] == ["loss", "count", "more"]

"""Settings of every experiment refuse what is no value of theirs."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from unknot.checks import MAY_BE_EMPTY
from unknot.experiments import EXPERIMENTS
from unknot.running import load_experiment

WRONG: dict[Any, tuple[Any, ...]] = {
    int: (True, 1.5, math.nan, None, "1", [], -1),
    float: (True, math.nan, math.inf, None, "1", []),
    str: (None, 1, True, []),
    bool: (None, 1, "True", []),
}
"""What no field of the type takes."""


def wrong_values(field: dataclasses.Field[Any], kind: Any) -> list[Any]:
    """Return what a field must refuse."""
    if get_origin(kind) is tuple:
        others = [(each,) for each in WRONG[get_args(kind)[0]]]
        return [None, 1, math.nan, *others, *([] if field.metadata == MAY_BE_EMPTY else [()])]
    return list(WRONG.get(kind, (1, True, [], math.nan)))


def nested(settings: Any) -> Iterator[Any]:
    """Return settings and those of their parts."""
    yield settings
    for field in dataclasses.fields(settings):
        if dataclasses.is_dataclass(value := getattr(settings, field.name)):
            yield from nested(value)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_setting_refuses_values_of_another_type(name: str) -> None:
    if name == "grasping":
        pytest.importorskip("pybullet", reason="PyBullet is not installed")
    for settings in nested(load_experiment(name).PRESETS["default"]):
        hints = get_type_hints(type(settings))
        for field in dataclasses.fields(settings):
            for value in wrong_values(field, hints[field.name]):
                with pytest.raises(ValueError, match=rf"{field.name}\b.* "):
                    dataclasses.replace(settings, **{field.name: value})


def test_agents_refuse_a_success_rate_that_none_can_reach() -> None:
    with pytest.raises(ValueError, match=r"until must be from 0 to 1, not"):
        dataclasses.replace(load_experiment("agents").PRESETS["default"], until=1.5)

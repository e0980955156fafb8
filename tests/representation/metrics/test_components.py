"""Factors of every kind of space as the columns of one table."""

import numpy as np
import pytest
from gymnasium import spaces

from unknot.representation.metrics.components import Components


def test_components_of_every_kind_of_space() -> None:
    space = spaces.Dict(
        {
            "box": spaces.Box(-1, 1, (2, 1), np.float32),
            "fixed": spaces.Box(np.array([0.0, 3.0]), np.array([9.0, 3.0]), (2,), np.float64),
            "count": spaces.Box(0, 4, (1,), np.int64),
            "empty": spaces.Box(0, 1, (0,), np.int64),
            "kind": spaces.Discrete(3, start=2),
            "alone": spaces.Discrete(1),
            "many": spaces.MultiDiscrete([2, 1]),
            "bits": spaces.MultiBinary(2),
        }
    )
    components = Components(space)
    # (A Dict space sorts its names.)
    expected = "bits[0] bits[1] box[0,0] box[1,0] count fixed[0] kind many[0]"
    assert [name.replace(" ", "") for name in components.names] == expected.split()
    ordered = {"box[0, 0]", "box[1, 0]", "count", "fixed[0]"}
    assert components.categorical.tolist() == [name not in ordered for name in components.names]
    space.seed(0)
    sampled = [space.sample() for _ in range(4)]
    factors = {name: np.stack([one[name] for one in sampled]) for name in space}
    table = components.table(factors)
    assert table.shape == (4, len(components.names))
    same = components.replaced(factors, table)
    for name, values in factors.items():
        assert same[name].dtype == space[name].dtype
        assert np.array_equal(same[name], values)
    kind = components.names.index("kind")
    table[:, kind] = 4
    changed = components.replaced(factors, table)
    assert changed["kind"].tolist() == [4] * 4
    assert np.array_equal(changed["box"], factors["box"])


def test_spaces_that_are_refused() -> None:
    with pytest.raises(ValueError, match="no component that can vary"):
        Components(spaces.Dict({"a": spaces.Discrete(1)}))
    with pytest.raises(TypeError, match="factor 'a' is Text"):
        Components(spaces.Dict({"a": spaces.Text(3)}))

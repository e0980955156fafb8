"""The style of figures: it ends where its block ends, and bands are what they say."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from unknot.style import COLOURS, band, styled


def test_the_style_holds_inside_its_block_alone() -> None:
    before = dict(matplotlib.rcParams)
    with styled():
        (line,) = Figure().subplots().plot([0, 1])
        assert line.get_color() == COLOURS[0]
    assert dict(matplotlib.rcParams) == before
    assert len(set(COLOURS)) == 8


def test_a_band_is_the_mean_and_one_standard_deviation() -> None:
    panel = Figure().subplots()
    band(panel, [1, 2, 3], [[0, 10, 20], [2, 10, 24]], "#0072B2", "agent")
    (line,) = panel.lines
    assert np.asarray(line.get_ydata()).tolist() == [1, 10, 22]
    assert line.get_label() == "agent (n=2)"
    (filled,) = panel.collections
    heights = np.asarray(filled.get_paths()[0].vertices)
    deviation = np.sqrt([2, 0, 8])
    for x, middle, each in zip([1, 2, 3], [1, 10, 22], deviation, strict=True):
        at = heights[heights[:, 0] == x, 1]
        np.testing.assert_allclose([at.min(), at.max()], [middle - each, middle + each])


def test_a_band_of_one_curve_has_no_width() -> None:
    panel = Figure().subplots()
    band(panel, [1, 2], [[3, 4]], "#0072B2", "agent")
    (filled,) = panel.collections
    assert {(x, y) for x, y in np.asarray(filled.get_paths()[0].vertices)} == {(1, 3), (2, 4)}

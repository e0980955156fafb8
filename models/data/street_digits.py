"""Street digits: house numbers in the manner of SVHN, rendered from fonts.

SVHN (Netzer et al., 2011) has crops of 32 × 32 pixels around single digits of photographed house numbers. Its
images come with a label alone; here everything that makes an image is a factor. No image is copied from it:
`benchmarks/street_digits_realism.py` measures how many of these digits a network reads that learnt SVHN.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from unknot.checks import flag, one_of
from unknot.models.data.grid import Factors, GridSource, Images

__all__ = ["SIDE", "StreetDigits", "digit_fonts"]

Floats = NDArray[np.float32]

SIDE = 32
"""Pixels of a side."""
NONE = 10
"""The value of `left` and `right` for no neighbour."""
ALONE = 0.4
"""Share of the images without a neighbour on the left, and likewise on the right."""
CLUTTERS, GRAINS = 256, 1024
"""Backgrounds and patterns of noise that there are."""
PARTS = ("all", "train", "test")
EVERY_THIRD = 3
"""Of the fonts, in the order of their names, every third is for testing."""

CELLS, RENDERED, DIGIT_HEIGHT = 48, 192, 120
"""Cells of a side of a glyph's distance field, the pixels it is computed from, of which a digit's height."""
RANGES: Mapping[str, tuple[float, float]] = {
    "height": (0.62, 0.95),  # of the digit, as a share of the image's side
    "x": (-0.07, 0.07),  # of its centre, in sides of the image
    "y": (-0.06, 0.06),
    "angle": (-0.12, 0.12),  # in radians
    "shear": (-0.12, 0.12),
    "stretch": (0.75, 1.15),  # width, as a share of the font's
    "weight": (-0.012, 0.03),  # added to each side of a stroke, in heights of a digit
    "gap": (0.02, 0.2),  # between neighbours, in heights of a digit
    "level": (0.25, 0.75),  # mean brightness of digit and background
    "contrast": (0.18, 0.65),  # between them
    "saturation": (0.0, 0.3),
    "digit_hue": (0.0, 1.0),
    "background_hue": (0.0, 1.0),
    "light": (0.0, 0.35),  # from one side of the image to the other
    "light_angle": (0.0, 2 * np.pi),
    "cluttering": (0.0, 0.14),  # standard deviation of the background
    "shadow": (0.0, 0.5),
    "blur": (0.4, 1.2),  # standard deviation in pixels
    "noise": (0.0, 0.03),  # standard deviation
}
"""The continuous factors: least and greatest value, between which they are uniform."""


class StreetDigits(GridSource):
    """Images of a digit in the middle of a house number.

    Categorical factors: `digit`; `font`, the number of a file in `fonts`; `left` and `right`, the digits
    beside it, 10 for none; `dark`, whether the digit is darker than the background; `clutter` and `grain`,
    the numbers of a background and of a pattern of noise. Continuous ones: see `RANGES`. Digit and
    neighbours share a font, a size and a colour.

    Args:
        part: "train" or "test", which have no font in common, or "all".
        installed: take the fonts that are installed on this machine too, beside those of matplotlib; images
            then differ between machines.

    Raises:
        ValueError: another part.
    """

    def __init__(self, part: str = "all", *, installed: bool = False) -> None:
        one_of("part", part, PARTS)
        flag(installed=installed)
        found = digit_fonts(installed)
        held_out = found[EVERY_THIRD - 1 :: EVERY_THIRD]
        self.fonts = {"all": found, "train": [f for f in found if f not in held_out], "test": held_out}[part]
        sizes = {"digit": 10, "font": len(self.fonts), "left": 11, "right": 11, "dark": 2}
        sizes |= {"clutter": CLUTTERS, "grain": GRAINS}
        super().__init__(tuple(sizes), **{name: range(size) for name, size in sizes.items()})
        ranges = {name: spaces.Box(low, high, (), np.float64) for name, (low, high) in RANGES.items()}
        self.factor_space = spaces.Dict({**self.factor_space.spaces, **ranges})

    def sample_factors(self, n: int, rng: np.random.Generator) -> Factors:
        """Sample factors, all independent: arrays (n,) by name; on each side `ALONE` have no neighbour."""
        factors = super().sample_factors(n, rng)
        for side in ("left", "right"):
            factors[side] = np.where(rng.uniform(size=n) < ALONE, NONE, rng.integers(10, size=n))
        return factors | {name: rng.uniform(low, high, n) for name, (low, high) in RANGES.items()}

    def render_factors(self, factors: Mapping[str, Any]) -> Images:
        """Render factors: uint8 (n, 32, 32, 3).

        Raises:
            ValueError: factors that are not the space's, or out of range.
        """
        given = self.checked(factors)
        n = len(given["digit"])
        images = np.empty((n, SIDE, SIDE, 3), np.uint8)
        for start in range(0, n, BATCH):
            rows = slice(start, start + BATCH)
            images[rows] = _render({name: each[rows] for name, each in given.items()}, _glyphs(self.fonts))
        return images


BATCH = 500
"""Images that are rendered at a time, which bounds the memory that it takes."""


# Fonts


@cache
def digit_fonts(installed: bool = False) -> list[Path]:
    """Return the font files that have ten different digits, in the order of their names.

    Args:
        installed: those installed on this machine too, beside those that matplotlib ships.
    """
    from matplotlib import get_data_path
    from matplotlib.font_manager import findSystemFonts

    found = {path.name: path for path in Path(get_data_path(), "fonts/ttf").glob("*.ttf")}
    if installed:
        found = {path.name: path for path in map(Path, findSystemFonts())} | found
    return [found[name] for name in sorted(found) if _has_digits(found[name])]


def _has_digits(path: Path) -> bool:
    """Whether a font maps the digits to ten different glyphs, all upright figures of one height.

    Fonts of last resort have the same box for all; others have only some of the digits, or symbols.
    """
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(str(path))
    except RuntimeError:  # neither TrueType nor OpenType
        return False
    table = font.get_charmap()
    if len({table.get(ord(digit)) for digit in "0123456789"} - {None, 0}) < 10:
        return False
    font.set_size(RENDERED, 72)
    sizes = []
    for digit in "0123456789":
        left, low, right, high = font.load_char(ord(digit)).bbox
        sizes.append((right - left, high - low))
    widths, heights = np.array(sizes).T
    return bool(widths.min() > 0 and heights.min() > 0.8 * heights.max())


class _Glyphs(NamedTuple):
    """The digits of some fonts."""

    fields: Floats
    """(fonts * 10, CELLS, CELLS), signed distance to the edge, in heights of a digit, positive inside."""
    widths: Floats
    """(fonts * 10,), in heights of a digit."""


def _glyphs(fonts: Sequence[Path]) -> _Glyphs:
    return _all_glyphs(tuple(fonts))


@cache
def _all_glyphs(fonts: tuple[Path, ...]) -> _Glyphs:
    fields, widths = zip(*(_glyph(path, digit) for path in fonts for digit in "0123456789"), strict=True)
    return _Glyphs(np.stack(fields), np.array(widths, np.float32))


def _glyph(path: Path, digit: str) -> tuple[Floats, float]:
    """Return the distance field of a digit, scaled to one height and centred, and its width."""
    from PIL import Image, ImageDraw, ImageFont
    from scipy.ndimage import distance_transform_edt

    def box(size: int) -> tuple[Any, Any]:
        font = ImageFont.truetype(str(path), size)
        return font, font.getbbox(digit)

    _, (_, top, _, bottom) = box(DIGIT_HEIGHT)
    font, (left, top, right, bottom) = box(round(DIGIT_HEIGHT**2 / (bottom - top)))
    canvas = Image.new("L", (RENDERED, RENDERED))
    place = ((RENDERED - left - right) / 2, (RENDERED - top - bottom) / 2)
    ImageDraw.Draw(canvas).text(place, digit, fill=255, font=font)
    inside = np.asarray(canvas) > 127
    distance = distance_transform_edt(inside) - distance_transform_edt(~inside)
    cell = RENDERED // CELLS
    means = distance.reshape(CELLS, cell, CELLS, cell).mean((1, 3)) / DIGIT_HEIGHT
    return means.astype(np.float32), (right - left) / DIGIT_HEIGHT


# Rendering


def _render(factors: Factors, glyphs: _Glyphs) -> Images:
    f = {
        name: each if each.dtype.kind in "iu" else each[:, None, None].astype(np.float32)
        for name, each in factors.items()
    }
    cover = _cover(f, glyphs, 0.0)
    background, ink = _colours(f)
    scene = background[:, None, None] * np.ones((1, SIDE, SIDE, 1), np.float32)
    scene += (f["cluttering"] * _clutters()[f["clutter"]])[..., None]
    scene *= 1 - (f["shadow"] * _cover(f, glyphs, 0.06))[..., None]
    scene += cover[..., None] * (ink[:, None, None] - scene)
    across, down = _grid()
    ramp = across * np.cos(f["light_angle"]) + down * np.sin(f["light_angle"])
    scene *= (1 + f["light"] * ramp)[..., None]
    scene = _blurred(scene, f["blur"][:, 0, 0])
    scene += f["noise"][..., None] * _grains()[f["grain"]]
    images: Images = np.rint(255 * scene.clip(0, 1)).astype(np.uint8)
    return images


def _grid() -> tuple[Floats, Floats]:
    """Return where pixels are across and down the image, in sides of it from its middle, (32, 32) each."""
    middle = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE - 0.5
    across, down = np.meshgrid(middle, middle)
    return across, down


def _cover(f: Mapping[str, Any], glyphs: _Glyphs, offset: float) -> Floats:
    """Return the share of each pixel that digit and neighbours cover, (n, 32, 32).

    Args:
        f: the factors.
        glyphs: of the fonts.
        offset: how far they are moved to the right and down, in sides of the image.
    """
    across, down = _grid()
    x, y = across - f["x"] - offset, down - f["y"] - offset
    cos, sin = np.cos(f["angle"]), np.sin(f["angle"])
    u, v = (x * cos + y * sin) / f["height"], (y * cos - x * sin) / f["height"]
    u = (u + f["shear"] * v) / f["stretch"]  # u and v are in heights of a digit
    first = 10 * f["font"]
    room = (glyphs.widths + glyphs.widths.reshape(-1, 10).mean(1).repeat(10)) / 2  # a 1 has more than its own
    best = _distance(glyphs.fields, first + f["digit"], u, v)
    for name, side in (("left", -1), ("right", 1)):
        shown = f[name] != NONE
        glyph = first + np.where(shown, f[name], 0)
        away = side * ((room[first + f["digit"]] + room[glyph])[:, None, None] / 2 + f["gap"])
        beside = _distance(glyphs.fields, glyph, u - away, v)
        best = np.where(shown[:, None, None], np.maximum(best, beside), best)
    pixels = SIDE * f["height"]
    cover: Floats = (0.5 + pixels * (best + f["weight"])).clip(0, 1)
    return cover


def _distance(fields: Floats, glyph: NDArray[Any], u: Floats, v: Floats) -> Floats:
    """Return the distances at points (n, 32, 32) of glyphs (n,), bilinear, far outside of the field."""
    scale = CELLS * DIGIT_HEIGHT / RENDERED
    column, row = (scale * each + CELLS / 2 - 0.5 for each in (u, v))
    outside = (np.maximum(np.abs(column - CELLS / 2), np.abs(row - CELLS / 2)) > CELLS / 2 - 1) * 1.0
    column, row = column.clip(0, CELLS - 1.001), row.clip(0, CELLS - 1.001)
    i, j = row.astype(np.int32), column.astype(np.int32)
    flat, at = fields.reshape(-1), (glyph[:, None, None] * CELLS + i) * CELLS + j
    right, low = column - j, row - i
    upper = flat[at] + right * (flat[at + 1] - flat[at])
    lower = flat[at + CELLS] + right * (flat[at + CELLS + 1] - flat[at + CELLS])
    distance: Floats = upper + low * (lower - upper) - outside
    return distance.astype(np.float32)


def _colours(f: Mapping[str, Any]) -> tuple[Floats, Floats]:
    """Return the colours of background and digit, (n, 3) each."""
    sign = np.where(f["dark"] == 1, -0.5, 0.5)[:, None]
    level, contrast, saturation = (f[name][:, 0] for name in ("level", "contrast", "saturation"))
    tints = [_tint(f[name][:, 0]) for name in ("background_hue", "digit_hue")]
    background = level - sign * contrast + saturation * tints[0]
    ink = level + sign * contrast + saturation * tints[1]
    return background.clip(0, 1).astype(np.float32), ink.clip(0, 1).astype(np.float32)


def _tint(hue: Floats) -> Floats:
    """Return changes of red, green and blue that add up to 0 for hues (n, 1) of [0, 1]."""
    tint: Floats = np.cos(2 * np.pi * (hue - np.arange(3, dtype=np.float32) / 3)) / 2
    return tint


@cache
def _clutters() -> Floats:
    """Return backgrounds (CLUTTERS, 32, 32) of mean 0 and standard deviation 1: clouds, edges and bars."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    fields = gaussian_filter(rng.normal(size=(CLUTTERS, SIDE, SIDE)), (0, 4, 4))
    fields /= fields.std((1, 2), keepdims=True)
    across, down = _grid()
    for _ in range(2):
        angle, place, width = rng.uniform([0, -0.6, 0.03], [np.pi, 0.6, 0.4], (CLUTTERS, 3)).T[
            :, :, None, None
        ]
        along = across * np.cos(angle) + down * np.sin(angle) - place
        fields += rng.normal(size=(CLUTTERS, 1, 1)) * (np.abs(along) < width)
    fields -= fields.mean((1, 2), keepdims=True)
    clutters: Floats = (fields / fields.std((1, 2), keepdims=True)).astype(np.float32)
    return clutters


@cache
def _grains() -> Floats:
    """Return patterns of noise (GRAINS, 32, 32, 3) of mean 0 and standard deviation 1."""
    return np.random.default_rng(1).normal(size=(GRAINS, SIDE, SIDE, 3)).astype(np.float32)


def _blurred(images: Floats, std: Floats) -> Floats:
    """Blur images (n, 32, 32, 3), each by a Gaussian of its own standard deviation (n,) in pixels."""
    reach = 3
    steps = np.arange(-reach, reach + 1)
    kernels = np.exp(-((steps / std[:, None]) ** 2) / 2)
    kernels = (kernels / kernels.sum(1, keepdims=True)).astype(np.float32)[:, :, None, None, None]
    for axis in (1, 2):
        width = [(0, 0), (0, 0), (0, 0), (0, 0)]
        width[axis] = (reach, reach)
        padded = np.pad(images, width, mode="edge")
        images = np.zeros_like(images)
        for k, step in enumerate(steps):
            images += kernels[:, k] * np.take(padded, step + reach + np.arange(SIDE), axis)
    return images

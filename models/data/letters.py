"""Letters rendered from the fonts that matplotlib brings, in MNIST's layout."""

import string
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unknot.checks import require

__all__ = ["FONTS", "LETTERS", "letters"]

LETTERS = string.ascii_uppercase + string.ascii_lowercase
"""The classes, in the order of their labels."""
FONTS = (
    *(f"DejaVu{kind}" for kind in ("Sans", "Sans-Bold", "Sans-Oblique", "Sans-BoldOblique")),
    *(f"DejaVuSansMono{kind}" for kind in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{kind}" for kind in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{kind}" for kind in ("", "Bol", "Italic", "BolIta")),
    *("cmr10", "cmb10", "cmss10", "cmtt10"),
)
"""Names of the fonts, in `mpl-data/fonts/ttf`."""
SIDE, BOX = 28, 20
LARGE = 96
"""Pixels of a letter before it is reduced."""


@cache
def letters() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return every letter of `LETTERS` in every font, larger side 20 pixels, in the middle of 28 × 28.

    Returns:
        Images (n, 28, 28, 1), uint8, ink 255 on paper 0, and labels (n,), places in `LETTERS`.

    Raises:
        ModuleNotFoundError: matplotlib or Pillow is not installed.
    """
    require("learn", "matplotlib", "PIL")
    import matplotlib
    from PIL import ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts/ttf"
    fonts = [ImageFont.truetype(str(folder / f"{name}.ttf"), LARGE) for name in FONTS]
    images = [_rendered(letter, font) for letter in LETTERS for font in fonts]
    return np.stack(images)[..., None], np.arange(len(LETTERS)).repeat(len(FONTS))


def _rendered(letter: str, font: Any) -> NDArray[np.uint8]:
    """Render a letter (28, 28)."""
    from PIL import Image, ImageDraw

    page = Image.new("L", (3 * LARGE, 3 * LARGE))
    ImageDraw.Draw(page).text((LARGE, LARGE), letter, fill=255, font=font)
    ink = page.crop(page.getbbox())
    scale = BOX / max(ink.size)
    width, height = (max(round(scale * side), 1) for side in ink.size)
    image = Image.new("L", (SIDE, SIDE))
    small = ink.resize((width, height), Image.Resampling.BOX)
    image.paste(small, ((SIDE - width) // 2, (SIDE - height) // 2))
    return np.asarray(image)

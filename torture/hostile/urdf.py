"""Hostile URDF files."""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import trimesh

from torture.hostile.case import Case
from torture.hostile.meshes import BOX, CORNERS, EDGES, FACES, Files, load, load_right, obj, write

Extents = tuple[float, ...]
CUBE = '<box size="0.04 0.05 0.06"/>'
WEDGE = trimesh.convex.convex_hull(np.array([(0, 0, 0), (0.1, 0, 0), (0, 0.05, 0), (0, 0, 0.03)]))
"""A mesh that differs from its mirror image."""
ORIGIN = '<origin xyz="0 0 0" rpy="0 0 0"/>'
FRICTION = '<contact><lateral_friction value="0.5"/></contact>'


def cases() -> Iterable[Case]:
    """Return the cases: first files that must be refused, then those that must be read right."""
    for name, content in _refused().items():
        files: Files = {"a.urdf": content, "a.obj": obj(WEDGE)}
        yield Case(name, partial(write, content=files), load)
    zeros = b'"count":2000000000      ,'  # as long as what it replaces
    bomb = BOX.export(file_type="glb").replace(b'"bufferView":1,"count":8,', zeros)
    yield Case(
        "a GLB of two billion zeros",
        partial(write, content={"a.urdf": _urdf('<mesh filename="a.glb"/>'), "a.glb": bomb}),
        load,
    )
    odd: Mapping[str, Callable[[Path], object]] = {
        "a URDF file of 20 MB": lambda path: os.truncate(path, 2 * 10**7),
        "a named pipe called a.urdf": _piped,
    }
    for name, spoil in odd.items():
        yield Case(name, partial(_spoilt, spoil=spoil), load)
    for name, (files, extents) in _read().items():
        volume = float(WEDGE.volume if extents == WEDGE_EXTENTS else np.prod(extents))
        read = partial(load_right, extents=extents, volume=volume)
        yield Case(name, partial(write, content=files), read, refused=False)
    for scale in ("-1 1 1", "1 -1 1", "-1 -1 -1", "-1", "-1 -1 1"):
        files = {"a.urdf": _urdf(f'<mesh filename="a.obj" scale="{scale}"/>'), "a.obj": obj(WEDGE)}
        yield Case(f"scale {scale}", partial(write, content=files), _load_outward, refused=False)
    flipped = obj(trimesh.Trimesh(WEDGE.vertices, WEDGE.faces[:, ::-1]))
    files = {"a.urdf": _urdf('<mesh filename="a.obj"/>'), "a.obj": flipped}
    yield Case("a mesh inside out", partial(write, content=files), _load_outward, refused=False)


WEDGE_EXTENTS: Extents = (0.1, 0.05, 0.03)


def _urdf(
    shape: str = CUBE, collision: str = "", mass: str = "0.1", origin: str = ORIGIN, more: str = ""
) -> str:
    """Write the text of a URDF file."""
    shapes = {"visual": shape, "collision": collision or shape}
    body = "".join(f"<{kind}>{origin}<geometry>{s}</geometry></{kind}>" for kind, s in shapes.items())
    inertial = f'<inertial><mass value="{mass}"/></inertial>'
    return f'<robot name="a"><link name="b">{inertial}{more}{body}</link></robot>'


def _refused() -> Mapping[str, str | bytes]:
    sizes: tuple[str, ...] = (
        "0 0 0",
        "0.1 0.1 0",
        "-0.1 0.1 0.1",
        "inf 1 1",
        "nan 0.1 0.1",
        "0.1 0.1 1e308",
        "0.1 0.1 1e400",
    )
    sizes += (
        "0.1 0.1",
        "0.1 0.1 0.1 0.1",
        "",
        "big",
        "0.1,0.1,0.1",
        "1e-300 0.1 0.1",
        "9 9 9",
        "1e-7 0.1 0.1",
    )
    scales: tuple[str, ...] = (
        "0 0 0",
        "1 1 0",
        "nan 1 1",
        "inf 1 1",
        "1 1",
        "",
        "x",
        "1e308 1 1",
        "1e-300 1 1",
        "1e-12 1 1",
    )
    masses = ("0", "-1", "inf", "nan", "1e308", "1e-300", "", "heavy", "1 2", "1e400")
    frictions = ("nan", "-5", "inf", "1e308", "rough", "")
    origins = (
        'xyz="1e308 0 0"',
        'xyz="nan 0 0"',
        'xyz="0 0"',
        'xyz="left"',
        'rpy="inf 0 0"',
        'rpy="0 0 north"',
    )
    bomb = '<!DOCTYPE r [<!ENTITY a0 "ha">' + "".join(
        f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 12)
    )
    return (
        {f"box of size {size!r}": _urdf(f'<box size="{size}"/>') for size in sizes}
        | {f"mesh of scale {scale!r}": _urdf(f'<mesh filename="a.obj" scale="{scale}"/>') for scale in scales}
        | {f"mass {mass!r}": _urdf(mass=mass) for mass in masses}
        | {
            f"friction {value!r}": _urdf(more=f'<contact><lateral_friction value="{value}"/></contact>')
            for value in frictions
        }
        | {f"origin {text}": _urdf(origin=f"<origin {text}/>") for text in origins}
        | {
            f"sphere of radius {r!r}": _urdf(f'<sphere radius="{r}"/>')
            for r in ("0", "-1", "nan", "1e308", "")
        }
        | {
            f"cylinder of {text}": _urdf(f"<cylinder {text}/>")
            for text in (
                'radius="0.1" length="0"',
                'radius="0.1"',
                'radius="inf" length="0.1"',
                'radius="-0.1" length="1"',
            )
        }
        | {
            "a collision of size 0": _urdf(collision='<box size="0 0 0"/>'),
            "a collision of 8 m": _urdf(collision='<box size="8 8 8"/>'),
            "a mesh of a long name": _urdf(f'<mesh filename="{"c" * 5000}.obj"/>'),
            "a mesh that is not there": _urdf('<mesh filename="b.obj"/>'),
            "a mesh without a filename": _urdf("<mesh/>"),
            "a mesh that is the folder": _urdf('<mesh filename="."/>'),
            "a mesh that is the URDF file": _urdf('<mesh filename="a.urdf"/>'),
            "a package that is not there": _urdf('<mesh filename="package://b/c.obj"/>'),
            "a package without a path": _urdf('<mesh filename="package://"/>'),
            "a page for a mesh": _urdf('<mesh filename="http://example.com/a.obj"/>'),
            "a capsule": _urdf('<capsule radius="0.1" length="0.1"/>'),
            "two shapes in a geometry": _urdf(CUBE + CUBE),
            "no shape in a geometry": _urdf(" "),
            "no geometry": _urdf().replace("geometry", "geometrie"),
            "no visual": _urdf().replace("visual", "virtual"),
            "no mass": _urdf().replace("<mass", "<weight"),
            "no link": _urdf().replace("link", "leg"),
            "an empty file": "",
            "text": "a robot",
            "a cut file": _urdf()[:-30],
            "Latin-1 that is not declared": _urdf().replace('"a"', '"Möbel"').encode("latin-1"),
            "an unknown encoding": '<?xml version="1.0" encoding="klingon"?>' + _urdf(),
            "bytes at random": np.random.default_rng(0).bytes(3000),
            "a zero byte": _urdf().replace("robot", "ro\0bot", 1),
            "a billion laughs": bomb + "]>" + _urdf().replace('"a"', '"&a11;"'),
            "an outer entity": '<!DOCTYPE r [<!ENTITY x SYSTEM "/etc/hostname">]>' + _urdf(mass="&x;"),
            "links 100,000 deep": "<link>" * 100_000,
            "a robot 100,000 deep": "<robot>" * 100_000 + "</robot>" * 100_000,
        }
    )


def _read() -> dict[str, tuple[Files, Extents]]:
    box = CORNERS + FACES

    def mesh(name: str) -> str:
        return _urdf(f'<mesh filename="{name}"/>')

    plain: dict[str, Files] = {
        "a box": {"a.urdf": _urdf()},
        "A.URDF": {"A.URDF": _urdf()},
        "a byte order mark": {"a.urdf": b"\xef\xbb\xbf" + _urdf().encode()},
        "declared Latin-1": {
            "a.urdf": ('<?xml version="1.0" encoding="ISO-8859-1"?>' + _urdf(more="<!--Möbel-->")).encode(
                "latin-1"
            )
        },
        "UTF-16": {"a.urdf": ('<?xml version="1.0" encoding="UTF-16"?>' + _urdf()).encode("utf-16")},
        "lines before the declaration": {"a.urdf": '\n\n <?xml version="1.0"?>' + _urdf()},
        "a comment for a shape": {"a.urdf": _urdf("<!-- a box -->" + CUBE)},
        "what a Mac leaves": {
            "a.urdf": _urdf(),
            "._a.urdf": b"\0\5\x16\7\xff",
            "__MACOSX/._a.urdf": b"\0\xff",
        },
        "a hidden folder": {"a.urdf": _urdf(), ".git/b.urdf": "<"},
        "no friction": {"a.urdf": _urdf()},
        "friction 0": {"a.urdf": _urdf(more='<contact><lateral_friction value="0"/></contact>')},
        "an upper case mesh": {"a.urdf": mesh("A.OBJ"), "A.OBJ": box},
        "an STL": {"a.urdf": mesh("a.stl"), "a.stl": BOX.export(file_type="stl")},
        "a PLY": {"a.urdf": mesh("a.ply"), "a.ply": BOX.export(file_type="ply")},
        "an OFF": {"a.urdf": mesh("a.off"), "a.off": BOX.export(file_type="off")},
        "a GLB": {"a.urdf": mesh("a.glb"), "a.glb": BOX.export(file_type="glb")},
        "a mesh in a subfolder": {"a.urdf": mesh("meshes/a.obj"), "meshes/a.obj": box},
        "a path of Windows": {"a.urdf": mesh(r"meshes\a.obj"), "meshes/a.obj": box},
        "a path up": {"urdf/a.urdf": mesh("../meshes/a.obj"), "meshes/a.obj": box},
        "a package above": {"cup/urdf/a.urdf": mesh("package://cup/meshes/a.obj"), "cup/meshes/a.obj": box},
        "a package beside": {"urdf/a.urdf": mesh("package://cup/a.obj"), "cup/a.obj": box},
        "a package of another name": {"a.urdf": mesh("package://cup/meshes/a.obj"), "meshes/a.obj": box},
        "a file:// path": {"a.urdf": mesh("file://a%20b.obj"), "a b.obj": box},
        "millimetres with a scale": {
            "a.urdf": _urdf('<mesh filename="a.stl" scale="0.001 0.001 0.001"/>'),
            "a.stl": BOX.copy().apply_scale(1000).export(file_type="stl"),
        },
        "one scale for all": {
            "a.urdf": _urdf('<mesh filename="a.obj" scale="0.5"/>'),
            "a.obj": obj(BOX.copy().apply_scale(2)),
        },
        "an origin": {"a.urdf": _urdf(origin='<origin xyz="1 2 3"/>')},
        "numbers on many lines": {"a.urdf": _urdf('<box size="0.04&#10;  0.05\n0.06  "/>')},
        "faces twice": {"a.urdf": mesh("a.obj"), "a.obj": box + FACES},
    }
    return {name: (files, EDGES) for name, files in plain.items()} | {
        "a wedge": ({"a.urdf": mesh("a.obj"), "a.obj": obj(WEDGE)}, WEDGE_EXTENTS)
    }


def _piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _spoilt(folder: Path, spoil: Callable[[Path], object]) -> Path:
    path = write(folder, {"a.urdf": _urdf()})
    spoil(path / "a.urdf")
    return path


def _load_outward(folder: Path) -> None:
    """Read a mirrored wedge: PyBullet must draw its near sides, not its far ones."""
    from unknot.envs.grasp.objects import load_objects

    (thing,) = load_objects(folder)
    assert thing.mesh.is_volume, "normals point inward"
    load_right(folder, extents=tuple(thing.mesh.extents), volume=float(WEDGE.volume))

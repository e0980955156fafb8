"""dSprites, 3D Shapes and CIFAR-10: damaged archives, sizes that lie, other dtypes and layouts."""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import h5py
import numpy as np

from torture.hostile.case import Case, Change, changed, corrupted
from unknot.files import FileError
from unknot.models.data.files import StoredImages, read_dsprites, read_shapes3d
from unknot.models.data.natural import cifar

GRID = np.stack(np.meshgrid(*[[0.0, 1.0]] * 5, indexing="ij"), -1).reshape(-1, 5)
HUES = np.stack(np.meshgrid(*[[0.0, 1.0]] * 6, indexing="ij"), -1).reshape(-1, 6)
BITS = np.random.default_rng(0).integers(0, 2, (32, 8, 8), np.uint8)
PICTURES = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 3), np.uint8)
PLACES = 150
"""Bytes of a file that are flipped, one after the other."""

_format: Any = np.lib.format  # NumPy gives it no types


def cases() -> Iterable[Case]:
    """Return the cases."""
    yield from _dsprites()
    yield from _shapes3d()
    yield from _cifar()


def npy(array: Any, shape: tuple[int, ...] | None = None, version: int = 1) -> bytes:
    """Return an npy file, perhaps of an array that claims another shape."""
    file = io.BytesIO()
    header = _format.header_data_from_array_1_0(np.asarray(array))
    header = header | ({} if shape is None else {"shape": shape})
    write = {1: _format.write_array_header_1_0, 2: _format.write_array_header_2_0}[version]
    write(file, header)
    return file.getvalue() + np.asarray(array).tobytes()


def write_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write an npz file of npy files."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def archive_changes() -> dict[str, Change]:
    """Return ways to damage an archive, by name; used for every kind of npz file."""
    return {
        "no bytes": lambda whole: b"",
        "text": lambda whole: b"an archive",
        "half of it": lambda whole: whole[: len(whole) // 2],
        "no directory": lambda whole: whole[:-22],
        "a password": encrypted,
        "an unknown compression": lambda whole: _in_headers(whole, 10, 8, (99).to_bytes(2, "little")),
        "a wrong checksum": lambda whole: _in_headers(whole, 16, 14, bytes(4)),
        "a size of 4 GB": lambda whole: _in_headers(whole, 24, 22, b"\xfe\xff\xff\xff"),
        "zeros in the middle": lambda whole: (
            whole[: len(whole) // 2] + bytes(100) + whole[len(whole) // 2 + 100 :]
        ),
    }


def encrypted(whole: bytes) -> bytes:
    """Set the flag of a password for every member."""
    return _in_headers(whole, 8, 6, b"\x01\x00")


def _in_headers(whole: bytes, central: int, local: int, value: bytes) -> bytes:
    """Put bytes at offsets of all entries of the directory, and of all members' own headers."""
    for magic, offset in ((b"PK\x01\x02", central), (b"PK\x03\x04", local)):
        start = whole.find(magic)
        while start >= 0:
            whole = whole[: start + offset] + value + whole[start + offset + len(value) :]
            start = whole.find(magic, start + 4)
    return whole


def flipped(path: Path, read: Callable[[Path], bytes]) -> None:
    """Read a file with one flipped byte, at many places: refused by name, or read as if whole."""
    content, whole = path.read_bytes(), read(path)
    positions = sorted({int(place) for place in np.linspace(0, len(content) - 1, PLACES)})
    for position, damaged in corrupted(content, positions):
        path.write_bytes(damaged)
        try:
            found = read(path)
        except (FileError, FileNotFoundError) as error:
            if path.name not in str(error):
                raise
        else:
            assert found == whole, f"the byte at {position} changes what is read"


def _dsprites() -> Iterator[Case]:
    read = lambda path: _pixels(read_dsprites(path))  # noqa: E731
    for name, change in archive_changes().items():
        yield Case(f"dSprites: {name}", partial(changed, write=_write_dsprites, change=change), read)
    grey, table = BITS * 200, np.column_stack([np.ones(32), GRID])
    members: dict[str, dict[str, bytes | None]] = {
        "no images": {"imgs": None},
        "no factors": {"latents_values": None},
        "grey images": {"imgs": npy(grey)},
        "images of floats": {"imgs": npy(BITS.astype(np.float32))},
        "bools": {"imgs": npy(BITS.astype(bool))},
        "images of bytes with a sign": {"imgs": npy(BITS.astype(np.int8))},
        "channels last": {"imgs": npy(BITS[..., None])},
        "images that aren't square": {"imgs": npy(BITS[:, :4])},
        "images in the order of Fortran": {"imgs": npy(np.asfortranarray(BITS))},
        "images of no pixels": {"imgs": npy(BITS[:, :0, :0])},
        "no image": {"imgs": npy(BITS[:0]), "latents_values": npy(table[:0])},
        "an image less": {"imgs": npy(BITS[:-1])},
        "2**40 images": {"imgs": npy(BITS, (2**40, 8, 8))},
        "2**63 images": {"imgs": npy(BITS, (2**63, 2**63, 2**63))},
        "-1 images": {"imgs": npy(BITS, (-1, 8, 8))},
        "2**40 factors": {"latents_values": npy(table, (2**40, 6))},
        "version 2 of the format": {"imgs": npy(BITS, version=2)},
        "a cut header": {"imgs": npy(BITS)[:40]},
        "a header that isn't Python": {"imgs": npy(BITS).replace(b"{", b"(")},
        "a header nested deep": {"imgs": npy(BITS).replace(b"'descr'", b"[[[[[[[")},
        "an array of objects": {"imgs": npy(BITS).replace(b"'|u1'", b"'|O' ")},
        "factors of text": {"latents_values": npy(table.astype("U3"))},
        "factors of complex numbers": {"latents_values": npy(table.astype(complex))},
        "NaN for a factor": {"latents_values": npy(np.where(table == 0, np.nan, table))},
        "infinite factors": {"latents_values": npy(np.where(table == 0, np.inf, table))},
        "factors in random order": {"latents_values": npy(np.random.default_rng(0).permutation(table))},
        "factors that are all different": {"latents_values": npy(np.random.default_rng(0).random((32, 6)))},
        "a row of factors": {"latents_values": npy(table[0])},
        "four factors": {"latents_values": npy(table[:, :4])},
    }
    for name, other in members.items():
        yield Case(f"dSprites: {name}", partial(_write_dsprites, other=other), read)
    yield Case("dSprites: one flipped byte", _write_dsprites, partial(flipped, read=read), False, 60)
    yield Case("dSprites: a folder", _make_folder, read)
    yield Case("dSprites: as published", _write_dsprites, _check_bits, False)


def _shapes3d() -> Iterator[Case]:
    read = lambda path: _pixels(read_shapes3d(path))  # noqa: E731
    changes: dict[str, Change] = {
        "no bytes": lambda whole: b"",
        "text": lambda whole: b"images",
        "half of it": lambda whole: whole[: len(whole) // 2],
        "all zeros but the head": lambda whole: whole[:512] + bytes(len(whole) - 512),
    }
    for name, change in changes.items():
        yield Case(f"3D Shapes: {name}", partial(changed, write=_write_shapes3d, change=change), read)
    contents: dict[str, dict[str, Any]] = {
        "no images": {"images": None},
        "no labels": {"labels": None},
        "images of floats": {"images": PICTURES / 255},
        "channels first": {"images": np.moveaxis(PICTURES, -1, 1)},
        "images without channels": {"images": PICTURES[..., 0]},
        "an image less": {"images": PICTURES[:-1]},
        "no image": {"images": PICTURES[:0], "labels": HUES[:0]},
        "text for labels": {"labels": np.full((64, 6), b"a")},
        "NaN for labels": {"labels": np.where(HUES == 0, np.nan, HUES)},
        "five labels": {"labels": HUES[:, :5]},
        "all labels equal": {"labels": np.zeros_like(HUES)},
        "labels that are all different": {"labels": np.random.default_rng(0).random((64, 6))},
        "a group of images": {"images": "group"},
        "images in another file that is missing": {"images": h5py.ExternalLink("none.h5", "images")},
        "2**40 images that aren't stored": {"images": (2**40, 8, 8, 3), "labels": (2**40, 6)},
    }
    for name, other in contents.items():
        yield Case(f"3D Shapes: {name}", partial(_write_shapes3d, **other), read)
    yield Case("3D Shapes: a damaged chunk", _damage_chunk, read)
    yield Case("3D Shapes: as published", _write_shapes3d, _check_pictures, False)


def _cifar() -> Iterator[Case]:
    record = bytes([3]) + bytes(3072)
    contents = {"no bytes": b"", "a byte too many": record + b"x", "a label of 10": bytes([10]) + record[1:]}
    for name, content in contents.items():
        yield Case(f"CIFAR-10: {name}", partial(_write_cifar, content=content), cifar)
    yield Case("CIFAR-10: a terabyte of nothing", partial(_write_cifar, content=None), cifar)
    yield Case("CIFAR-10: nothing", lambda folder: _make_folder(folder) / "data_batch_1.bin", cifar)
    yield Case("CIFAR-10: an image", partial(_write_cifar, content=record), cifar, False)


def _pixels(source: StoredImages) -> bytes:
    return source.render_factors(source.combinations(np.arange(len(source)))).tobytes()


def _check_bits(path: Path) -> None:
    assert _pixels(read_dsprites(path)) == (255 * BITS).tobytes()


def _check_pictures(path: Path) -> None:
    assert _pixels(read_shapes3d(path)) == PICTURES.tobytes()


def _write_dsprites(folder: Path, other: Mapping[str, bytes | None] = MappingProxyType({})) -> Path:
    table = np.column_stack([np.ones(32), GRID])
    members = {"imgs": npy(BITS), "latents_values": npy(table), **other}
    kept = {name: content for name, content in members.items() if content is not None}
    return write_zip(folder / "dsprites.npz", kept)


def _write_shapes3d(folder: Path, **other: Any) -> Path:
    path = folder / "3dshapes.h5"
    with h5py.File(path, "w") as file:
        for name, value in ({"images": PICTURES, "labels": HUES} | other).items():
            if isinstance(value, tuple):
                dtype = np.uint8 if name == "images" else np.float64
                file.create_dataset(name, value, dtype, chunks=(1, *value[1:]))
            elif isinstance(value, str):
                file.create_group(name)
            elif isinstance(value, h5py.ExternalLink):
                file[name] = value
            elif value is not None:
                file.create_dataset(name, data=value, compression="gzip" if len(value) else None)
    return path


def _damage_chunk(folder: Path) -> Path:
    path = _write_shapes3d(folder)
    with h5py.File(path) as file:
        offset = file["images"].id.get_chunk_info(0).byte_offset
    content = path.read_bytes()
    path.write_bytes(content[: offset + 8] + bytes(64) + content[offset + 72 :])
    return path


def _write_cifar(folder: Path, content: bytes | None) -> Path:
    for name in (*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin"):
        with (folder / name).open("wb") as file:
            if content is None:
                file.truncate(3073 * 10**9 // 3)  # a sparse file takes no space
            else:
                file.write(content)
    return folder


def _make_folder(folder: Path) -> Path:
    (folder / "folder.npz").mkdir()
    return folder / "folder.npz"

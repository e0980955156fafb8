"""Sources of videos: shapes that move, characters that act, a user's own files."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from unknot.files import FileError
from unknot.models.data.sprites import ATTRIBUTES, Sprites
from unknot.models.data.stream import stream
from unknot.models.data.video_files import OwnVideos, read_videos
from unknot.models.data.videos import ACTIONS, MOTIONS, CharacterActions, ShapeMotion
from unknot.report import save_gif


def a_square(motion: str, **changed: Any) -> dict[str, NDArray[Any]]:
    """Return the factors of a small square that keeps to the middle of its other axis."""
    factors: dict[str, Any] = {"motion": [MOTIONS.index(motion)], "shape": [0], "size": [0]}
    factors |= {"colour": [[1.0, 0.4, 0.0]], "start": [0.5], "path": [[0.5, 0.5, 0.5]]}
    return {name: np.array(each) for name, each in (factors | changed).items()}


def places(video: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the middle of what is lit in each frame, across and down."""
    return np.array([np.argwhere(frame.any(-1))[:, ::-1].mean(0) for frame in video])


@pytest.mark.parametrize(("pixels", "side"), [(64, 8), (32, 4)])
def test_a_shape_has_one_exact_colour_and_the_same_pixels_in_every_frame(pixels: int, side: int) -> None:
    video = ShapeMotion(pixels=pixels).render_factors(a_square("up"))[0]
    for frame in video:
        rows, columns = np.flatnonzero(frame.any((1, 2))), np.flatnonzero(frame.any((0, 2)))
        assert len(rows) == len(columns) == np.ptp(rows) + 1 == np.ptp(columns) + 1 == side
        assert set(map(tuple, frame[frame.any(-1)].tolist())) == {(255, 102, 0)}


@pytest.mark.parametrize(("motion", "axis"), [("up", 1), ("left", 0)])
def test_a_class_moves_from_edge_to_edge_along_its_axis_and_stays_on_the_other(
    motion: str, axis: int
) -> None:
    course = places(ShapeMotion(frames=20).render_factors(a_square(motion))[0])
    np.testing.assert_allclose(course[:, axis], np.linspace(55, 8, 20), atol=0.5)
    np.testing.assert_array_equal(course[:, 1 - axis], course[0, 1 - axis])


def test_the_other_axis_follows_a_bezier_curve() -> None:
    source = ShapeMotion(frames=5)
    given = a_square("up", start=np.array([0.0]), path=np.array([[1.0, 0.0, 1.0]]))
    middle = 0.5  # (0 + 3 × 1 + 3 × 0 + 1) / 8
    across = source.centres(given)[0, :, 0]
    np.testing.assert_allclose(across[[0, 2, 4]], 8 + 47 * np.array([0, middle, 1]))


def test_real_shapes_never_leave_the_frame_and_every_kind_is_sampled() -> None:
    source = ShapeMotion(pixels=32, frames=32)
    factors = source.sample_factors(300, np.random.default_rng(0))
    corners = {
        name: np.random.default_rng(1).integers(2, size=factors[name].shape) for name in ("start", "path")
    }
    videos = source.render_factors(factors | corners)
    areas = videos.any(-1).sum((2, 3))
    assert (areas == areas[:, :1]).all()
    kinds = set(zip(*(factors[name].tolist() for name in ("motion", "shape", "size")), strict=True))
    assert len(kinds) == 16
    assert factors["colour"].max(1).min() >= 0.5


@pytest.mark.parametrize("source", [ShapeMotion(pixels=32), CharacterActions(pixels=16)])
def test_videos_stream_the_same_for_the_same_step(source: Any) -> None:
    batch_at = stream(source, 3, seed=0, factors=True)
    batch, again = batch_at(5), pickle.loads(pickle.dumps(batch_at))(5)
    assert batch["observation"].shape == (3, 16, source.pixels, source.pixels, 3)
    assert all(batch[name].equal(again[name]) for name in batch)
    assert not batch["observation"].equal(batch_at(6)["observation"])


def test_a_character_shows_the_poses_of_its_action_in_turn() -> None:
    source, sprites = CharacterActions(pixels=16, frames=10), Sprites(pixels=16)
    walk = list(ACTIONS).index("walk")
    who = {name: np.zeros(1, int) for name in ATTRIBUTES}
    video = source.render_factors({**who, "action": np.array([walk]), "phase": np.array([2])})[0]
    for frame, pose in zip(video, (2, 2, 0, 0, 1, 1, 0, 0, 2, 2), strict=True):
        look = {"view": np.zeros(1, int), "pose": np.array([pose])}
        np.testing.assert_array_equal(frame, sprites.render_factors({**who, **look})[0])


def test_other_sizes_and_factors_are_refused() -> None:
    for arguments in ({"pixels": 48}, {"frames": 1}):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            ShapeMotion(**arguments)
    with pytest.raises(ValueError, match="period"):
        CharacterActions(period=3)
    with pytest.raises(ValueError, match=r"path must be of shape \(1, 3\)"):
        ShapeMotion().render_factors(a_square("up", path=np.array([0.5])))


def test_own_videos_are_read_from_gifs_and_folders_of_frames(tmp_path: Path) -> None:
    frames = np.zeros((3, 8, 12, 3), np.uint8)
    frames[1, :, 2:10], frames[2, :, 2:6] = 255, [255, 0, 0]
    save_gif(frames, tmp_path / "b.gif")
    (tmp_path / "a").mkdir()
    (tmp_path / "notes.txt").write_text("no video")
    for k, frame in enumerate(frames[:2]):
        Image.fromarray(frame).save(tmp_path / "a" / f"{k:02}.png")
    folder, gif = read_videos(tmp_path, pixels=4, frames=2)
    assert (folder.shape, gif.shape) == ((2, 4, 4, 3), (3, 4, 4, 3))
    assert folder[1].min() == 255  # the central square alone
    np.testing.assert_array_equal(gif[2, 0, :, 0], [255, 255, 0, 0])


def test_own_videos_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none is not a folder"):
        read_videos(tmp_path / "none", 8, 2)
    with pytest.raises(FileError, match="has no videos"):
        read_videos(tmp_path, 8, 2)
    save_gif(np.zeros((1, 8, 8, 3), np.uint8), tmp_path / "short.gif")
    with pytest.raises(FileError, match=r"short\.gif has 1 frames; a video must have at least 2"):
        read_videos(tmp_path, 8, 2)
    (tmp_path / "short.gif").write_bytes(b"GIF89a, but no more")
    with pytest.raises(FileError, match=r"short\.gif is not an image"):
        read_videos(tmp_path, 8, 1)


def test_clips_are_consecutive_frames_and_depend_on_the_step_alone() -> None:
    videos = [
        np.arange(start, start + length, dtype=np.uint8)[:, None, None, None]
        for start, length in ((0, 5), (100, 9))
    ]
    batch_at = stream(OwnVideos(videos, frames=4), 50, seed=0)
    clips = batch_at(3)["observation"][..., 0, 0, 0].numpy().astype(int)
    assert (np.diff(clips, axis=1) == 1).all()
    assert set(clips[:, 0]) == {0, 1, *range(100, 106)}
    assert batch_at(3)["observation"].equal(batch_at(3)["observation"])
    ends = OwnVideos(videos, frames=4).render_factors(
        {"video": np.array([1, 1]), "moment": np.array([0.0, 1])}
    )
    assert ends[:, 0].ravel().tolist() == [100, 105]
    with pytest.raises(ValueError, match="at least frames=6"):
        OwnVideos(videos, frames=6)
    with pytest.raises(ValueError, match="at least one"):
        OwnVideos([], frames=6)

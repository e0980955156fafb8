"""The training loop: exact resume, interrupts, what it refuses."""

import signal
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from unknot.files import WEIGHTS, WeightsError, load_weights, save_weights
from unknot.learners import LEARNERS
from unknot.models.image.pca import PCA
from unknot.models.image.vae import VAE
from unknot.representation.learner import Learner, image_tensor, load_learner, save_learner
from unknot.representation.training import CHECKPOINT, minibatches, train


class Tiny(Learner):
    """An autoencoder of two by two pixels: noise, dropout, two optimisers that take turns, a step count."""

    steps: Tensor
    noise = 0.1

    def __init__(self, *, width: int = 3) -> None:
        super().__init__()
        self.width = width
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(4, width))
        self.decoder = nn.Sequential(nn.Dropout(0.3), nn.Linear(width, 4))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.optimizers = {
            "encoder": torch.optim.Adam(self.encoder.parameters(), lr=1e-2, betas=(0.8, 0.99)),
            "decoder": torch.optim.SGD(self.decoder.parameters(), lr=1e-2, momentum=0.9),
        }

    def settings(self) -> dict[str, Any]:
        return {"width": self.width}

    def encode(self, images: np.ndarray[Any, np.dtype[np.uint8]] | Tensor) -> Tensor:
        codes: Tensor = self.encoder(image_tensor(images, self.steps.device))
        return codes

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        target = image_tensor(batch["observation"], self.steps.device).flatten(1)
        codes = self.encode(batch["observation"])
        loss = (self.decoder(codes + self.noise * torch.randn_like(codes)) - target).square().mean()
        optimizer = self.optimizers["encoder" if self.steps % 2 else "decoder"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        self.steps += 1
        return {"loss": loss.detach(), "rate": 0.01}


class Wide(Tiny):
    """Another learner of the same shapes."""


IMAGES = np.random.default_rng(0).integers(0, 256, (50, 2, 2, 1), dtype=np.uint8)
BATCH_AT = minibatches({"observation": IMAGES}, 8, seed=0)


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LEARNERS, "Tiny", __name__)


def fresh(kind: type[Tiny] = Tiny) -> Tiny:
    torch.manual_seed(0)
    return kind()


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(
        torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


def interrupting(step: int) -> Callable[[int], dict[str, Tensor]]:
    def batch_at(at: int) -> dict[str, Tensor]:
        if at == step:
            signal.raise_signal(signal.SIGINT)
        return BATCH_AT(at)

    return batch_at


def test_minibatches_cover_an_epoch_once_and_depend_on_the_step_alone() -> None:
    batch_at = minibatches({"row": np.arange(12)}, 4, seed=3)
    first = [batch_at(step)["row"].tolist() for step in range(6)]
    for epoch in (first[:3], first[3:]):
        assert sorted(row for batch in epoch for row in batch) == list(range(12))
    assert first[:3] != first[3:]
    assert [batch_at(step)["row"].tolist() for step in reversed(range(6))] == first[::-1]


@pytest.mark.parametrize(
    ("data", "size", "words"),
    [
        ({"a": np.zeros(3), "b": np.zeros(4)}, 1, "one length"),
        ({}, 1, "data must be arrays by name"),
        ({"a": np.zeros(3)}, 4, "batch_size must be from 1 to the 3 rows there are, not 4"),
        ({"a": np.zeros(3)}, 0, "batch_size"),
    ],
)
def test_wrong_minibatches_are_refused(data: dict[str, Any], size: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        minibatches(data, size, seed=0)


def test_an_interrupted_run_resumes_to_the_numbers_of_an_unbroken_one(tmp_path: Path) -> None:
    whole = fresh()
    expected = train(whole, BATCH_AT, 25, progress=False)

    broken = fresh()
    with pytest.raises(KeyboardInterrupt):
        train(broken, interrupting(10), 25, folder=tmp_path, progress=False)
    torch.manual_seed(99)
    resumed = Tiny()
    assert int(load_learner(tmp_path / WEIGHTS).get_buffer("steps")) == 11
    assert train(resumed, BATCH_AT, 25, folder=tmp_path, resume=True, progress=False) == expected
    assert same(whole, resumed)
    assert same(whole, load_learner(tmp_path / WEIGHTS))


def test_a_crash_resumes_from_the_last_checkpoint(tmp_path: Path) -> None:
    def failing(step: int) -> dict[str, Tensor]:
        if step == 17:
            raise OSError("the disk of the data is gone")
        return BATCH_AT(step)

    whole = fresh()
    train(whole, BATCH_AT, 25, progress=False)
    resumed, broken = Tiny(), fresh()
    with pytest.raises(OSError, match="disk"):
        train(broken, failing, 25, folder=tmp_path, checkpoint_every=5, progress=False)
    train(resumed, BATCH_AT, 25, folder=tmp_path, resume=True, progress=False)
    assert same(whole, resumed)


@pytest.mark.parametrize("left", ["none", "those of an earlier step"])
def test_a_kill_between_the_last_checkpoint_and_the_weights_loses_nothing(left: str, tmp_path: Path) -> None:
    train(fresh(), BATCH_AT, 5, folder=tmp_path, checkpoint_every=2, progress=False)
    whole = (tmp_path / WEIGHTS).read_bytes()
    (tmp_path / WEIGHTS).unlink()
    if left != "none":
        train(fresh(), BATCH_AT, 4, folder=tmp_path / "earlier", progress=False)
        (tmp_path / "earlier" / WEIGHTS).rename(tmp_path / WEIGHTS)
    train(Tiny(), BATCH_AT, 5, folder=tmp_path, resume=True, progress=False)
    assert (tmp_path / WEIGHTS).read_bytes() == whole


def test_a_finished_run_resumes_to_itself(tmp_path: Path) -> None:
    learner = fresh()
    scalars = train(learner, BATCH_AT, 5, folder=tmp_path, progress=False)
    again = Tiny()
    assert train(again, BATCH_AT, 5, folder=tmp_path, resume=True, progress=False) == scalars
    assert same(learner, again)
    assert not again.training


def test_scalars_reach_tensorboard_and_a_resume_replaces_those_after_the_checkpoint(
    tmp_path: Path,
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(fresh(), BATCH_AT, 4, folder=tmp_path, log_every=2, progress=False)
    train(fresh(), BATCH_AT, 8, folder=tmp_path, log_every=2, resume=True, progress=False)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [event.step for event in events.Scalars("loss")] == [2, 4, 6, 8]


class Quiet(Tiny):
    """Tiny without noise, so that the share of a batch that a process has decides nothing."""

    noise = 0.0

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        self.eval()
        return super().update(batch)


def _train_quiet(fabric: Fabric, folder: Path) -> None:
    for steps in (3, 6):
        torch.manual_seed(fabric.global_rank)
        learner = Quiet()
        train(learner, BATCH_AT, steps, folder=folder, resume=True, fabric=fabric, progress=False)
    # Otherwise gloo's threads may be running when the process ends, which then now and then aborts.
    torch.distributed.destroy_process_group()


def test_two_processes_train_what_one_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LEARNERS, "Quiet", __name__)
    one = fresh(Quiet)
    train(one, BATCH_AT, 6, progress=False)
    Fabric(accelerator="cpu", devices=2, strategy="ddp_spawn").launch(partial(_train_quiet, folder=tmp_path))
    two = load_learner(tmp_path / WEIGHTS)
    for name, tensor in one.state_dict().items():
        torch.testing.assert_close(two.state_dict()[name], tensor, msg=name)
    with pytest.raises(ValueError, match="is of 2 processes"):
        train(Quiet(), BATCH_AT, 6, folder=tmp_path, resume=True, progress=False)


def test_an_existing_checkpoint_is_not_overwritten(tmp_path: Path) -> None:
    train(fresh(), BATCH_AT, 2, folder=tmp_path, progress=False)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FileExistsError, match="exists already: resume"):
        train(fresh(), BATCH_AT, 2, folder=tmp_path, progress=False)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_checkpoint_of_another_learner_is_refused(tmp_path: Path) -> None:
    train(fresh(), BATCH_AT, 2, folder=tmp_path, progress=False)
    for other, words in [(Wide(), "of Tiny, not of Wide"), (Tiny(width=5), "settings")]:
        before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
        with pytest.raises(WeightsError, match=words):
            train(other, BATCH_AT, 4, folder=tmp_path, resume=True, progress=False)
        assert all(torch.equal(before[name], tensor) for name, tensor in other.state_dict().items())
    with pytest.raises(ValueError, match="at least the 2"):
        train(fresh(), BATCH_AT, 1, folder=tmp_path, resume=True, progress=False)
    save_learner(fresh(), tmp_path / CHECKPOINT)
    with pytest.raises(WeightsError, match="is not a checkpoint"):
        train(fresh(), BATCH_AT, 4, folder=tmp_path, resume=True, progress=False)


def test_a_loss_that_is_not_finite_ends_training_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    learner = fresh()
    train(learner, BATCH_AT, 3, folder=tmp_path, progress=False)
    before = (tmp_path / CHECKPOINT).read_bytes()
    resumed = fresh()
    resumed.decoder.register_forward_hook(lambda module, inputs, output: output * float("nan"))
    with pytest.raises(FloatingPointError, match="loss is nan at step 4"):
        train(
            resumed,
            BATCH_AT,
            6,
            folder=tmp_path,
            resume=True,
            log_every=1,
            checkpoint_every=1,
            progress=False,
        )
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_learners_are_saved_and_loaded_in_full_and_half_precision(tmp_path: Path) -> None:
    learner = fresh().eval()
    save_learner(learner, tmp_path / "full")
    save_learner(learner, tmp_path / "half", half=True)
    random = torch.get_rng_state()
    full, half = load_learner(tmp_path / "full"), load_learner(tmp_path / "half")
    assert torch.equal(torch.get_rng_state(), random)
    assert same(learner, full)
    assert torch.equal(full.encode(IMAGES), learner.encode(IMAGES))
    assert half.encode(IMAGES).dtype == torch.float32
    torch.testing.assert_close(half.encode(IMAGES), learner.encode(IMAGES), atol=2e-3, rtol=0)
    assert not torch.equal(half.encode(IMAGES), learner.encode(IMAGES))


def test_files_that_fit_no_learner_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_learner(Wide(), tmp_path / "wide")
    with pytest.raises(WeightsError, match="unknown learner 'Wide'"):
        load_learner(tmp_path / "wide")
    learner = fresh()
    learner.width = 4  # the file says 4, its weights are of 3
    save_learner(learner, tmp_path / "unfit")
    with pytest.raises(WeightsError, match="does not fit Tiny"):
        load_learner(tmp_path / "unfit")
    tensors, header = load_weights(tmp_path / "unfit")
    for settings in ({"breadth": 3}, {"width": "3"}):  # unknown, and of another type
        save_weights(tmp_path / "settings", tensors, header.kind, settings)
        with pytest.raises(WeightsError, match=r"settings \(of unknot \S+\) has settings that Tiny"):
            load_learner(tmp_path / "settings")


def test_image_tensor() -> None:
    tensor = image_tensor(np.full((2, 4, 5, 3), 255, np.uint8))
    assert tensor.shape == (2, 3, 4, 5)
    assert tensor.dtype == torch.float32
    assert tensor.max() == tensor.min() == 1
    wrongs: list[Any] = [np.zeros((2, 4, 5, 3), np.float32), np.zeros((4, 5, 3), np.uint8)]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"uint8 \(n, height, width, channels\), not"):
            image_tensor(wrong)


def test_learners_are_found_by_run_and_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for model in ("one", "two"):
        save_learner(PCA(shape=(4, 4, 1), latent_dim=2), f"runs/maze/now/seed-0/{model}/{WEIGHTS}")
    names = ("maze/now/two", "maze/two", f"runs/maze/now/seed-0/two/{WEIGHTS}", "runs/maze/now/seed-0/one")
    for name in names:
        assert isinstance(load_learner(name), PCA)
    with pytest.raises(FileNotFoundError, match="did you mean"):
        load_learner("maze/now")
    with pytest.raises(FileNotFoundError, match="no learner 'nowhere'"):
        load_learner("nowhere")


def _vae_on(monkeypatch: pytest.MonkeyPatch, *accelerators: str) -> VAE:
    torch.manual_seed(0)
    learner = VAE(shape=(8, 8, 1), latent_dim=2, width=2, hidden=4)
    images = torch.randint(256, (4, 8, 8, 1), dtype=torch.uint8)
    for accelerator in accelerators:
        monkeypatch.setenv("LT_ACCELERATOR", accelerator)
        train(learner, lambda step: {"observation": images}, 5, progress=False)
        assert learner.encode(images).device.type == "cpu"
    return learner


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_learner_returns_from_the_gpu_and_can_continue(monkeypatch: pytest.MonkeyPatch) -> None:
    _vae_on(monkeypatch, "gpu", "cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_seed_gives_the_same_weights_on_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert same(_vae_on(monkeypatch, "gpu"), _vae_on(monkeypatch, "gpu"))


@pytest.mark.parametrize(
    "batch", [None, {"observation": 7}, {"observation": torch.tensor(7)}, [torch.ones(2)]]
)
def test_what_is_no_batch_is_refused(batch: Any) -> None:
    learner = fresh().eval()
    with pytest.raises(ValueError, match="batch_at must return a dict of tensors that have rows, not"):
        train(learner, lambda _: batch, 1, progress=False)
    assert not learner.training

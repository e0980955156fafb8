"""Weights that can't be a learner's are refused before anything is built, and precisions are kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from safetensors.torch import load_file

from unknot.files import BFLOAT16, WEIGHTS, WeightsError, load_weights, save_weights
from unknot.models.image.factor_generator import FactorGenerator
from unknot.models.image.vae import VAE
from unknot.representation import Trainable, load_learner, save_learner, train
from unknot.representation.training import CHECKPOINT
from unknot.run_folders import find_seed, pretrained_names

SETTINGS: dict[str, Any] = {"shape": (8, 8, 1), "latent_dim": 3, "width": 2, "hidden": 4, "network": "dense"}
WEIGHT = "decoder.0.weight"
IMAGES = torch.zeros(4, 8, 8, 1, dtype=torch.uint8)

Arrays = dict[str, NDArray[Any]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / WEIGHTS
    save_learner(VAE(**SETTINGS), path)
    return path


def rewrite(path: Path, change: Callable[[Arrays], Arrays] = dict, **settings: Any) -> None:
    tensors, header = load_weights(path)
    save_weights(path, change(tensors), header.kind, header.settings | settings)


@pytest.mark.parametrize(
    "settings",
    [{"latent_dim": 10**12}, {"hidden": 10**30}, {"shape": [8, 8, 10**12]}, {"shape": []}, {"latent_dim": 4}],
)
def test_settings_that_do_not_fit_the_tensors_are_refused_before_anything_is_built(
    path: Path, settings: dict[str, Any]
) -> None:
    rewrite(path, **settings)
    with pytest.raises(WeightsError, match=r"weights\.safetensors .*(does not fit|does not take)"):
        load_learner(path)


def test_settings_of_endless_layers_are_refused(path: Path) -> None:
    tensors, _ = load_weights(path)
    save_weights(path, tensors, "FactorVAE", {"shape": (8, 8, 1), "discriminator_layers": 10**12})
    with pytest.raises(WeightsError, match="far more than the file has"):
        load_learner(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda array: array.astype(np.int32), rf"{WEIGHT} must be torch.float32, not torch.int32"),
        (lambda array: array > 0, rf"{WEIGHT} must be torch.float32, not torch.bool"),
        (lambda array: array[None], rf"{WEIGHT} must have the shape \(4, 3\), not \(1, 4, 3\)"),
        (lambda array: array * np.nan, rf"{WEIGHT} is NaN or infinite"),
        (lambda array: array + np.inf, rf"{WEIGHT} is NaN or infinite"),
    ],
)
def test_a_tensor_that_can_not_be_a_weight_is_named(
    path: Path, change: Callable[[NDArray[Any]], NDArray[Any]], words: str
) -> None:
    rewrite(path, lambda tensors: tensors | {WEIGHT: change(tensors[WEIGHT])})
    with pytest.raises(WeightsError, match=words):
        load_learner(path)


def test_missing_and_unknown_tensors_are_named(path: Path) -> None:
    rewrite(path, lambda tensors: tensors | {"other": np.zeros(3)})
    with pytest.raises(WeightsError, match="it has the tensor other"):
        load_learner(path)
    rewrite(path, lambda tensors: {name: a for name, a in tensors.items() if name not in (WEIGHT, "other")})
    with pytest.raises(WeightsError, match=f"it lacks the tensor {WEIGHT}"):
        load_learner(path)


def test_a_buffer_that_begins_as_nan_is_loaded(tmp_path: Path) -> None:
    learner = FactorGenerator(factors={"x": (0.5, 0.3)}, shape=(8, 8, 1), growth=3, width=2, hidden=4)
    assert learner.trace.isnan().any()
    save_learner(learner, tmp_path / WEIGHTS)
    assert load_learner(tmp_path / WEIGHTS, kind=FactorGenerator).trace.isnan().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_learner_comes_back_in_its_precision(tmp_path: Path, dtype: torch.dtype) -> None:
    learner = VAE(**SETTINGS).to(dtype).eval()
    save_learner(learner, tmp_path / WEIGHTS)
    again = load_learner(tmp_path / WEIGHTS, kind=VAE)
    for name, tensor in learner.state_dict().items():
        assert again.state_dict()[name].dtype == tensor.dtype
        assert torch.equal(again.state_dict()[name], tensor)
    optimised = {p for o in again.optimizers.values() for group in o.param_groups for p in group["params"]}
    assert optimised == set(again.parameters())


def test_a_learner_in_bfloat16_resumes_exactly(tmp_path: Path) -> None:
    def trained(steps: int, **options: Any) -> VAE:
        torch.manual_seed(0)
        learner = VAE(**SETTINGS).to(torch.bfloat16)
        fabric = Fabric(devices=1, accelerator="cpu", precision="bf16-mixed")
        train(learner, lambda step: {"observation": IMAGES}, steps, progress=False, fabric=fabric, **options)
        return learner

    whole = trained(4)
    trained(2, folder=tmp_path)
    resumed = trained(4, folder=tmp_path, resume=True)
    again = load_learner(tmp_path / WEIGHTS)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], tensor)
        assert torch.equal(again.state_dict()[name], tensor)
    assert again.state_dict()[WEIGHT].dtype == torch.bfloat16


def test_bits_of_bfloat16_are_those_of_torch(tmp_path: Path) -> None:
    bits = np.array([0x3FC0, 0xC000], np.uint16).view(BFLOAT16)
    save_weights(tmp_path / WEIGHTS, {"a": bits}, "Net", {})
    assert torch.equal(load_file(tmp_path / WEIGHTS)["a"], torch.tensor([1.5, -2.0], dtype=torch.bfloat16))
    assert load_weights(tmp_path / WEIGHTS)[0]["a"].tobytes() == bits.tobytes()


def test_a_weight_too_large_for_float16_is_not_stored_as_half(tmp_path: Path) -> None:
    learner = VAE(**SETTINGS)
    learner.state_dict()[WEIGHT][0, 0] = 1e6
    with pytest.raises(ValueError, match=rf"{WEIGHT} must be within float16's range"):
        save_learner(learner, tmp_path / WEIGHTS, half=True)
    assert not (tmp_path / WEIGHTS).exists()


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # of torch's own tracing
def test_compiled_learners_are_saved_and_resumed_like_others(tmp_path: Path) -> None:
    def learner() -> VAE:
        torch.manual_seed(0)
        return VAE(**SETTINGS)

    def trained(learner: VAE, steps: int, **options: Any) -> VAE:
        train(learner, lambda step: {"observation": IMAGES}, steps, progress=False, **options)
        return learner

    whole = trained(learner(), 4).state_dict()
    compiled: Any = torch.compile(learner(), backend="eager")
    trained(compiled, 2, folder=tmp_path)
    assert not compiled.training
    part = learner()
    part.decoder = torch.compile(part.decoder, backend="eager")  # type: ignore[assignment]
    trained(part, 4, folder=tmp_path, resume=True)
    save_learner(compiled, tmp_path / "compiled")
    original = compiled._orig_mod.state_dict()
    for path, expected in ((tmp_path / WEIGHTS, whole), (tmp_path / "compiled", original)):
        found = load_learner(path, kind=VAE).state_dict()
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, settings: settings.pop("step"),
        lambda tensors, settings: settings.pop("optimizers"),
        lambda tensors, settings: settings["optimizers"].clear(),
        lambda tensors, settings: settings["optimizers"]["adam"]["groups"][0].pop("lr"),
        lambda tensors, settings: settings["optimizers"]["adam"]["values"].update(one={}),
        lambda tensors, settings: tensors.pop("random/cpu"),
        lambda tensors, settings: tensors.update({"random/cpu": np.zeros((1, 3), np.uint8)}),
        lambda tensors, settings: tensors.update({"optimizer/adam/0/exp_avg": np.zeros(3, np.float32)}),
        lambda tensors, settings: tensors.update({"optimizer/adam/99/exp_avg": np.zeros(3, np.float32)}),
        lambda tensors, settings: tensors.update({f"learner/{WEIGHT}": np.zeros(3, np.float32)}),
    ],
)
def test_a_damaged_checkpoint_is_named_and_changes_nothing(
    tmp_path: Path, change: Callable[[Arrays, dict[str, Any]], object]
) -> None:
    learner = VAE(**SETTINGS)
    options: dict[str, Any] = {"folder": tmp_path, "progress": False}
    train(learner, lambda step: {"observation": IMAGES}, 2, **options)
    tensors, header = load_weights(tmp_path / CHECKPOINT)
    change(tensors, header.settings)
    save_weights(tmp_path / CHECKPOINT, tensors, header.kind, header.settings)
    fresh = VAE(**SETTINGS)
    before = {name: tensor.clone() for name, tensor in fresh.state_dict().items()}
    with pytest.raises(WeightsError, match=r"checkpoint\.safetensors (is damaged|does not fit)"):
        train(fresh, lambda step: {"observation": IMAGES}, 4, resume=True, **options)
    assert all(torch.equal(tensor, before[name]) for name, tensor in fresh.state_dict().items())


@pytest.mark.parametrize("name", pretrained_names())
def test_every_shipped_weight_comes_back_as_it_is_stored(name: str) -> None:
    for path in sorted(find_seed(name).rglob(WEIGHTS)):
        stored, _ = load_weights(path)
        learner = load_learner(path, kind=Trainable)
        for key, tensor in learner.state_dict().items():
            kinds = (torch.int16,) if key == "kept" else (torch.float32, torch.int64, torch.bool)
            assert tensor.dtype in kinds  # "kept": sentences of MMDTraversal
            np.testing.assert_array_equal(tensor.numpy(), stored[key])

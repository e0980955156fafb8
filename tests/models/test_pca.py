"""Principal components, against the singular values of the images."""

import pytest
import torch

from unknot.models import PCA, Blob, stream


def test_pca_finds_the_directions_of_the_singular_values() -> None:
    torch.manual_seed(0)
    images = stream(Blob(pixels=16), 400, seed=0)(0)["observation"]
    learner = PCA(shape=(16, 16, 1), latent_dim=4)
    explained = learner.update({"observation": images})["explained"]
    flat = images.reshape(400, -1).double() / 255
    _, lengths, directions = torch.linalg.svd(flat - flat.mean(0), full_matrices=False)
    share = lengths[:4].square().sum() / lengths.square().sum()
    torch.testing.assert_close(torch.as_tensor(explained).double(), share, atol=1e-4, rtol=0)
    codes = learner.encode(images)
    projected = flat.mean(0) + (flat - flat.mean(0)) @ directions[:4].mT @ directions[:4]
    torch.testing.assert_close(learner.decode(codes).flatten(1).double(), projected, atol=0.02, rtol=0)
    torch.testing.assert_close(codes.std(0, correction=0), torch.ones(4), atol=1e-3, rtol=0)
    with pytest.raises(ValueError, match="at least latent_dim=4, not 3"):
        learner.update({"observation": images[:3]})
    with pytest.raises(ValueError, match=r"of \(16, 16, 1\), not \(2, 32, 8, 1\)"):
        learner.encode(images[:2].reshape(2, 32, 8, 1))


def test_pca_is_0_along_directions_that_do_not_vary() -> None:
    rows = torch.arange(0, 200, 10, dtype=torch.uint8)
    learner = PCA(shape=(4, 4, 1), latent_dim=3)
    learner.update({"observation": rows[:, None, None, None].expand(-1, 4, 4, 1)})  # of rank 1
    codes = learner.encode(rows[:, None, None, None].expand(-1, 4, 4, 1))
    torch.testing.assert_close(codes.std(0, correction=0), torch.tensor([1.0, 0.0, 0.0]))
    learner.update({"observation": torch.full((5, 4, 4, 1), 7, dtype=torch.uint8)})
    assert not learner.encode(torch.full((2, 4, 4, 1), 9, dtype=torch.uint8)).any()

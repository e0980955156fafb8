"""Backgrounds and cameras of observation sets."""

import torch
from torch import Tensor

from unknot.representation.cameras import Views


def noise(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


SHAPE = (8, 12, 3)
PRIORS = torch.tensor([[1.0, 1.0], [0.0, 0.0], [-1.0, -1.0]])


def moved_views() -> Views:
    """Views of three sets whose cameras, backgrounds and means differ."""
    views = Views(SHAPE, PRIORS, code_dim=2)
    views.cameras.data.copy_(0.3 * (noise(2, 3, 3) - 0.5))
    views.backgrounds.data.copy_(noise(3, 3, 8, 12))
    views.means.copy_(noise(3, 3, 8, 12))
    return views


def test_initially_all_cameras_are_the_identity() -> None:
    code, content = noise(5, 2), 9 * (noise(5, 2) - 0.5)
    views = Views(SHAPE, PRIORS, code_dim=2)
    place, log_determinant = views.place(code, content)
    torch.testing.assert_close(place, code)
    torch.testing.assert_close(log_determinant, torch.zeros(5))
    torch.testing.assert_close(views.see(code, content), code)


def test_the_first_sets_camera_never_moves_and_the_others_do() -> None:
    code = noise(3, 2)
    seen = moved_views().see(code, 40 * PRIORS + 4 * torch.tensor([[1.0, -1.0]]))
    difference = (seen - code).abs().amax(1)
    assert difference[0] < 1e-5
    assert difference[1:].min() > 0.01


def test_seeing_undoes_placing_and_the_determinant_is_the_jacobians() -> None:
    views, seen, content = moved_views(), noise(6, 2) - 0.5, 3 * (noise(6, 2) - 0.5)
    place, log_determinant = views.place(seen, content)
    torch.testing.assert_close(views.see(place, content), seen)

    def one(point: Tensor, content: Tensor) -> Tensor:
        return views.place(point[None], content[None])[0][0]

    jacobians = torch.func.vmap(torch.func.jacrev(one))(seen, content)
    torch.testing.assert_close(log_determinant, torch.linalg.slogdet(jacobians).logabsdet)


def test_an_unambiguous_content_has_the_background_and_the_mean_of_its_set() -> None:
    views = moved_views()
    content = torch.tensor([[9.0, 9.0], [-9.0, -9.0]])
    torch.testing.assert_close(views.background(content), views.backgrounds[[0, 2]], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(views.mean(content), views.means[[0, 2]], atol=1e-3, rtol=1e-3)

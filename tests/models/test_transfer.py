"""Models that rewrite sentences with another attribute: ARAE, cross-aligned and denoising autoencoders."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from unknot.models.text.arae import ARAE, CLIP, RECENT, fooling_loss
from unknot.models.text.batches import length_batches
from unknot.models.text.cross_aligned import CrossAlignedAutoencoder
from unknot.models.text.denoising import DenoisingAdversarialAutoencoder, drop_words
from unknot.models.text.rnn import symbol_loss
from unknot.models.text.transfer import AttributeDecoders, Rewriter
from unknot.models.text.traversal import MMDTraversal
from unknot.models.text.vocabulary import END, PAD, UNKNOWN, Vocabulary, tokenised
from unknot.representation import load_learner, save_learner, train

SUBJECTS = ("soup", "film", "phone", "price", "actor", "view")
SENTENCES = [f"{subject} {verdict} !" for verdict in ("bad", "good") for subject in SUBJECTS]
LABELS = np.repeat([0, 1], len(SUBJECTS))
VOCABULARY = Vocabulary.of(SENTENCES)
SMALL: dict[str, Any] = {"vocabulary": VOCABULARY.symbols, "longest": 4, "embedding": 8, "hidden": 24}
SMALL |= {"learning_rate": 1e-2}
KINDS: dict[type[Rewriter], dict[str, Any]] = {
    ARAE: {"noise_dim": 4, "width": 24, "critic_steps": 1, "adversary_rate": 3e-3},
    CrossAlignedAutoencoder: {"attribute_dim": 4, "filters": 4},
    DenoisingAdversarialAutoencoder: {"code_dim": 16, "width": 16, "dropping": 0.1},
    MMDTraversal: {"filters": 4, "examples": 6},
}


def batches(size: int = 12) -> Any:
    return length_batches({"observation": VOCABULARY.encode(SENTENCES), "label": LABELS}, size, 0)


def made(kind: type[Rewriter], updates: int, **changed: Any) -> Rewriter:
    torch.manual_seed(0)
    learner = kind(**SMALL | KINDS[kind] | {"steps": max(updates, 1)} | changed)
    train(learner, batches(), updates, progress=False)
    return learner


# Losses by hand


def test_the_encoder_fools_towards_all_other_values() -> None:
    odds = torch.log(torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]]))
    expected = -(np.log(0.3) + np.log(0.5)) / 2, -(np.log(0.6) + np.log(0.1)) / 2
    assert float(fooling_loss(odds, torch.tensor([0, 2]))) == pytest.approx(np.mean(expected))
    two = torch.log(torch.tensor([[0.2, 0.8]]))
    assert float(fooling_loss(two, torch.tensor([0]))) == pytest.approx(-np.log(0.8))


def test_each_decoder_learns_from_its_own_sentences_alone() -> None:
    torch.manual_seed(0)
    decoders = AttributeDecoders(2, 8, 3, 4, 5)
    tokens = torch.tensor([[4, 5, END], [6, END, PAD], [7, 4, END]])
    codes, labels = torch.randn(3, 3), torch.tensor([0, 1, 0])
    loss = decoders.loss(codes, tokens, labels)
    nats = []
    for k, value in enumerate(labels.tolist()):
        own = tokens[k : k + 1]
        nats.append(symbol_loss(decoders.decoder(value)(codes[k : k + 1], own).scores, own).item())
    assert loss.item() == pytest.approx((3 * nats[0] + 2 * nats[1] + 3 * nats[2]) / 8, rel=1e-5)
    decoders.loss(codes, tokens, torch.tensor([0, 0, 0])).backward()  # type: ignore[no-untyped-call]
    assert decoders.decoder(1).begin.weight.grad is None
    assert decoders.decoder(0).output is decoders.decoder(1).output
    written = decoders.generate(codes, labels, 4)
    assert written.shape == (3, 4)
    swapped = decoders.generate(codes.flip(0), labels.flip(0), 4)
    assert swapped.flip(0).equal(written)


def test_words_that_are_dropped_leave_no_gap() -> None:
    tokens = torch.tensor([[4, UNKNOWN, 6, 7, END], [5, END, PAD, PAD, PAD]])
    assert drop_words(tokens, 0.0).equal(tokens)
    assert drop_words(tokens, 1.0).tolist() == [[END, PAD, PAD, PAD, PAD]] * 2
    torch.manual_seed(0)
    many = drop_words(tokens[:1].expand(2000, 5), 0.3)
    assert ((many != PAD).sum(1) - 1).float().mean() == pytest.approx(4 * 0.7, abs=0.1)
    for row in many[:20].tolist():
        kept = [each for each in row if each not in (PAD, END)]
        assert [each for each in tokens[0].tolist() if each in kept] == kept
        assert row == [*kept, END, *[PAD] * (4 - len(kept))]


# One step


def grown(learner: ARAE, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return how much each network changes in an update."""
    names = ("encoder", "decoders", "generator", "critic", "classifier")
    before = {name: [w.clone() for w in getattr(learner, name).parameters()] for name in names}
    learner.update(batch)
    return {
        name: torch.stack(
            [
                (w - old).abs().max()
                for w, old in zip(getattr(learner, name).parameters(), before[name], strict=True)
            ]
        ).max()
        for name in names
    }


def test_an_update_moves_every_network_and_codes_stay_on_the_sphere() -> None:
    learner = made(ARAE, 0)
    assert isinstance(learner, ARAE)
    assert all(change > 0 for change in grown(learner, batches()(0)).values())
    torch.testing.assert_close(learner.encode(SENTENCES).norm(dim=1), torch.ones(len(SENTENCES)))
    torch.testing.assert_close(learner.sample_codes(5).norm(dim=1), torch.ones(5))


def test_the_critic_learns_from_the_latest_codes() -> None:
    learner = made(ARAE, 0)
    assert isinstance(learner, ARAE)
    hidden = learner.recent.shape[1]
    for value, n in ((1.0, 1000), (2.0, 500)):
        learner._keep(torch.full((n, hidden), value))
    assert (learner.recent == 1).all(1).sum() == RECENT - 500  # the oldest made room
    assert (learner.recent == 2).all(1).sum() == 500
    assert set(learner._recent_codes(100)[:, 0].tolist()) == {1.0, 2.0}
    fresh = made(ARAE, 0)
    assert isinstance(fresh, ARAE)
    fresh._keep(torch.ones(3, hidden))
    assert (fresh._recent_codes(50) == 1).all()  # none of those that are not filled yet


def test_the_classifier_alone_learns_from_other_sentences() -> None:
    batch, other = batches(6)(0), batches(4)(1)
    weights = {}
    for wanted in (False, True):
        learner = made(ARAE, 0)
        assert isinstance(learner, ARAE)
        learner.update(batch | ({f"other_{name}": rows for name, rows in other.items()} if wanted else {}))
        weights[wanted] = {name: each.clone() for name, each in learner.state_dict().items()}
    for name, each in weights[False].items():
        assert bool((each == weights[True][name]).all()) == (not name.startswith("classifier")), name


def test_clipping_keeps_the_critics_weights_small_and_the_penalty_does_not() -> None:
    largest = {}
    for how in ("clipping", "penalty"):
        learner = made(ARAE, 3, lipschitz=how)
        assert isinstance(learner, ARAE)
        largest[how] = max(weight.abs().max().item() for weight in learner.critic.parameters())
    assert largest["clipping"] <= CLIP < largest["penalty"]


def test_the_encoder_climbs_down_the_critic_with_its_weight() -> None:
    changes = {}
    for weight in (0.0, 5.0):
        learner = made(ARAE, 0, critic_weight=weight, adversary_weight=0.0, noise=0.0)
        assert isinstance(learner, ARAE)
        torch.manual_seed(1)
        before = learner.critic(learner.encode(SENTENCES)).mean().item()
        critic = {name: each.clone() for name, each in learner.critic.state_dict().items()}
        for step in range(5):
            learner.update(batches()(step))
            learner.critic.load_state_dict(critic)
        changes[weight] = learner.critic(learner.encode(SENTENCES)).mean().item() - before
    assert changes[5.0] < changes[0.0]


def test_the_rate_falls_to_zero_and_the_course_is_in_the_weights(tmp_path: Path) -> None:
    learner = made(ARAE, 4)
    assert isinstance(learner, ARAE)
    save_learner(learner, tmp_path / "a.safetensors")
    again = load_learner(tmp_path / "a.safetensors", kind=ARAE)
    assert int(again.updates) == 4
    before = again.encoder.embedding.weight.clone()
    again.update(batches()(4))
    torch.testing.assert_close(again.encoder.embedding.weight, before, atol=1e-7, rtol=0)


# What they learn


def swapped(learner: Rewriter) -> float:
    """Return the share of sentences that get the opposite verdict and keep the rest."""
    half = len(SUBJECTS)
    expected = SENTENCES[half:] + SENTENCES[:half]
    written = learner.transfer(SENTENCES[:half], "positive") + learner.transfer(SENTENCES[half:], "negative")
    return float(np.mean([a == b for a, b in zip(written, expected, strict=True)]))


@pytest.mark.parametrize(("kind", "steps"), [(ARAE, 250), (CrossAlignedAutoencoder, 400)])
def test_sentences_get_the_opposite_attribute_and_keep_the_rest(kind: type[Rewriter], steps: int) -> None:
    assert swapped(made(kind, 0)) == 0
    assert swapped(made(kind, steps)) >= 0.75


def test_without_its_adversaries_it_is_a_plain_autoencoder_that_transfers_less() -> None:
    plain = made(ARAE, 250, adversary_weight=0.0, critic_weight=0.0)
    assert isinstance(plain, ARAE)
    assert plain.transfer(SENTENCES, LABELS.tolist()) == SENTENCES
    read = (plain.classify(SENTENCES).argmax(1).numpy() == LABELS).mean()
    assert read == 1  # its codes still tell the attribute


def test_mean_codes_are_those_of_whole_sentences() -> None:
    learner = made(DenoisingAdversarialAutoencoder, 0, dropping=0.9)
    assert isinstance(learner, DenoisingAdversarialAutoencoder)
    batch = batches()(0)
    learner.update(batch)
    codes = learner.encode_tokens(batch["observation"]).detach()
    for value in (0, 1):
        torch.testing.assert_close(learner.means[value], codes[batch["label"] == value].mean(0))


def test_codes_are_about_normal_and_still_tell_their_sentences() -> None:
    learner = made(DenoisingAdversarialAutoencoder, 600, width=64, adversary_weight=10.0)
    assert isinstance(learner, DenoisingAdversarialAutoencoder)
    codes = learner.encode(SENTENCES).detach()
    assert codes.mean(0).norm() < 1.0  # 10 and more where the discriminator can't follow
    assert 2 < codes.norm(dim=1).mean() < 6  # normal ones: 4
    assert learner.decode(codes) == SENTENCES


def test_the_mean_difference_points_from_one_attribute_to_the_other() -> None:
    learner = made(DenoisingAdversarialAutoencoder, 300, adversary_weight=0.3, stride=1.0)
    assert isinstance(learner, DenoisingAdversarialAutoencoder)
    codes = learner.encode(SENTENCES).detach()
    true = codes[LABELS == 1].mean(0) - codes[LABELS == 0].mean(0)
    kept = learner.means[1] - learner.means[0]
    assert torch.nn.functional.cosine_similarity(true, kept, 0) > 0.8
    written = learner.transfer(SENTENCES, 1 - LABELS)
    assert np.mean([("good" in a) == (label == 0) for a, label in zip(written, LABELS, strict=True)]) >= 0.8
    assert swapped(learner) >= 0.3
    wanted = torch.from_numpy(1 - LABELS)
    moved = learner.traverse(codes, wanted, 3.0)
    torch.testing.assert_close(moved, codes + 3 * (2 * wanted[:, None] - 1) * kept)
    learner.stride = 0.0
    assert swapped(learner) == 0
    assert learner.decode(codes) == learner.transfer(SENTENCES, 1 - LABELS)
    assert len(learner.sample(3)) == 3


# What they take


def test_a_model_of_two_folders_of_sentences_is_used_in_three_lines(tmp_path: Path) -> None:
    for name, rows in (("bad", slice(0, 6)), ("good", slice(6, 12))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "own.txt").write_text("\n".join(SENTENCES[rows]).replace(" !", "!"))
    sentences: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(("bad", "good")):
        for file in sorted((tmp_path / name).glob("*.txt")):
            found = [tokenised(line) for line in file.read_text().splitlines()]
            sentences, labels = sentences + found, labels + [label] * len(found)
    assert (sentences, labels) == (SENTENCES, LABELS.tolist())
    vocabulary = Vocabulary.of(sentences)
    own = ARAE(vocabulary=vocabulary.symbols, attributes=("bad", "good"), steps=3, hidden=8)
    data = {"observation": vocabulary.encode(sentences, own.longest), "label": np.array(labels)}
    train(own, length_batches(data, 4, 0), 3, progress=False)
    save_learner(own, tmp_path / "own.safetensors")

    again = load_learner(tmp_path / "own.safetensors", kind=ARAE)
    codes = again.encode(["soup bad !"])
    written = again.transfer(["soup bad !"], to="good")
    assert codes.shape == (1, 8)
    assert written == own.transfer(["soup bad !"], "good")


@pytest.mark.parametrize("kind", KINDS)
def test_any_wish_is_taken_or_refused(kind: type[Rewriter]) -> None:
    learner, some = made(kind, 1).train(), SENTENCES[:3]
    assert learner.transfer(some, "positive") == learner.transfer(some, [1, 1, 1])
    assert learner.transfer(some, np.array([0, 1, 0]))[1] == learner.transfer(some[1:2], "positive")[0]
    assert learner.transfer([], "positive") == []
    assert learner.training
    for to, expected in (
        ("happy", "unknown attribute 'happy'"),
        ([0, 1], "3 labels from 0 to 1"),
        ([0, 1, 2], "3 labels from 0 to 1"),
        ([0.0, 1.0, 0.5], "3 labels from 0 to 1"),
        (None, "3 labels from 0 to 1"),
    ):
        with pytest.raises(ValueError, match=expected):
            learner.transfer(some, to)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="attributes must be two or more different names"):
        kind(**SMALL | {"attributes": ("good", "good")})


@pytest.mark.parametrize("kind", KINDS)
def test_three_values_and_batches_of_one_value_are_learnt_from(kind: type[Rewriter]) -> None:
    torch.manual_seed(0)
    learner = kind(**SMALL | KINDS[kind] | {"attributes": ("food", "film", "phone")})
    for labels in ([0, 1, 2, 0], [1, 1, 1, 1]):
        tokens = torch.from_numpy(VOCABULARY.encode(SENTENCES[:4]))
        scalars = learner.update({"observation": tokens, "label": torch.tensor(labels)})
        assert all(np.isfinite(float(each)) for each in scalars.values())
    assert len(learner.transfer(SENTENCES[:2], "phone")) == 2

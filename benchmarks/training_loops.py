"""How many images, or symbols of text, does `train` learn from in a second, compared with a bare torch loop?

The bare loop has the networks of the learner, the same losses, and Adam; no checks, no scalars, no progress,
no checkpoints. Batches wait in memory for both. Each measures a few updates at a time in turns, in seconds of
the processor, so that other work on the machine counts little; medians, one thread.

    python benchmarks/training_loops.py
"""

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from unknot.models import JADE, CompetingExperts, LanguageModel, MultiEntityVAE
from unknot.models.text.vocabulary import END, START
from unknot.representation import Trainable, train

Batch = dict[str, Tensor]
Update = Callable[[Batch], None]
BATCHES = 8
"""Different batches, which both go through again and again."""


def main() -> None:
    """Measure and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--updates", type=int, default=10, help="updates of a turn")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'a second':20}{'train':>10}{'bare loop':>12}{'ratio':>8}")
    for name, (learner, batches, make_bare) in contenders().items():
        batch_at, bare = again(batches), make_bare(learner)
        seconds: tuple[list[float], list[float]] = ([], [])
        for turn in range(options.rounds + 1):
            start = time.process_time()
            train(learner, batch_at, options.updates, progress=False)
            middle = time.process_time()
            for k in range(options.updates):
                bare(batch_at(k))
            if turn:  # the first warms up
                seconds[0].append(middle - start)
                seconds[1].append(time.process_time() - middle)
        first = batches[0]["observation"]
        count = options.updates * (first.numel() if first.ndim == 2 else len(first))
        rates = [count / median(each) for each in seconds]
        print(f"{name:20}{rates[0]:10,.0f}{rates[1]:12,.0f}{rates[0] / rates[1]:8.2f}")


def contenders() -> dict[str, tuple[Trainable, list[Batch], Callable[[Any], Update]]]:
    """Return learners, their batches, and what makes a bare loop's update of a learner's networks."""
    torch.manual_seed(0)
    scenes = [{"observation": images(32, 32, 3)} for _ in range(BATCHES)]
    changed = [{"observation": images(32, 14, 1), "canonical": images(32, 14, 1)} for _ in range(BATCHES)]
    labels = {name: torch.arange(50) % 10 for name in ("label", "other_label")}
    paired = [{"observation": images(50, 32, 3), "other": images(50, 32, 1)} | labels for _ in range(BATCHES)]
    words = tuple(f"word{k}" for k in range(5000))
    written = [{"observation": symbols(64, 16, 4 + len(words))} for _ in range(BATCHES)]
    experts = CompetingExperts(
        shape=(14, 14, 1), width=16, layers=4, norm="none", discriminator="strided", identity="none", own=0.0
    )
    return {
        "MultiEntityVAE": (MultiEntityVAE(shape=(32, 32, 3)), scenes, bare_scenes),
        "CompetingExperts": (experts, changed, bare_experts),
        "JADE": (JADE(width=32), paired, bare_jade),
        "LanguageModel": (LanguageModel(vocabulary=words, hidden=256), written, bare_language_model),
    }


def again(batches: list[Batch]) -> Callable[[int], Batch]:
    """Return what `train` asks for its batches."""
    return lambda step: batches[step % len(batches)]


def images(count: int, side: int, channels: int) -> Tensor:
    """Return random images."""
    return torch.randint(256, (count, side, side, channels), dtype=torch.uint8)


def symbols(count: int, length: int, kinds: int) -> Tensor:
    """Return random sentences of one length, each with its END."""
    tokens = torch.randint(4, kinds, (count, length))
    tokens[:, -1] = END
    return tokens


def floats(batch: Tensor) -> Tensor:
    """Return images as networks take them."""
    return batch.movedim(-1, 1).float() / 255


def bare_scenes(model: MultiEntityVAE) -> Update:
    """Return an update of the multi-entity VAE."""
    adam = torch.optim.Adam(model.parameters(), 1e-3)

    def update(batch: Batch) -> None:
        x = floats(batch["observation"])
        mean, log_variance = model.encoder(x).flatten(2).movedim(1, 2).chunk(2, 2)
        kl = ((mean.square() + log_variance.exp() - 1 - log_variance) / 2).sum(-1)
        chosen = kl.topk(model.entities, 1).indices[..., None].expand(-1, -1, model.entity_dim)
        mean, log_variance = mean.gather(1, chosen), log_variance.gather(1, chosen)
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        maps = model.g(z.flatten(0, 1)).unflatten(0, z.shape[:2]).amax(1).clamp(min=0)
        loss = functional.binary_cross_entropy_with_logits(model.h(maps), x, reduction="sum") / len(x)
        adam.zero_grad()
        torch.autograd.backward(loss + kl.sum(1).mean())
        adam.step()

    return update


def bare_experts(model: CompetingExperts) -> Update:
    """Return an update of Algorithm 1, D with the winner and one other output of each image."""
    networks, d = model.experts.networks, model.discriminator
    adam = torch.optim.Adam(networks.parameters(), 1e-3)
    d_adam = torch.optim.Adam(d.parameters(), 1e-3)

    def update(batch: Batch) -> None:
        x, real = floats(batch["observation"]), floats(batch["canonical"])
        with torch.no_grad():
            outputs = torch.stack([network(x).sigmoid() for network in networks])
            winners = d(outputs.flatten(0, 1)).view(len(networks), len(x)).argmax(0)
        rows = torch.arange(len(x))
        others = (winners + torch.randint(1, len(networks), (len(x),))) % len(networks)
        fakes = torch.cat([outputs[winners, rows], outputs[others, rows]])
        scores = d(torch.cat([real, fakes]))
        loss = functional.softplus(-scores[: len(real)]).mean()
        loss = loss + functional.softplus(scores[len(real) :]).mean()
        d_adam.zero_grad()
        torch.autograd.backward(loss)
        d_adam.step()
        adam.zero_grad()
        for j in torch.unique(winners).tolist():
            own = d(networks[j](x[winners == j]).sigmoid())
            torch.autograd.backward(functional.softplus(-own).mean())
        adam.step()

    return update


def bare_jade(model: JADE) -> Update:
    """Return an update of eq. 2."""
    adam = torch.optim.Adam(model.parameters(), 1e-3)
    content = model.latent_dim

    def update(batch: Batch) -> None:
        loss, moments = torch.zeros(()), []
        sets = (
            (model.encoder, model.decoder, "observation", "label"),
            (model.other_encoder, model.other_decoder, "other", "other_label"),
        )
        for encode, decode, name, label in sets:
            x = floats(batch[name])
            mean, log_variance = encode(x).chunk(2, 1)
            z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
            kl = ((mean.square() + log_variance.exp() - 1 - log_variance) / 2).sum(1).mean()
            error = (decode(z).sigmoid() - x).square().sum() / (2 * len(x))
            loss = loss + error + kl
            loss = loss + functional.cross_entropy(model.labels(z[:, :content]), batch[label])
            moments.append((mean[:, :content], log_variance[:, :content]))
        (mean, log_variance), (other, other_log_variance) = moments
        difference = log_variance - other_log_variance
        squares = (mean - other).square() * (-other_log_variance).exp()
        loss = loss + ((difference.exp() + squares - 1 - difference) / 2).sum(1).mean()
        adam.zero_grad()
        torch.autograd.backward(loss)
        adam.step()

    return update


def bare_language_model(model: LanguageModel) -> Update:
    """Return an update of `torch.nn.LSTM` between an embedding and a linear layer, with the same dropout."""
    known = model.decoder.embedding
    embedding = nn.Embedding(known.num_embeddings, known.embedding_dim)
    lstm = nn.LSTM(embedding.embedding_dim, model.decoder.rnn.hidden_size, batch_first=True)
    output = nn.Linear(lstm.hidden_size, embedding.num_embeddings)
    dropout = nn.Dropout(0.2)
    adam = torch.optim.Adam(nn.ModuleList([embedding, lstm, output]).parameters(), 2e-3)

    def update(batch: Batch) -> None:
        tokens = batch["observation"]
        before = torch.cat([torch.full_like(tokens[:, :1], START), tokens[:, :-1]], 1)
        scores = output(dropout(lstm(dropout(embedding(before)))[0]))
        adam.zero_grad()
        torch.autograd.backward(functional.cross_entropy(scores.flatten(0, 1), tokens.flatten()))
        adam.step()

    return update


if __name__ == "__main__":
    main()

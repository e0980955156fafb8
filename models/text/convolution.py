"""A convolutional encoder of sentences (Kim, EMNLP 2014)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from unknot.checks import count, within
from unknot.models.text.rnn import Written, embed, lengths_of
from unknot.models.text.vocabulary import PAD

__all__ = ["ConvEncoder"]


class ConvEncoder(nn.Module):
    """Filters over a few neighbouring symbols, and the largest answer of each in a sentence.

    Padding changes nothing: windows begin at symbols of the sentence or at its END, and see zeros beyond.

    Args:
        symbols: their number, marks included.
        embedding: dimensions of a symbol's vector.
        filters: number of filters of each height.
        heights: symbols that filters see.
        dropout: share of the vectors' entries that is left out in training.

    Attributes:
        width: dimensions of a code: `filters` times the number of heights.
    """

    def __init__(
        self,
        symbols: int,
        embedding: int = 128,
        filters: int = 75,
        heights: Sequence[int] = (1, 2, 3, 4),
        *,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        count(1, symbols=symbols, embedding=embedding, filters=filters)
        for height in heights:
            count(1, heights=height)
        within(0, 1, dropout=dropout)
        self.width = filters * len(heights)
        self.embedding = nn.Embedding(symbols, embedding, padding_idx=PAD)
        self.dropout = nn.Dropout(dropout)
        self.filters = nn.ModuleList(nn.Conv1d(embedding, filters, height) for height in heights)

    def forward(self, tokens: Tensor | Written) -> Tensor:
        """Encode sentences, given as `RNNEncoder` takes them: (n, width), none below 0."""
        vectors = self.dropout(embed(self.embedding, tokens))
        mask = torch.arange(vectors.shape[1], device=vectors.device) < lengths_of(tokens)[:, None]
        vectors = (vectors * mask[:, :, None]).transpose(1, 2)
        answers = []
        for each in self.filters:
            assert isinstance(each, nn.Conv1d)
            found = each(functional.pad(vectors, (0, each.kernel_size[0] - 1))).relu()
            answers.append((found * mask[:, None]).amax(2))
        return torch.cat(answers, 1)

"""Models of sentences.

`vocabulary` turns sentences into symbols, words or characters; `batches` makes minibatches of sentences of
one length. `rnn` has the recurrent encoder and the decoder, with and without attention, `convolution` the
convolutional encoder; `decoding` writes sentences with a decoder. `learner` is what all learners of sentences
share: `autoencoder` has the plain one, `language_model` and `classifier` have two that also judge what others
write (`judges`).

`transfer` is what those share that rewrite sentences with another attribute: `arae`, `attribute_transfer`,
`cross_aligned`, `denoising`, and `traversal`, whose codes move as `mmd` says.
"""

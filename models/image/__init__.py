"""Models of single images, one module per method.

`vae` is the base of all variational autoencoders; `capacity`, `dip`, `factor` and `tc` are methods of that
family, `warm_up` a schedule for it. `infogan`, `pca`, `embedding`, `penalised_autoencoder` and
`factor_generator` are separate models. `networks`, `infogan_networks`, `embedding_losses` and `f_statistic`
hold their networks and losses. Code that models of other data can use too is one level up:
`unknot.models.adversarial`, `unknot.models.penalties`.
"""

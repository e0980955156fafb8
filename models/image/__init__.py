"""Models of single images, one method a module.

`vae` holds what all variational autoencoders share; `capacity`, `dip`, `factor` and `tc` are methods of that
family, `warm_up` a schedule for it. `infogan`, `pca`, `embedding`, `penalised_autoencoder` and
`factor_generator` are models of their own. `networks`, `infogan_networks`, `embedding_losses` and
`f_statistic` hold the networks and losses that they are made of. What models of other data can use too lies
one level up: `unknot.models.adversarial`, `unknot.models.penalties`.
"""

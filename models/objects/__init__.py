"""Models of scenes of several objects.

`entity` is what autoencoders of one vector an object share; `multi_entity` has the multi-entity VAE and
`whole_scene` the plain VAE of equal size; `slot_attention` is what a user may take today. `networks` has
their networks.
"""

"""Models that generate videos.

`mocogan` has MoCoGAN and `vgan` a generator of one code, its baseline; `game` is the training that both
share, `networks` their generators and discriminators.
"""

"""Models of video.

`mocogan` generates videos of a content and a motion code, `vgan`, its baseline, of one code; `game` is the
training that both share, `networks` their generators and discriminators. `independent_predictor` encodes
video as factors that each predict their own future, with its networks in `predictor_networks`.
"""

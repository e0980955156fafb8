"""Models of video.

`independent_predictor` has a model of factors that each predict their own future, with its networks in
`predictor_networks`.
"""

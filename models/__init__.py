"""Models of still data: the sibling of what acts. Data sets with known factors, and what is learnt from them.

`data` holds sources of images whose factors are known, `image` the models. Both keep the contracts of the
environments and learners, so every metric and every picture works on them too.
"""

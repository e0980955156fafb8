"""Sources of data whose factors are known.

`blob`, `shapes2d`, `sprites` and `teapots` render images from factors on a grid (`grid`), `scenes` those of
several sprites, `street_digits` house numbers from fonts. `files` reads published data sets from a user's
files, `svhn` the one of street numbers. `mechanisms` shifts, inverts or adds noise to images of any content,
such as `letters`. `nuisance` hides some factors of a source, `selection` restricts a source to some
combinations, `splits` makes stratified splits. `natural` has natural images, whose factors are unknown.
`sentences` writes reviews in English and reads their factors back; `sentiment` and `parallel` read
users' files of sentences (`lines`). `valence` has rated sentences and `tags` parts of speech, both from
`releases` that `unknot fetch` keeps.
`stream` turns any source into minibatches.

Of unknot this package imports only `unknot.archives`, `unknot.checks`, `unknot.files`, `unknot.mnist` and
`unknot.representation.source`.
"""

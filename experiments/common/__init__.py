"""What experiments share. It knows no paper: an experiment imports it, and no other experiment.

`runs` trains models, `parts` runs experiments in parts, `study` trains and measures the models of one family,
`codes` holds other codes of the same models, `figures` and `tables` show what was measured.
"""

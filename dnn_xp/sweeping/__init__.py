"""Many trainings of the same data, compared on the same validation examples: `dnn_xp.sweep`.

May import every room below it and nothing above: it is made of Specification, Run, State and `advance`.
"""

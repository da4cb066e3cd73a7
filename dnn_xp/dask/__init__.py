"""Training and scoring on a Dask cluster, with the bits of one machine.

It may import all rooms but the command line. Dask itself is imported when a function is called.
"""

from dnn_xp.dask.scoring import evaluate, predict
from dnn_xp.dask.train import train

__all__ = ["evaluate", "predict", "train"]

"""Where the figures of a training are written while it runs; each tracker is one of the `callbacks` of `train`.

May import common and, for types alone, model. TensorBoard, MLflow and Weights & Biases are imported
when a tracker of theirs is made.
"""

from dnn_xp.trackers.json_lines import JsonLines
from dnn_xp.trackers.mlflow import MLflow
from dnn_xp.trackers.protocol import Tracker, figures
from dnn_xp.trackers.tensorboard import TensorBoard
from dnn_xp.trackers.wandb import WeightsAndBiases

__all__ = ["JsonLines", "MLflow", "TensorBoard", "Tracker", "WeightsAndBiases", "figures"]

"""Deep fully connected networks on arrays: NumPy on the CPU, CuPy on CUDA GPUs, one and the same formulas."""

# First, since the other imports take a quarter of a second.
from dnn_xp.common import starting as _starting  # noqa: F401

# isort: split
from dnn_xp.backends.choice import DeviceFallbackWarning, DeviceRecord
from dnn_xp.common.errors import ArgumentError
from dnn_xp.common.warnings import DataWarning
from dnn_xp.course import backward, forward
from dnn_xp.data.splits import SplitWarning
from dnn_xp.execution.devices import devices
from dnn_xp.execution.memory import Plan
from dnn_xp.execution.objective import BlockSizeWarning
from dnn_xp.execution.scoring import Evaluation
from dnn_xp.formulas.network import Network
from dnn_xp.model.history import History, StopReason
from dnn_xp.model.model import Model, load
from dnn_xp.sweeping.points import log_uniform
from dnn_xp.sweeping.result import Sweep
from dnn_xp.sweeping.sweep import sweep
from dnn_xp.training.checkpoints.folder import CheckpointWarning
from dnn_xp.training.convergence import ConvergenceWarning
from dnn_xp.training.divergence import DivergenceError
from dnn_xp.training.gradient_check import gradient_check
from dnn_xp.training.gradient_result import GradientCheck
from dnn_xp.training.plan import plan
from dnn_xp.training.resume import resume
from dnn_xp.training.specification import Specification
from dnn_xp.training.train import train

__version__ = "0.1.0"

__all__ = [
    "ArgumentError",
    "BlockSizeWarning",
    "CheckpointWarning",
    "ConvergenceWarning",
    "DataWarning",
    "DeviceFallbackWarning",
    "DeviceRecord",
    "DivergenceError",
    "Evaluation",
    "GradientCheck",
    "History",
    "Model",
    "Network",
    "Plan",
    "Specification",
    "SplitWarning",
    "StopReason",
    "Sweep",
    "backward",
    "devices",
    "forward",
    "gradient_check",
    "load",
    "log_uniform",
    "plan",
    "resume",
    "sweep",
    "train",
]

"""Deep fully connected networks on arrays: NumPy on the CPU, CuPy on CUDA GPUs, one and the same formulas."""

from dnn_xp.backends import DeviceFallbackWarning, DeviceRecord
from dnn_xp.devices import devices
from dnn_xp.gradient_check import GradientCheck, gradient_check
from dnn_xp.history import History
from dnn_xp.model import Model, load
from dnn_xp.network import Network, backward, forward
from dnn_xp.objective import BlockSizeWarning
from dnn_xp.planning import Plan
from dnn_xp.preview import plan
from dnn_xp.recorder import DivergenceError
from dnn_xp.scoring import Evaluation
from dnn_xp.training import train

__version__ = "0.1.0"

__all__ = [
    "BlockSizeWarning",
    "DeviceFallbackWarning",
    "DeviceRecord",
    "DivergenceError",
    "Evaluation",
    "GradientCheck",
    "History",
    "Model",
    "Network",
    "Plan",
    "backward",
    "devices",
    "forward",
    "gradient_check",
    "load",
    "plan",
    "train",
]

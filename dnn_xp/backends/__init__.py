"""One small record of functions per array library; the only place that imports a GPU library."""

from dnn_xp.backends.choice import (
    DeviceFallbackWarning,
    DeviceRecord,
    backend_for_array,
    choose_backend,
)
from dnn_xp.backends.record import Backend
from dnn_xp.backends.report import DeviceReport, devices

__all__ = [
    "Backend",
    "DeviceFallbackWarning",
    "DeviceRecord",
    "DeviceReport",
    "backend_for_array",
    "choose_backend",
    "devices",
]

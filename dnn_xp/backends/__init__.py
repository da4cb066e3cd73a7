"""One small record of functions per array library; the only place that imports a GPU library."""

from dnn_xp.backends.choice import (
    OTHERS,
    DeviceFallbackWarning,
    DeviceRecord,
    backend_for_array,
    backend_named,
    check_device,
    choose_backend,
    compiled,
)
from dnn_xp.backends.precision import PRECISIONS, with_precision
from dnn_xp.backends.record import Backend

__all__ = [
    "OTHERS",
    "PRECISIONS",
    "Backend",
    "DeviceFallbackWarning",
    "DeviceRecord",
    "backend_for_array",
    "backend_named",
    "check_device",
    "choose_backend",
    "compiled",
    "with_precision",
]

"""dnn-xp info and dnn-xp devices: a saved model, and what can compute here."""

from __future__ import annotations

from argparse import Namespace

from dnn_xp.cli.commands.predict import load_model
from dnn_xp.cli.wording import tell
from dnn_xp.execution.devices import devices
from dnn_xp.model.summary import model_table


def info(args: Namespace) -> int:
    """Print the summary of a saved model."""
    model = load_model(args.model)
    tell(model_table(model))
    for kind in ("feature_names", "target_names"):
        names = model.settings.get(kind)
        if names:
            more = f", ... ({len(names)} in all)" if len(names) > 10 else ""
            tell(f"{kind.replace('_names', 's'):<14}  {', '.join(names[:10])}{more}")
    return 0


def show_devices(args: Namespace) -> int:
    """Print what can compute here."""
    tell(str(devices()))
    return 0

"""A model in words: the table of its layers, its repr, and HTML for notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from dnn_xp.common.text_tables import text_table
from dnn_xp.data.quantiles import scaled_by

if TYPE_CHECKING:
    from dnn_xp.model.model import Model

Row = tuple[str, str, str, str, str]
_HEAD: Row = ("layer", "activation", "W", "b", "parameters")


# Settings that have lines of their own, or none.
_ELSEWHERE = (
    *("seed", "cost_reason", "kept_iteration", "steps", "shuffle", "stopped_because", "plan"),
    *("feature_names", "target_names"),
)


def layer_rows(model: Model) -> list[Row]:
    """One row a layer: number, activation, shapes of W and b, number of parameters."""
    rows = []
    copies = model.network.copies or (1,) * len(model.activations)
    for layer, (n_prev, n, activation, c) in enumerate(
        zip(model.sizes, model.sizes[1:], model.activations, copies, strict=False), start=1
    ):
        mixed = model.network.parametric and layer < len(model.activations)
        named = f"{activation}, mixed" if mixed else activation
        count = c * (n * (n_prev + 1) + (n if mixed else 0))
        times = f"{c} x " if c > 1 else ""
        shapes = f"{times}({n}, {n_prev})", f"{times}({n}, 1)"
        rows.append((str(layer), named, *shapes, f"{count:,}"))
    return rows


def _standardized(model: Model) -> str:
    return {
        "quantiles": ", scaled by quantiles and clipped at +-3 by the model",
        "moments": ", standardized by the model",
    }.get(scaled_by(model.standardization), "")


def facts(model: Model) -> list[tuple[str, str]]:
    """(name, value) of everything that was decided in making the model, by the user or for them."""
    settings = model.settings
    lines = [
        (
            "inputs",
            f"{model.network.n_x}" + _standardized(model),
        )
    ]
    if model.network.embeddings:
        shapes = [
            f"{name} ({d}, {k})"
            for name, (k, d) in zip(model.embeddings, model.network.embeddings, strict=True)
        ]
        lines.append(("embeddings", ", ".join(shapes)))
    if model.target_standardization is not None:
        lines.append(("outputs", f"{model.sizes[-1]}, standardized by the model"))
    if model.classes is not None:
        shown = ", ".join(str(label) for label in model.classes[:10])
        lines.append(
            (
                "classes",
                shown + (f", ... ({len(model.classes)} in all)" if len(model.classes) > 10 else ""),
            )
        )
    lines.append(
        (
            "cost",
            model.cost + (f" ({settings['cost_reason']})" if settings.get("cost_reason") else ""),
        )
    )
    lines += [
        (name.replace("_", " "), str(settings[name]))
        for name in (
            *(each for each in settings if each not in _ELSEWHERE),
            *("shuffle", "stopped_because", "plan"),
        )
        if settings.get(name) not in (None, 0.0)
    ]
    if settings.get("seed") is not None:
        lines.append(("seed", str(settings["seed"])))
    if model.history.costs:
        history = model.history
        report = _report_of(model)
        lines.append(
            (
                "last report" if settings.get("kept_iteration") is None else "kept parameters",
                f"iteration {history.iterations[report]}, cost {history.costs[report]:.6g}",
            )
        )
        if history.validation_costs:
            lines.append(("validation cost", f"{history.validation_costs[report]:.6g}"))
        lines.append(("time", f"{history.seconds[-1]:.2f} s"))
    if model.record is not None:
        lines.append(("device", str(model.record)))
    return lines


def _report_of(model: Model) -> int:
    """Position in the history of the report of the model's own parameters."""
    kept = model.settings.get("kept_iteration")
    return -1 if kept is None else model.history.iterations.index(kept)


def model_table(model: Model) -> str:
    """The text that :meth:`Model.summary` prints."""
    rows = layer_rows(model)
    layers = text_table(rows, head=_HEAD)
    line = layers.splitlines()[1]
    total = f"{model.network.parameter_count:,} parameters"
    return "\n".join([layers, line, total, "", text_table(facts(model))])


def model_repr(model: Model) -> str:
    """One line: sizes, activations, cost, where it lives."""
    sizes = "-".join(str(size) for size in model.sizes)
    cost = f", cost {model.history.costs[_report_of(model)]:.4g}" if model.history.costs else ""
    k = model.network.members
    several = f"{k} of " if k > 1 else ""
    where = f"{model.backend.library} on {model.backend.device_name}"
    return f"Model({several}{sizes}, {model.kind}, {'/'.join(dict.fromkeys(model.activations))}{cost}, {where})"


def model_html(model: Model) -> str:
    """The same as :func:`model_table`, as two HTML tables."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in _HEAD)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in layer_rows(model)
    )
    said = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts(model)
    )
    return (
        f"<div><p><b>{escape(model_repr(model))}</b></p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"<p>{model.network.parameter_count:,} parameters</p><table><tbody>{said}</tbody></table></div>"
    )

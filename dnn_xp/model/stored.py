"""What a saved model may hold: one table for its description, one for its tensors.

An entry that is added to a saved model gets one line here. Checks look at plain JSON values and at
shapes; nothing is built or allocated before all have passed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple, get_type_hints

import numpy as np
import numpy.typing as npt

from dnn_xp.backends.choice import DeviceRecord
from dnn_xp.data.encoding import TableEncoder
from dnn_xp.formulas.activations import ACTIVATIONS
from dnn_xp.formulas.costs import COSTS
from dnn_xp.formulas.embeddings import Embedding, embedded_rows
from dnn_xp.formulas.ensembles import Ensemble
from dnn_xp.formulas.mean_outputs import MEAN_OUTPUTS
from dnn_xp.formulas.number_encodings import NumberEncoding, encoded_rows
from dnn_xp.formulas.parameters import weight_shapes
from dnn_xp.model.history import History, StopReason

Description = dict[str, Any]
KINDS = ("binary", "multiclass", "multilabel", "regression")
# The tensors w, b, V and c of a periodic encoding.
PERIODIC_NAMES = ("encoding_w", "encoding_b", "encoding_V", "encoding_c")
# Kinds of dtype of labels: bool, integers, floats, bytes, text.
_LABEL_KINDS = "biufSU"
_LARGEST_LABELS = 1 << 28


class Entry(NamedTuple):
    """An entry of the description.

    Attributes
    ----------
    wanted : str
        What it must be.
    fits : callable
        Whether a value is that, given the whole description, whose earlier entries fit.
    optional : bool
        Whether older files lack it; it is None then.
    """

    wanted: str
    fits: Callable[[Any, Description], bool]
    optional: bool = False


def _is_whole(value: Any, least: int) -> bool:
    return type(value) is int and value >= least


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_list(value: Any, fits: Callable[[Any], bool]) -> bool:
    return type(value) is list and all(fits(each) for each in value)


def _are_names(value: Any, names: Mapping[str, Any]) -> bool:
    return _is_list(value, lambda each: type(each) is str and each in names)


def _is_kind(value: Any, description: Description) -> bool:
    return value in KINDS and (value != "binary" or description["sizes"][-1] == 1)


def _are_classes(value: Any, description: Description) -> bool:
    if value is None:
        return True
    outputs = description["sizes"][-1]
    wanted = {"binary": 2, "multiclass": outputs}.get(description["kind"])
    return _is_list(value, lambda each: type(each) in (bool, int, float, str)) and (
        len(value) == wanted
    )


def _is_label_dtype(value: Any, description: Description) -> bool:
    classes = description["classes"]
    if classes is None or type(value) is not str:
        return classes is None and value is None
    dtype = np.dtype(value)
    of_text = {str} if dtype.kind in "SU" else {bool, int, float}
    return (
        dtype.kind in _LABEL_KINDS
        and dtype.itemsize * len(classes) <= _LARGEST_LABELS
        and {type(each) for each in classes} <= of_text
        and (dtype.kind in "SU" or _are_finite_in(dtype, classes))
    )


def _are_finite_in(dtype: np.dtype[Any], classes: list[Any]) -> bool:
    """Whether a dtype holds labels; an OverflowError for integers that are too large for it."""
    with np.errstate(over="ignore"):
        return bool(np.isfinite(np.asarray(classes, dtype)).all())


def _is_history(value: Any, description: Description) -> bool:
    # Older files have no halvings.
    if type(value) is not dict or set(value) | {"halvings"} != set(History.__dataclass_fields__):
        return False
    lists = [each for name, each in value.items() if name != "metrics"]
    if type(value["metrics"]) is not dict:
        return False
    lists += value["metrics"].values()
    return all(_is_list(each, _is_number) for each in lists) and _are_reports(value)


def _are_reports(history: Description) -> bool:
    """Whether there is a figure for each report, or, with nothing to validate on, none."""
    reports = len(history["iterations"])
    always = {len(history[name]) for name in ("costs", "learning_rates", "seconds")}
    validated = {len(each) for each in (history["validation_costs"], *history["metrics"].values())}
    return always == {reports} and validated <= {0, reports}


def _are_settings(value: Any, description: Description) -> bool:
    if type(value) is not dict:
        return False
    kept = value.get("kept_iteration")
    return kept is None or kept in description["history"]["iterations"]


def _is_record(value: Any, description: Description) -> bool:
    if value is None:
        return True
    types = get_type_hints(DeviceRecord)
    required = set(types) - set(DeviceRecord._field_defaults)
    return (
        type(value) is dict
        and required <= set(value) <= set(types)
        and all(type(each) is types[name] for name, each in value.items())
    )


def _is_encoding(value: Any, description: Description) -> bool:
    if value is None:
        return True
    try:
        encoder = TableEncoder.from_dict(value)
        count, embeddings = len(encoder.names_out), encoder.embeddings
    except (TypeError, ValueError, KeyError, AttributeError):
        return False
    n_0 = count - len(embeddings) + embedded_rows(embeddings)
    return bool(n_0 + encoded_rows(stored_encoding(description)) == description["sizes"][0])


def _is_number_encoding(value: Any, description: Description) -> bool:
    if value is None:
        return True
    if type(value) is not dict or set(value) != set(NumberEncoding._fields):
        return False
    n_0, rows, hidden = description["sizes"][0], value["rows"], value["hidden"]
    whole = _is_whole(value["outputs"], 1) and _is_whole(hidden, 0)
    if not whole or value["kind"] != ("periodic" if hidden else "piecewise"):
        return False
    if not _is_list(
        rows, lambda each: _is_list(each, lambda n: _is_whole(n, 0)) and len(each) == 2
    ):
        return False
    edges = [edge for each in rows for edge in each]
    ascending = all(low < high for low, high in pairwise(edges))
    made = sum(stop - start for start, stop in rows) * value["outputs"]
    return bool(edges) and ascending and edges[-1] + made <= n_0


def _is_ensemble(value: Any, description: Description) -> bool:
    return value is None or (
        type(value) is list
        and len(value) == 2
        and _is_whole(value[0], 2)
        and type(value[1]) is bool
        and description["activations"][-1] in MEAN_OUTPUTS
    )


ENTRIES: dict[str, Entry] = {
    "sizes": Entry(
        "two or more whole numbers >= 1",
        lambda value, _: _is_list(value, lambda n: _is_whole(n, 1)) and len(value) >= 2,
    ),
    "activations": Entry(
        "the name of an activation for each layer",
        lambda value, of: _are_names(value, ACTIVATIONS) and len(value) == len(of["sizes"]) - 1,
    ),
    "cost": Entry("the name of a cost", lambda value, _: _are_names([value], COSTS)),
    "keep_probs": Entry(
        "a number in (0, 1] for each hidden layer, or none",
        lambda value, of: (
            _is_list(value, lambda each: _is_number(each) and 0 < each <= 1)
            and len(value) in (0, len(of["sizes"]) - 2)
        ),
    ),
    "parametric_activation": Entry(
        "true or false", lambda value, _: value in (None, True, False), optional=True
    ),
    "kind": Entry(f"one of {', '.join(KINDS)}, and one output where it is binary", _is_kind),
    "flat_targets": Entry("true or false", lambda value, _: type(value) is bool),
    "classes": Entry("None, two labels, or a label for each output", _are_classes),
    "classes_dtype": Entry("the dtype of the classes", _is_label_dtype),
    "history": Entry("lists of numbers under the names of a History", _is_history),
    "record": Entry("None, or the fields of a DeviceRecord", _is_record),
    "settings": Entry("a dict, whose kept_iteration was reported", _are_settings),
    "number_encoding": Entry(
        "None, or the encoding of numbers in rows of X",
        _is_number_encoding,
        optional=True,
    ),
    "encoder": Entry(
        "None, or the encoding of a table as so many features", _is_encoding, optional=True
    ),
    "ensemble": Entry(
        "None, or a number of members >= 2 and whether they share layers, with outputs that have a mean",
        _is_ensemble,
        optional=True,
    ),
    "standardized_by": Entry(
        "None, 'quantiles', or 'none'",
        lambda value, _: value in (None, "quantiles", "none"),
        optional=True,
    ),
    "stopped": Entry(
        "None, or why a training stopped",
        lambda value, _: value is None or value in [each.value for each in StopReason],
        optional=True,
    ),
}


def check_description(description: Any) -> Description:
    """The description with None for what older files lack.

    Raises
    ------
    ValueError
        For what no version of this package would have written.
    """
    if type(description) is not dict:
        raise ValueError("it is no JSON object")
    if unknown := sorted(set(description) - set(ENTRIES)):
        raise ValueError(f"unknown entries {unknown}")
    checked: Description = {}
    for name, entry in ENTRIES.items():
        if name not in description and not entry.optional:
            raise ValueError(f"{name} is missing")
        checked[name] = description.get(name)
        if not _fits(entry, checked[name], checked):
            raise ValueError(f"{name} must be {entry.wanted}; got {_short(checked[name])}")
    return checked


def _fits(entry: Entry, value: Any, description: Description) -> bool:
    try:
        return entry.fits(value, description)
    except (TypeError, ValueError, OverflowError):  # as by np.dtype of a text that is none
        return False


def _short(value: Any) -> str:
    said = repr(value) if not isinstance(value, int) or value.bit_length() < 1000 else "a huge int"
    return said if len(said) <= 80 else f"{said[:80]}..."


class Tensor(NamedTuple):
    """What a tensor must be: its shape, finite floats, greater than 0 or not; some only together."""

    shape: tuple[int, ...]
    positive: bool = False
    group: str = ""


def stored_embeddings(description: Description) -> tuple[Embedding, ...]:
    """The embeddings of a model of that description."""
    encoder = description["encoder"]
    return () if encoder is None else TableEncoder.from_dict(encoder).embeddings


def stored_encoding(description: Description) -> NumberEncoding | None:
    """The encoding of numbers of a model of that description."""
    given = description["number_encoding"]
    if given is None:
        return None
    rows = tuple((start, stop) for start, stop in given["rows"])
    return NumberEncoding(given["kind"], rows, given["outputs"], given["hidden"])


def stored_ensemble(description: Description) -> Ensemble | None:
    """The ensemble of a model of that description."""
    return None if description["ensemble"] is None else Ensemble(*description["ensemble"])


def wanted_tensors(description: Description) -> dict[str, Tensor]:
    """The tensors of a model of that description; those of a group are all there or none."""
    wanted: dict[str, Tensor] = {}
    sizes, ensemble = description["sizes"], stored_ensemble(description)
    copies = () if ensemble is None else ensemble.copies(len(sizes) - 1)
    shapes = list(enumerate(weight_shapes(sizes, copies), start=1))
    for layer, (n, n_prev) in shapes:
        wanted[f"W{layer}"], wanted[f"b{layer}"] = Tensor((n, n_prev)), Tensor((n, 1))
    if description["parametric_activation"]:
        wanted |= {f"a{layer}": Tensor((n, 1)) for layer, (n, _) in shapes[:-1]}
    embeddings = stored_embeddings(description)
    own = 1 if ensemble is None or ensemble.shares_layers else ensemble.members
    for number, (k, d) in enumerate(embeddings, start=1):
        wanted[f"E{number}"] = Tensor((own * d, k))
    encoding = stored_encoding(description)
    made = embedded_rows(embeddings) + encoded_rows(encoding)
    features = (description["sizes"][0] - made + len(embeddings), 1)
    if encoding is not None and encoding.hidden:
        n, h, d = own * encoding.numbers, encoding.hidden, encoding.outputs
        held = ((n, h), (n, h), (n, d, h), (n, d))
        wanted |= {name: Tensor(shape) for name, shape in zip(PERIODIC_NAMES, held, strict=True)}
    elif encoding is not None:
        wanted["edges"] = Tensor((encoding.numbers, encoding.outputs + 1), group="standardization")
    if ensemble is not None:
        # Members that share nothing may have no factors.
        group = "" if ensemble.shares_layers else "scaling layer"
        wanted["s"] = Tensor((ensemble.members, sizes[0]), group=group)
    wanted["mean"] = Tensor(features, group="standardization")
    wanted["scale"] = Tensor(features, group="standardization", positive=True)
    outputs = (description["sizes"][-1], 1)
    wanted["target_mean"] = Tensor(outputs, group="target standardization")
    wanted["target_scale"] = Tensor(outputs, group="target standardization", positive=True)
    wanted["target_low"] = Tensor(outputs, group="target range")
    wanted["target_high"] = Tensor(outputs, group="target range")
    return wanted


def check_tensors(description: Description, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
    """Compare tensors with a description that was checked.

    Raises
    ------
    ValueError
        For a tensor that is missing, unknown, or of another shape, dtype or range of values.
    """
    _check_depth(description, tensors)
    wanted = wanted_tensors(description)
    if unknown := sorted(set(tensors) - set(wanted)):
        raise ValueError(f"unknown tensors {unknown}")
    groups = {wanted[name].group for name in tensors} - {""}
    for name, each in wanted.items():
        if each.group and each.group not in groups:
            continue
        if name not in tensors:
            raise ValueError(f"the tensor {name} is missing")
        given = tensors[name]
        if given.shape != each.shape:
            raise ValueError(f"{name} must be of shape {each.shape}; got {given.shape}")
        if given.dtype not in (np.float32, np.float64):
            raise ValueError(f"{name} must be of float32 or float64; got {given.dtype}")
        if not np.isfinite(given).all():
            raise ValueError(f"{name} must be finite; got NaN or infinity")
        if each.positive and not (given > 0).all():
            raise ValueError(f"{name} must be > 0; got {given.min():g}")
    dtypes = {tensors[name].dtype for name, each in wanted.items() if not each.group}
    if len(dtypes) > 1:
        raise ValueError(
            f"W, b, a, E and an encoding must be of one dtype; got {sorted(map(str, dtypes))}"
        )


def _check_depth(description: Description, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
    """A few tensors of a description of many layers, before a table of them all is made."""
    layers = len(description["sizes"]) - 1
    if layers > len(tensors):
        raise ValueError(f"sizes has {layers} layers; got {len(tensors)} tensors")

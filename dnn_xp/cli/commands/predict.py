"""dnn-xp predict: predictions of a saved model, in bounded memory."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.cli.inputs import arrays
from dnn_xp.cli.inputs.reading import open_table, refuse_missing, unfit_option
from dnn_xp.cli.inputs.tables import Columns, choose
from dnn_xp.cli.wording import no_such_file, say, tell
from dnn_xp.cli.writing import check_output, write
from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.common.messages import counted, listing, nearest
from dnn_xp.data.agreement import check_features
from dnn_xp.data.columns import ColumnTable
from dnn_xp.data.readers.files import SUFFIXES
from dnn_xp.data.readers.tables import table_matrix
from dnn_xp.data.sources.base import Source
from dnn_xp.data.tables import Table
from dnn_xp.model.model import Model, load

# Values of a piece that is read and predicted together.
_VALUES_OF_A_PIECE = 1 << 19


def run(args: Namespace) -> int:
    """Write predictions to standard output or to a file."""
    model = load_model(args.model, device=args.device, fallback=args.fallback)
    if args.proba and model.kind == "regression":
        raise ArgumentValueError(
            "--proba", f"a model that predicts values (cost {model.cost})", "left out for values"
        )
    path = None if args.output is None else Path(args.output)
    if path is not None:
        check_output("OUT", path, force=args.force)
    table = open_table(args.data, args)
    if table is None:
        if args.features:
            raise unfit_option("--features", args.data, is_table=False)
        X = arrays.features(args.data, args.x_key, args.examples)
        check_features(X, model.network.n_x, argument=f"DATA={args.data!r}", examples=args.examples)
        m, blocks = X.m, _blocks_of(X, model, repr(args.data))
    else:
        if args.x_key:
            raise unfit_option("--x-key", args.data, is_table=True)
        names = _columns(table, args, model)
        if model.encoder is None or model.encoder.plain:
            text = table.text(names)
            if text:
                got = f"{listing(text)} of {table.where}, without numbers"
                argument = "--features" if args.features else "DATA"
                raise ArgumentTypeError(argument, got, "columns of numbers")
        m, blocks = table.m, _lines(table.table.select(names), names, model)
    pieces = (_predicted(model, each, proba=args.proba, threads=args.threads) for each in blocks)
    write(pieces, column_names(model, proba=args.proba), m, path)
    if path is not None:
        tell(f"{m:,} predictions written to {args.output}")
    return 0


def load_model(path: str, *, device: str = "auto", fallback: bool = True) -> Model:
    """A saved model; an error where MODEL is no file, or looks like DATA."""
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(no_such_file("MODEL", file))
    if file.suffix.lower() in SUFFIXES:
        raise ArgumentValueError(
            "MODEL", f"{path!r}, which is data", "a saved model", "the model comes before DATA"
        )
    return load(file, device=device, fallback=fallback)


def _lines(table: Table, names: Sequence[str], model: Model) -> Iterator[Any]:
    """The lines of a table of chosen columns, a few at a time, as the model takes them."""
    encoder = model.encoder
    first = 0
    for part in [table] if isinstance(table, ColumnTable) else table.blocks():
        step = max(1, _VALUES_OF_A_PIECE // max(model.sizes))
        for start in range(0, part.m, step):
            lines = part.take(slice(start, start + step))
            if encoder is None or encoder.plain:
                matrix = table_matrix(lines, argument=table.where)
                refuse_missing(matrix.T, names, table.where, first + start)
                yield matrix.T
            else:
                # Chosen columns stand in the place of those of the training.
                columns = dict(zip(encoder.names_in, lines.columns.values(), strict=True))
                yield lines._replace(columns=columns)
        first += part.m


def _blocks_of(X: Source, model: Model, where: str) -> Iterator[npt.NDArray[Any]]:
    step = max(1, _VALUES_OF_A_PIECE // max(X.n, model.sizes[-1]))
    for start in range(0, X.m, step):
        block = np.asarray(X.block(start, min(start + step, X.m)))
        refuse_missing(block, (), where, start)
        yield block


def _columns(table: Columns, args: Namespace, model: Model) -> Sequence[str]:
    """The columns to predict from: those of --features, else those the model was trained on."""
    trained_on: list[str] = model.settings.get("feature_names", [])
    n = model.network.n_x if model.encoder is None else len(model.encoder.names_in)
    if args.features:
        chosen = choose("--features", args.features, table)
        if len(chosen) != n:
            raise ArgumentValueError(
                "--features",
                counted(len(chosen), "column"),
                f"the {counted(n, 'column')} that the model was trained on, in their order",
            )
        return chosen
    missing = [name for name in trained_on if name not in table.names]
    if trained_on and not missing:
        return trained_on
    if not table.named and len(table.names) == n:
        say("note", f"{table.where} names no columns: its {n} columns are taken in their order")
        return table.names
    if not trained_on:
        # The model was trained on arrays, whose columns have no names.
        if len(table.names) == n:
            return table.names
        raise ArgumentValueError(
            "DATA",
            f"{table.where} with {counted(len(table.names), 'column')}",
            f"a table of the {n} features of the model",
            "choose them, in the order of the training, with --features",
        )
    near = nearest(missing[0], table.names)
    raise ArgumentValueError(
        "DATA",
        f"{table.where} without {listing(missing)}, whose columns are "
        f"{listing(table.names, limit=40)}",
        f"a table with the {n} columns that the model was trained on",
        f"choose other columns with --features{f' (did you mean {near!r}?)' if near else ''}",
    )


def _predicted(model: Model, block: Any, *, proba: bool, threads: int | None) -> npt.NDArray[Any]:
    """Predictions for a block (n_x, m) or the lines of a table: (m,) or (m, n_y)."""
    rows = isinstance(block, ColumnTable)
    if not proba:
        values = np.asarray(model.predict(block, threads=threads))
        return values if values.ndim == 1 or rows else values.T
    P = np.asarray(model.predict_proba(block, threads=threads))
    P = P if rows else P.T
    return np.concatenate([1 - P, P], axis=1) if model.kind == "binary" else P


def column_names(model: Model, *, proba: bool) -> list[str]:
    """The header of the predictions."""
    several = model.kind == "multilabel" or (model.kind == "regression" and not model.flat_targets)
    if several:
        known = model.settings.get("target_names") or range(model.sizes[-1])
        kind = "probability" if proba else "prediction"
        return [f"{kind}_{name}" for name in known]
    if not proba:
        return ["prediction"]
    classes = range(model.sizes[-1]) if model.classes is None else model.classes.tolist()
    return [f"probability_{each}" for each in classes]

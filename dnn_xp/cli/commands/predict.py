"""dnn-xp predict: what a saved model says of new examples, in bounded memory."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dnn_xp.cli.inputs import arrays
from dnn_xp.cli.inputs.reading import open_table, refuse_missing
from dnn_xp.cli.inputs.tables import Columns, choose
from dnn_xp.cli.wording import did_you_mean, no_such_file, say
from dnn_xp.cli.writing import check_output, write
from dnn_xp.common.messages import listing
from dnn_xp.data import Source, check_features
from dnn_xp.data.columns import ColumnTable
from dnn_xp.data.readers.files import SUFFIXES
from dnn_xp.data.readers.tables import table_matrix
from dnn_xp.data.tables import Table
from dnn_xp.model.model import Model, load

# Values of a piece that is read and predicted at once.
_VALUES_OF_A_PIECE = 1 << 19


def run(args: Namespace) -> int:
    """Write predictions to standard output or to a file."""
    model = load_model(args.model, device=args.device, fallback=args.fallback)
    if args.proba and model.kind == "regression":
        raise ValueError(
            f"--proba: this model predicts values (cost {model.cost}), not classes; leave --proba out"
        )
    path = None if args.output is None else Path(args.output)
    if path is not None:
        check_output("OUT", path, force=args.force)
    table = open_table(args.data, args)
    if table is None:
        if args.features:
            raise ValueError(f"--features is for tables, and DATA={args.data!r} holds arrays")
        X = arrays.features(args.data, args.x_key, args.examples)
        check_features(X, model.sizes[0], argument=f"DATA={args.data!r}", examples=args.examples)
        m, blocks = X.m, _blocks_of(X, model, repr(args.data))
    else:
        if args.x_key:
            raise ValueError(
                f"--x-key is for files of arrays, and DATA={args.data!r} holds a table"
            )
        names = _columns(table, args, model)
        if model.encoder is None or model.encoder.plain:
            text = table.text(names)
            if text:
                raise TypeError(
                    f"{listing(text)} of {table.where} hold no numbers, as the model wants them"
                )
        m, blocks = table.m, _lines(table.table.select(names), names, model)
    pieces = (_predicted(model, each, proba=args.proba, threads=args.threads) for each in blocks)
    write(pieces, column_names(model, proba=args.proba), m, path)
    if path is not None:
        print(f"{m:,} predictions written to {args.output}")
    return 0


def load_model(path: str, *, device: str = "auto", fallback: bool = True) -> Model:
    """A saved model, or an error that says what else MODEL seems to be."""
    file = Path(path)
    if not file.exists():
        raise FileNotFoundError(no_such_file("MODEL", file))
    if file.suffix.lower() in SUFFIXES:
        raise ValueError(
            f"MODEL={path!r} is data, not a model that 'dnn-xp train' wrote; the model comes before DATA"
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
    """The columns to predict from: those asked for, else those the model was trained on."""
    trained_on: list[str] = model.settings.get("feature_names", [])
    n = model.sizes[0] if model.encoder is None else len(model.encoder.names_in)
    if args.features:
        chosen = choose("--features", args.features, table)
        if len(chosen) != n:
            raise ValueError(
                f"DATA={args.data!r} has {len(chosen)} features per example and the model was "
                f"trained with {n}."
            )
        return chosen
    missing = [name for name in trained_on if name not in table.names]
    if trained_on and not missing:
        return trained_on
    if not table.named and len(table.names) == n:
        say("note", f"{table.where} names no columns: its {n} columns are taken in their order")
        return table.names
    if not trained_on:
        # The model was trained on arrays, which name nothing.
        if len(table.names) == n:
            return table.names
        raise ValueError(
            f"{table.where} has {len(table.names)} columns and the model takes {n} features; "
            "choose them, in the order of the training, with --features"
        )
    raise ValueError(
        f"{table.where} lacks {len(missing)} of the {n} columns that the model was trained on: "
        f"{listing(missing)}. Its columns are {listing(table.names, limit=40)}; --features chooses "
        f"others in their place.{did_you_mean(missing[0], table.names)}"
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

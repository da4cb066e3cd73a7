"""A client as it may be given: itself, or the address of its scheduler."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dnn_xp.common.errors import ArgumentTypeError, ArgumentValueError
from dnn_xp.common.messages import describe, optional_package

_WANTED = "a distributed.Client, or the address of a scheduler such as tcp://10.0.0.1:8786"


def check_client(name: str, given: Any) -> Any:
    """A Client or an address as it is; nothing is connected, and Dask is not imported.

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
    """
    if isinstance(given, str):
        return given
    distributed = sys.modules.get("distributed")
    if distributed is None or not isinstance(given, distributed.Client):
        way = ""
        if hasattr(given, "scheduler_address"):  # a cluster
            way = "pass Client(cluster)"
        raise ArgumentTypeError(name, describe(given), _WANTED, way)
    if given._asynchronous or given.asynchronous:  # the second is true in an event loop
        raise ArgumentValueError(
            name,
            "an asynchronous Client",
            "one whose methods wait for their results",
            "leave asynchronous=True out, or pass the address of its scheduler",
        )
    return given


def without_connection(given: Any) -> Any:
    """The address of a Client's scheduler; anything else as it is."""
    scheduler = getattr(given, "scheduler", None)
    return given if scheduler is None else scheduler.address


@contextmanager
def connected(given: Any, argument: str = "client") -> Iterator[Any]:
    """The Client given, or one of the scheduler with this address, closed at the end.

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
        For anything else, a client that is closed, and a scheduler that is not reached.
    """
    check_client(argument, given)
    if not isinstance(given, str):
        if given.status != "running":
            raise ArgumentValueError(
                argument, f"a Client that is {given.status}", "one that is connected"
            )
        yield given
        return
    distributed = optional_package("distributed", purpose=argument, extra="dask")
    try:
        client = distributed.Client(given, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        wanted = "the address of a Dask scheduler such as tcp://10.0.0.1:8786"
        raise ArgumentValueError(argument, f"{given!r} ({error})", wanted) from error
    with client:
        yield client

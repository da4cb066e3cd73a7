"""Weak scaling of a cluster whose workers are in network namespaces: 1 Gbit/s and 1 ms each way.

`python -m benchmarks.measure.network` as root. Links have tc's tbf for the rate; where the kernel
has no sch_netem for the delay, `delayed_link.c` passes frames on a millisecond later.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from distributed import Client

import dnn_xp.dask
from benchmarks.measure.cluster import WIDE, seconds_an_iteration, wide_file

HERE = Path(__file__).parent
RATE, DELAY = "1gbit", 1000  # microseconds
_PORT = 18786


def run(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True)


def started(*command: str, space: str = "") -> subprocess.Popen[bytes]:
    inside = ["ip", "netns", "exec", space] if space else []
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1]), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*inside, *command], stderr=subprocess.DEVNULL, env=environment)


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def space(number: int, program: Path) -> Iterator[str]:
    """A network namespace 10.77.NUMBER.2 behind a slow link to 10.77.NUMBER.1, which is here."""
    name, here, there = f"dnnxp{number}", f"dnnxp{number}h", f"dnnxp{number}t"
    run(f"ip netns add {name}")
    try:
        with ended(started(str(program), str(DELAY), "-", here, name, there)):
            time.sleep(0.5)
            run(f"ip address add 10.77.{number}.1/24 dev {here}")
            run(f"ip link set {here} up")
            inside = f"ip netns exec {name}"
            run(f"{inside} ip address add 10.77.{number}.2/24 dev {there}")
            run(f"{inside} ip link set {there} up")
            run(f"{inside} ip link set lo up")
            run(f"{inside} ip route add default via 10.77.{number}.1")
            limit = f"root tbf rate {RATE} burst 1mb latency 50ms"
            run(f"tc qdisc add dev {here} {limit}")
            run(f"{inside} tc qdisc add dev {there} {limit}")
            yield name
    finally:
        run(f"ip netns del {name}")


def link(name: str, number: int) -> dict[str, float]:
    """Round trip in ms, and MB/s, of a TCP connection over a link."""
    listening = socket.create_server(("0.0.0.0", 0))
    code = (
        "import socket,sys; s=socket.create_connection((sys.argv[1],int(sys.argv[2])));"
        "s.setsockopt(6,1,1);[s.sendall(s.recv(1)) for _ in range(50)];"
        "b=bytes(1<<20);[s.sendall(b) for _ in range(64)]"
    )
    address = f"10.77.{number}.1", str(listening.getsockname()[1])
    with ended(started(sys.executable, "-c", code, *address, space=name)):
        peer, _ = listening.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        trips = []
        for _ in range(50):
            start = time.perf_counter()
            peer.sendall(b"1")
            peer.recv(1)
            trips.append(time.perf_counter() - start)
        start, got = time.perf_counter(), 0
        while got < 64 << 20:
            got += len(peer.recv(1 << 20))
        speed = got / (time.perf_counter() - start) / 1e6
    return {"round_trip_ms": 1e3 * sorted(trips)[25], "MB_per_s": speed}


def measured(client: Client, workers: int, folder: str) -> tuple[float, str]:
    how = dict(WIDE)
    lengths = how.pop("lengths")
    path, Y = wide_file(folder, workers)
    said = [""]

    def train(iterations: int) -> None:
        model = dnn_xp.dask.train(client, path, Y, iterations=iterations, report_every=1000, **how)
        said[0] = model.settings["cluster"]

    return seconds_an_iteration(train, *lengths), said[0]


def main() -> dict[str, Any]:
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        program = Path(folder) / "delayed_link"
        run(f"gcc -O2 -o {program} {HERE / 'delayed_link.c'}")
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        names = [stack.enter_context(space(number, program)) for number in (1, 2)]
        found["link"] = link(names[0], 1)
        dask = [sys.executable, "-m"]
        scheduler = [*dask, "distributed.cli.dask_scheduler", "--port", str(_PORT)]
        stack.enter_context(ended(started(*scheduler, "--no-dashboard", "--host", "0.0.0.0")))
        client = stack.enter_context(Client(f"tcp://127.0.0.1:{_PORT}", timeout="30s"))
        times = []
        for number, name in enumerate(names, 1):
            worker = [*dask, "distributed.cli.dask_worker", f"tcp://10.77.{number}.1:{_PORT}"]
            how = ["--nthreads", "1", "--no-dashboard", "--death-timeout", "20"]
            stack.enter_context(ended(started(*worker, *how, space=name)))
            client.wait_for_workers(number, timeout=60)
            seconds, said = measured(client, number, folder)
            times.append(seconds)
            found[f"{number} workers"] = seconds, said
        found["efficiency"] = times[0] / times[1]
    return found


if __name__ == "__main__":
    print(json.dumps(main(), indent=1))

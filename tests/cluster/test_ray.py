"""Sweeps on a Ray cluster of two raylets on this machine."""

import ipaddress
import os
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed: pip install -e '.[ray]'"),
]


@pytest.fixture(scope="module", params=["127.0.0.1", None], ids=["loopback", "own address"])
def address(request):
    """Of a cluster of two raylets with one CPU each, at the machine's own address or on loopback alone."""
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1, include_dashboard=False, node_ip_address=request.param)
        yield cluster.address
    finally:
        cluster.shutdown()


def at_work():
    """The processes that train a piece: Ray names a worker after its task."""
    names = {path.parent: path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()}
    return [int(folder.name) for folder, name in names.items() if name.startswith(b"ray::run_piece")]


def test_the_pieces_of_a_sweep_are_tasks_of_a_running_cluster(sweep, address):
    sweep.start("hydra/launcher=ray", f"hydra.launcher.address={address}", "trainer.max_steps=20")
    sweep.end()
    assert [int(path.stem) for path in sweep.stacks()] == [0, 100, 20, 40, 60, 80]
    assert sweep.statuses() == ["completed"] * 120
    assert sweep.trained() == list(range(120))


def test_a_worker_that_is_killed_in_mid_stack_leaves_no_job_out_and_none_doubled(sweep, address, wait_for):
    sweep.start("hydra/launcher=ray", f"hydra.launcher.address={address}", "trainer.max_steps=10000")
    wait_for(sweep.stacks)
    before = {path: path.stat().st_mtime_ns for path in sweep.stacks()}
    os.kill(at_work()[0], signal.SIGKILL)
    sweep.end()
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert sweep.statuses() == ["completed"] * 120
    assert sweep.trained() == list(range(120))


def test_an_address_without_a_cluster_is_refused(sweep):
    sweep.start("hydra/launcher=ray", "hydra.launcher.address=127.0.0.1:1", "trainer.max_steps=20")
    assert "hydra.launcher.address: expected the address of a Ray cluster" in sweep.end(code=2)
    assert not sweep.folder.exists()


def family(process: int) -> list[int]:
    """A process and all below it."""
    try:
        tasks = list(Path(f"/proc/{process}/task").glob("*/children"))
        children = [int(child) for task in tasks for child in task.read_text().split()]
    except OSError:  # it has ended
        children = []
    return [process, *(each for child in children for each in family(child))]


def listening(processes: list[int]) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The addresses on which these processes wait for connections, one for each socket."""
    sockets = set()
    for process in processes:
        for descriptor in Path(f"/proc/{process}/fd").glob("*"):
            with suppress(OSError):
                sockets.add(os.readlink(descriptor))
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and f"socket:[{inode}]" in sockets:
                digits = local.partition(":")[0]
                words = [digits[k : k + 8] for k in range(0, len(digits), 8)]  # each in the machine's order
                raw = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
                address = ipaddress.ip_address(raw)
                found.append(getattr(address, "ipv4_mapped", None) or address)
    return found


def test_the_servers_of_a_cluster_that_a_sweep_starts_listen_on_loopback_alone(sweep, wait_for):
    sweep.start("hydra/launcher=ray", "trainer.max_steps=2000")
    wait_for(at_work)
    addresses = listening(family(sweep.process.pid))
    sweep.end()
    assert len(addresses) >= 4  # of the store, the raylet, the command and a worker at least
    assert [address for address in addresses if not address.is_loopback] == []


def test_without_an_address_a_cluster_is_started_and_stopped(sweep):
    sweep.start("hydra/launcher=ray", "trainer.max_steps=20")
    sweep.end()
    assert sweep.statuses() == ["completed"] * 120
    sessions = subprocess.run(["pgrep", "-P", str(sweep.process.pid)], capture_output=True, text=True).stdout
    assert sessions == ""

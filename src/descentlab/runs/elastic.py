"""The processes of one run: how many a config asks for, and torch's elastic agent that starts them.

The agent is what torchrun runs. It watches its processes: where one fails the others are ended, and a
signal is handed on to all of them.
"""

import logging
import os
import secrets
import signal
import sys
from collections.abc import Mapping
from typing import Any

from descentlab.errors import InputError
from descentlab.processes import num_processes, this_command

HANDED_ON = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGHUP", "SIGQUIT")
"""Signals to the agent that it sends to its processes, and then ends."""


def processes_on_a_node(trainer: Mapping[str, Any]) -> int:
    """The processes that the settings of a trainer ask for on each machine: one a device.

    Args:
        trainer: checked settings; `devices=auto` is every GPU of this machine, and one process where
            there are none.
    """
    devices: int | str = trainer["devices"]
    if isinstance(devices, int):
        return devices
    if trainer["accelerator"] == "cpu":
        return 1
    import torch

    return max(1, torch.cuda.device_count())


def processes_wanted(trainer: Mapping[str, Any]) -> int:
    """The processes that the settings of a trainer ask for, on all machines together."""
    nodes: int = trainer["num_nodes"]
    return nodes * processes_on_a_node(trainer)


def check_started(trainer: Mapping[str, Any]) -> None:
    """Refuse more or fewer processes than the settings of a trainer ask for.

    Raises:
        InputError: there are not as many.
    """
    wanted, started = processes_wanted(trainer), num_processes()
    if wanted == started:
        return
    asked = f"trainer.devices={trainer['devices']} trainer.num_nodes={trainer['num_nodes']}"
    if started > 1:
        raise InputError(f"{asked}: expected {started}, as many processes as torchrun has started, got {wanted}.")
    raise InputError(
        f"{asked}: expected one device where a run shares its process with others, got {wanted}; "
        "train it with a command of its own, python scripts/train.py or torchrun."
    )


def start_processes(trainer: Mapping[str, Any]) -> int:
    """Start this command once a device, wait for all of them, and return the exit code of the run.

    Args:
        trainer: settings that ask for several processes on this machine.

    Raises:
        InputError: they ask for several machines, where each needs a command of its own, or for GPUs where there
            are none.
    """
    import torch  # now, when the settings have been checked

    if trainer["accelerator"] == "gpu" and not torch.cuda.is_available():
        raise InputError("trainer: expected devices that this machine has, got accelerator=gpu; type trainer=ddp_cpu.")
    count, nodes = processes_on_a_node(trainer), trainer["num_nodes"]
    if nodes > 1:
        raise InputError(
            f"trainer.num_nodes={nodes}: expected a start on each machine; type there, with K from 0 to {nodes - 1}: "
            f"torchrun --nnodes {nodes} --nproc-per-node {count} --node-rank K --master-addr <IP of the first> "
            "--master-port 29500 scripts/train.py …"
        )
    from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as torchrun does: the processes share the cores
    held = logging.root.manager.disable
    logging.disable(logging.ERROR)  # the processes say for themselves what ends them
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        logs_specs=DefaultLogsSpecs(log_dir=os.devnull),  # the processes write to this terminal
        run_id=secrets.token_hex(8),
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        local_addr="127.0.0.1",  # the machine's own name need not resolve
        max_restarts=0,
        signals_to_handle=",".join(HANDED_ON),
    )
    try:
        elastic_launch(config, sys.executable)(*this_command())
    except ChildFailedError as failed:
        return exit_code_of({rank: failure.exitcode for rank, failure in failed.failures.items()})
    except SignalException as signalled:
        return 128 + signalled.sigval
    finally:
        logging.disable(held)
    return 0


def exit_code_of(codes: Mapping[int, int]) -> int:
    """The exit code of a run whose processes ended with these, by rank; negative is the signal that ended one.

    What a process chose itself stands above what was done to it, and SIGTERM may be the agent's doing.
    """
    chosen = [code for _, code in sorted(codes.items()) if code > 0]
    signals = [signal.Signals(-code) for code in codes.values() if code < 0]
    killed = [number for number in signals if number != signal.SIGTERM]
    if killed or not chosen:
        print(f"error: a process of this run was ended by {(killed or signals)[0].name}", file=sys.stderr)
    return chosen[0] if chosen else 1

"""Torch's global generators, of which a net may draw while it trains: the CPU's, and that of its device."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from jaxtyping import UInt8
from torch import Tensor

CPU = torch.device("cpu")


def generator_states(device: torch.device) -> dict[str, UInt8[Tensor, " byte"]]:
    """The states of the generators, on the CPU, by the kinds of their devices.

    Args:
        device: on which the process trains.
    """
    states = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        states[device.type] = torch.get_device_module(device).get_rng_state(*_named(device)).cpu()
    return states


def set_generator_states(states: Mapping[str, UInt8[Tensor, " byte"]], device: torch.device) -> None:
    """Put back what `generator_states` gave; of another kind than the device's, it is left out.

    Args:
        states: by the kinds of the devices, on the CPU. Each is copied, for torch reads from a storage's start.
        device: on which the process trains.
    """
    torch.set_rng_state(states["cpu"].clone())
    if device.type != "cpu" and device.type in states:
        torch.get_device_module(device).set_rng_state(states[device.type].clone(), *_named(device))


@contextmanager
def drawing(seed: int, device: torch.device) -> Iterator[None]:
    """The generators from a seed on; afterwards they are as before.

    Args:
        seed: of each.
        device: on which the process trains.
    """
    before = generator_states(device)
    set_generator_states(
        {kind.type: torch.Generator(kind).manual_seed(seed).get_state() for kind in {CPU, device}}, device
    )
    try:
        yield
    finally:
        set_generator_states(before, device)


def _named(device: torch.device) -> tuple[torch.device, ...]:
    """The device as an argument, for the kinds that a machine has several of."""
    return () if device.type == "mps" else (device,)

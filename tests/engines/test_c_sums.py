"""Sums in C have the bits of torch's own, however the numbers lie."""

import ctypes

import pytest
import torch

from bits import needs_known_bits
from descentlab.engines.c.build import build
from descentlab.engines.c.exact_loops import ExactPlaces
from descentlab.engines.c.row_loops import SharedLoops
from descentlab.engines.c.sums import sums_of
from descentlab.engines.record import CannotRecord

COUNTS = [1, 3, 9, 50, 513, 5000]
COLUMNS = [1, 3, 5, 9, 40]


@needs_known_bits
def test_sums_have_the_bits_of_torchs_own():
    torch.manual_seed(0)
    columns = [torch.randn(count, width) for count in COUNTS for width in COLUMNS]
    lying = [(tensor, [0]) for tensor in columns] + [(tensor.t().contiguous().t(), [0]) for tensor in columns]
    lying += [(tensor, [0, 1]) for tensor in columns[::3]]
    places = ExactPlaces()
    outputs = []
    for tensor, axes in lying:
        outputs.append(torch.empty(tensor.sum(axes).shape))
        places.reduction(outputs[-1], [tensor], tensor.shape, axes, lambda elements: elements[0])
    perform(places)
    for (tensor, axes), output in zip(lying, outputs, strict=True):
        assert torch.equal(output, tensor.sum(axes)), (tensor.shape, tensor.stride(), axes)


@needs_known_bits
@pytest.mark.parametrize("count", [2, 3, 4, 9, 50, 100, 513, 5000, 70_000])
@pytest.mark.parametrize("width", [8, 9, 40, 500])
def test_sums_of_rows_one_after_another_have_the_bits_of_torchs_own(count, width):
    torch.manual_seed(0)
    rows = torch.randn(min(count, 10**6 // width), width)
    places, output = ExactPlaces(num_rows=len(rows)), torch.empty(width)
    places.reduction(output, [rows], rows.shape, [0], lambda elements: elements[0])
    assert [loop.size for loop in places.loops] == [len(rows)]
    perform(places)
    assert torch.equal(output, rows.sum(0))


@needs_known_bits
def test_the_mean_of_a_loss_has_torchs_bits():
    torch.manual_seed(0)
    places = ExactPlaces()
    pairs = [torch.randn(2, count, 1).unbind() for count in COUNTS]
    outputs = [torch.empty(()) for _ in pairs]
    for (x, y), output in zip(pairs, outputs, strict=True):
        axes = range(x.dim())
        places.reduction(output, [x, y], x.shape, axes, lambda e: f"({e[0]} - {e[1]}) * ({e[0]} - {e[1]})", x.numel())
    perform(places)
    assert torch.equal(torch.stack(outputs), torch.stack([torch.nn.functional.mse_loss(x, y) for x, y in pairs]))


@pytest.mark.parametrize(
    ("tensor", "axes"),
    [(torch.zeros(4, 3, 2), [0, 2]), (torch.zeros(8, 4)[::2], [0]), (torch.zeros(2, 3, 4), [1])],
    ids=["two axes apart", "gaps", "between"],
)
def test_refuses_sums_whose_order_is_not_known(tensor, axes):
    with pytest.raises(CannotRecord, match="its sum goes over"):
        sums_of(tensor.shape, tensor.stride(), axes)


def perform(places):
    pointers = "\n".join(f"float *restrict m{number} = memory[{number}];" for number in range(len(places.tensors)))
    pointers += f"\nvoid **routines = (void **)(memory + {len(places.tensors)});"
    loops = SharedLoops(places.loops, between=set())
    body = loops.statements()
    helpers = f"#include <math.h>\n{places.helpers}\n{loops.places(range(len(places.tensors)))}"
    run = build(f"{helpers}\nvoid run(float **memory) {{ {pointers}\n{body} }}", is_exact=True)
    addresses = places.addresses({})
    run((ctypes.c_void_p * len(addresses))(*addresses))

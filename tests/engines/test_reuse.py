"""Buffers share memory where none of them is still needed."""

import torch
from engine_cases import Steep, problem
from torch import nn, optim

from descentlab.engines.record import record
from descentlab.engines.recorded import RecordedEngine
from descentlab.engines.reuse import memory, moved, reused_storages


def storages_of(function):
    result, operations = record(function)
    buffers = {memory(operation.output) for operation in operations}
    return result, operations, reused_storages(operations, [result], buffers)


def test_a_pointwise_operation_writes_over_an_input_that_nobody_reads_again():
    x = torch.randn(10)
    _, operations, storages = storages_of(lambda: x.mul(2.0).sigmoid())
    first, second = (storages[memory(operation.output)] for operation in operations)
    assert first.data_ptr() == second.data_ptr()


def test_what_is_read_later_is_not_written_over():
    x = torch.randn(10)

    def function():
        doubled = x.mul(2.0)
        return doubled.sigmoid() + doubled

    _, operations, storages = storages_of(function)
    first, second = (storages[memory(operation.output)] for operation in operations[:2])
    assert first.data_ptr() != second.data_ptr()


def test_a_matrix_product_does_not_write_over_what_it_reads():
    x, square = torch.randn(4, 4), torch.randn(4, 4)
    _, operations, storages = storages_of(lambda: x.mul(2.0).mm(square).mm(square))
    first, second, third = (storages[memory(operation.output)].data_ptr() for operation in operations)
    assert first != second != third
    assert third == first


def test_an_input_read_in_two_ways_is_not_written_over():
    x = torch.randn(4, 4)

    def function():
        doubled = x.mul(2.0)
        return doubled.add(doubled.t())

    _, operations, storages = storages_of(function)
    first, last = operations[0].output, operations[-1].output
    assert storages[memory(first)].data_ptr() != storages[memory(last)].data_ptr()


def test_a_moved_tensor_keeps_its_shape_and_strides():
    tensor = torch.randn(3, 4)
    elsewhere = torch.zeros(3, 4)
    view = moved(tensor.t(), {memory(tensor): elsewhere.untyped_storage()})
    assert view.data_ptr() == elsewhere.data_ptr()
    assert (view.shape, view.stride()) == (tensor.t().shape, tensor.t().stride())


def test_a_wide_nets_step_works_in_few_pieces_of_memory():
    def net():
        return nn.Sequential(nn.Linear(1, 40), Steep(2.0), nn.Linear(40, 1))

    engine = RecordedEngine(problem(net, lambda p: optim.SGD(p, lr=0.001)))
    (program,) = engine._programs.values()
    wide = {t.data_ptr() for t in program.names.values() if isinstance(t, torch.Tensor) and t.numel() == 50 * 40}
    assert len(wide) == 2  # the hidden activations, and the gradients with respect to them

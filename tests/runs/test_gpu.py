"""A run on a GPU is the run on the CPU, within float32's rounding."""

import pytest
import torch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
]

RUNS = {
    "two relu units": ["model=relu_net"],
    "cubic": ["experiment=cubic"],
    "sum of squares": ["experiment=americano"],
    "wide net": ["experiment=kink_wide"],
    "adam on minibatches": ["model=linear", "optimizer=adam", "data.batch_size=7"],
}


@pytest.fixture(params=RUNS, ids=RUNS)
def pair(request, trained):
    overrides = [*RUNS[request.param], "trainer.max_steps=100"]
    return trained(*overrides), trained(*overrides, "trainer=gpu", "trainer.max_steps=100")


def test_the_history_on_a_gpu_is_that_on_the_cpu(pair):
    cpu, gpu = pair
    for name in cpu.rows[0]:
        torch.testing.assert_close(gpu.column(name), cpu.column(name), rtol=1e-4, atol=1e-5, equal_nan=True)


def test_a_checkpoint_of_a_gpu_is_read_without_one(pair):
    cpu, gpu = pair
    mine, theirs = (
        torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True, map_location="cpu")["state_dict"]
        for run in (cpu, gpu)
    )
    for name, value in mine.items():
        torch.testing.assert_close(theirs[name], value, rtol=1e-4, atol=1e-5)


def test_products_on_a_gpu_keep_float32(trained):
    trained("model=relu_net", "trainer=gpu", "trainer.max_steps=2")
    first, second = torch.rand(2, 64, 64, generator=torch.Generator().manual_seed(1))
    product = (first.cuda() @ second.cuda()).cpu()
    exact = first.double() @ second.double()
    torch.testing.assert_close(product.double(), exact, rtol=1e-6, atol=0)  # TF32 keeps three digits

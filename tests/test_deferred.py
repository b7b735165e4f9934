"""Modules left unexecuted: their answers, and that they step aside for whoever needs the real ones.

Each test is a process of its own, since what is imported stays imported: a fork of one that has made the imports.
"""

import json
import subprocess
import sys

import pytest

START = """
import sys
from descentlab.deferred import Deferred, defer
defer()
def is_waiting(name):
    return isinstance(sys.modules[name].__loader__, Deferred)
import torch
import lightning.pytorch
from torch import nn
"""

FORKED = """
import json, os, traceback
for line in sys.stdin:
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        try:
            exec(json.loads(line), globals())
        except BaseException:
            os.write(writer, traceback.format_exc().encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        failure = told.read().decode()
    status = os.wait()[1]
    print(json.dumps(failure or f"status {status}" * bool(status)), flush=True)
"""


@pytest.fixture(scope="module")
def run():
    """Runs code after START in a process of its own."""
    forking = [sys.executable, "-c", START + FORKED]
    with subprocess.Popen(forking, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:

        def ask(code):
            server.stdin.write(json.dumps(code) + "\n")
            server.stdin.flush()
            failure = json.loads(server.stdout.readline())
            assert not failure, failure

        yield ask
        server.stdin.close()


STEP = """
net = nn.Linear(1, 1)
optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
net(torch.ones(3, 1)).square().mean().backward()
optimizer.step()
optimizer.zero_grad()
"""


def test_a_gradient_step_leaves_the_compiler_unexecuted(run):
    run(STEP + "assert is_waiting('torch._dynamo') and 'sympy' not in sys.modules")


def test_gradients_of_torch_func_leave_the_compiler_unexecuted_and_work_with_it(run):
    run(
        "gradient = torch.func.vmap(torch.func.grad(lambda x: x**3))\n"
        "assert gradient(torch.tensor([1.0, 2.0])).tolist() == [3, 12] and is_waiting('torch._dynamo')\n"
        "error = torch.func.vmap(torch.func.grad(lambda x: nn.functional.mse_loss(x, torch.zeros(2))))\n"
        "assert error(torch.ones(1, 2)).tolist() == [[1, 1]] and is_waiting('sympy')\n"
        "assert torch._dynamo.compiled_autograd.compiled_autograd_enabled is False\n"
        "assert not is_waiting('torch._dynamo')\n"
        "assert gradient(torch.tensor([1.0, 2.0])).tolist() == [3, 12]\n"
    )


def test_symbols_are_known_once_there_are_some(run):
    run(
        "import sympy\n"
        "Basic = sympy.Basic\n"
        "assert not isinstance(1, (str, Basic)) and not issubclass(int, Basic) and is_waiting('sympy')\n"
        "assert isinstance(sympy.Symbol('n'), Basic) and not is_waiting('sympy')\n"
        "assert issubclass(sympy.Symbol, Basic) and not isinstance(1, Basic)\n"
        "class Own(Basic): pass\n"
        "assert issubclass(Own, sympy.Basic) and isinstance(Own(), sympy.Basic)\n"
    )


@pytest.mark.parametrize(
    "use",
    [
        "assert torch.compile(lambda x: 2 * x, backend='eager')(torch.ones(2)).tolist() == [2, 2]",
        "import torch._dynamo.config as config; assert config is torch._dynamo.config",
        "import torch._dynamo.utils; assert torch._dynamo.utils is sys.modules['torch._dynamo.utils']",
        "from torch._dynamo import optimize; assert optimize.__module__ == 'torch._dynamo.eval_frame'",
        "torch.compiler.reset()",
        "torch._dynamo.disable(nn.Linear(1, 1))",
        "from torch._dynamo import *",
    ],
)
def test_whoever_needs_the_compiler_gets_the_real_one(run, use):
    run(STEP + use + "\nassert not is_waiting('torch._dynamo')\n" + STEP)


def test_the_module_that_was_held_before_is_the_one_that_is_executed(run):
    run("held = torch._dynamo\nheld.config\nassert held is sys.modules['torch._dynamo'] is torch._dynamo")


def test_lightning_knows_a_compiled_module_that_was_compiled_later(run):
    run(
        "from lightning.fabric.wrappers import OptimizedModule\n"
        "plain = nn.Linear(1, 1)\n"
        "assert not isinstance(plain, OptimizedModule) and is_waiting('torch._dynamo')\n"
        "compiled = torch.compile(plain, backend='eager')\n"
        "assert isinstance(compiled, OptimizedModule) and issubclass(type(compiled), OptimizedModule)\n"
        "assert not isinstance(plain, OptimizedModule)\n"
    )


def test_a_function_exempted_before_the_execution_is_exempt_after_it(run):
    run(
        "calls = []\n"
        "@torch.compiler.disable\n"
        "def eager(x):\n"
        "    calls.append(torch.compiler.is_compiling())\n"
        "    return x + 1\n"
        "assert is_waiting('torch._dynamo') and eager.__name__ == 'eager'\n"
        "assert eager(torch.zeros(1)) == 1\n"
        "counter = []\n"
        "def backend(graph, inputs):\n"
        "    counter.append(str(graph.graph))\n"
        "    return graph.forward\n"
        "compiled = torch.compile(lambda x: eager(2 * x) * 3, backend=backend)\n"
        "assert compiled(torch.ones(1)) == 9\n"
        "assert len(counter) == 2 and calls == [False, False]\n"  # the graph breaks around it
        "assert eager._torchdynamo_disable\n"
    )


def test_an_optimiser_that_stepped_before_steps_the_same_after(run):
    run(
        STEP + "import copy\n"
        "twin = copy.deepcopy(net)\n"
        "other = torch.optim.Adam(twin.parameters(), lr=0.1)\n"
        "other.load_state_dict(copy.deepcopy(optimizer.state_dict()))\n"
        "def step(net, optimizer):\n"
        "    net(torch.ones(3, 1)).square().mean().backward(); optimizer.step(); optimizer.zero_grad()\n"
        "step(net, optimizer)\n"
        "torch._dynamo.config\n"
        "step(twin, other)\n"
        "assert all(torch.equal(a, b) for a, b in zip(net.parameters(), twin.parameters()))\n"
    )


def test_metrics_are_computed_without_a_plotting_library_and_plotted_with_it(run):
    pytest.importorskip("matplotlib")
    run(
        "from torchmetrics import MeanSquaredError\n"
        "metric = MeanSquaredError()\n"
        "metric.update(torch.zeros(2), torch.ones(2))\n"
        "assert metric.compute() == 1 and 'matplotlib' not in sys.modules\n"
        "import os; os.environ['MPLBACKEND'] = 'agg'\n"
        "figure, _ = metric.plot()\n"
        "assert type(figure).__module__ == 'matplotlib.figure'\n"
    )


def test_scipy_signal_is_as_torchmetrics_leaves_it(run):
    run(
        "import scipy.signal\n"
        "assert is_waiting('scipy.signal')\n"
        "assert scipy.signal.convolve([1, 1], [1, 1]).tolist() == [1, 2, 1]\n"
        "assert scipy.signal.hamming is scipy.signal.windows.hamming and not is_waiting('scipy.signal')\n"
    )


def test_a_module_that_is_imported_already_stays_as_it_is():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import torch, torch._dynamo\n"
            "held = vars(torch._dynamo)['disable']\n"
            "from descentlab.deferred import defer\n"
            "defer(); defer()\n"
            "import torch._dynamo\n"
            "assert torch._dynamo.disable is held\n",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr

"""Nothing in the source runs what it reads: read from the source, with the few places that are explained."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[2] / "src"
TREES = {file.relative_to(SRC).as_posix(): ast.parse(file.read_text(encoding="utf-8")) for file in SRC.rglob("*.py")}

EXPLAINED = {
    ("descentlab/engines/compile.py", "exec"): "source that the recorder wrote of its own operations",
    (
        "descentlab/settings/signature.py",
        "eval",
    ): "annotations in the source of an allowed target, with light names alone",
    ("descentlab/engines/c/build.py", "ctypes"): "a library that it has compiled itself",
    ("descentlab/engines/compiled.py", "ctypes"): "calls that library",
    ("descentlab/engines/compiled_stack.py", "ctypes"): "calls that library",
    ("descentlab/engines/c/routines.py", "ctypes"): "looks up routines in torch's own library",
}
RUNS_WHAT_IT_READS = {"eval", "exec", "__import__", "compile"}
UNSAFE_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "ctypes", "code"}
UNSAFE_CALLS = {
    "os.system",
    "os.popen",
    "yaml.load",
    "yaml.unsafe_load",
    "yaml.full_load",
    "torch.jit.load",
    "torch.hub.load",
}


def calls() -> list[tuple[str, str, ast.Call]]:
    """Every call in the source: its file, the dotted name that is called, and the call."""
    found = [(file, node) for file, tree in TREES.items() for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [(file, ast.unparse(node.func), node) for file, node in found]


def keywords(call: ast.Call) -> dict[str, object]:
    return {word.arg: getattr(word.value, "value", None) for word in call.keywords if word.arg}


def test_every_load_of_torch_takes_weights_only():
    loads = [(file, call) for file, name, call in calls() if name == "torch.load"]
    assert loads
    for file, call in loads:
        assert keywords(call).get("weights_only") is True, file


def test_no_array_is_read_with_pickle():
    assert not [file for file, _, call in calls() if keywords(call).get("allow_pickle")]


def test_nothing_asks_a_shell():
    assert not [file for file, _, call in calls() if keywords(call).get("shell")]


@pytest.mark.parametrize("name", sorted(RUNS_WHAT_IT_READS | UNSAFE_CALLS))
def test_nothing_runs_what_it_reads_but_where_it_is_explained(name):
    files = {file for file, called, _ in calls() if called == name}
    within = {
        file for file, called in EXPLAINED if called == name or (name == "compile" and called in ("eval", "exec"))
    }
    assert files <= within


@pytest.mark.parametrize("module", sorted(UNSAFE_MODULES))
def test_no_module_that_runs_what_it_reads_is_imported_but_where_it_is_explained(module):
    files = set()
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            if module in {name.partition(".")[0] for name in names}:
                files.add(file)
    assert files <= {file for file, name in EXPLAINED if name == module}


def test_every_explanation_is_still_needed():
    called = {(file, name) for file, name, _ in calls()}
    imported = {(file, "ctypes") for file, tree in TREES.items() if "import ctypes" in ast.unparse(tree)}
    assert set(EXPLAINED) <= called | imported


def test_the_project_opens_no_port():
    """The user starts TensorBoard and its like; whoever adds a server binds it to 127.0.0.1, and says so here."""
    assert not {
        file for file, name, _ in calls() if name.rpartition(".")[2] in ("listen", "serve_forever", "create_server")
    }

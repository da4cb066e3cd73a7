"""Imports point downwards, formulas know no library, and the public names are these."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import sys
from pathlib import Path

import pytest

import dnn_xp
from dnn_xp import course, formulas

ROOT = Path(dnn_xp.__file__).parent

# The rooms, from the lowest to the highest; a module imports from its own room and from those before it.
LAYERS = (
    "common",
    "formulas",
    "backends",
    "data",
    "execution",
    "model",
    "training",
    "sweeping",
    "course",
    "trackers",
    "plots",
    "__init__",
    "dask",
    "sklearn",
    "interop",
    "onnx",
    "cli",
    "__main__",
)
# Methods of Model reach the ways out of the package, which lie above it: they import them when they
# are called. What they import knows Model for its types alone, so there is no circle of files.
WAYS_OUT = {"dnn_xp.model.exports": {"interop", "onnx"}}
ARRAY_LIBRARIES = {"numpy", "cupy", "torch", "jax", "array_api_strict", "array_api_compat"}


class Imports(ast.NodeVisitor):
    """Modules that a file imports anywhere, except for type checking alone."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found.update(alias.name for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.level == 0, "relative imports hide where they point"
        self.found.update(f"{node.module}.{alias.name}" for alias in node.names)


def imports_of(path):
    visitor = Imports()
    visitor.visit(ast.parse(path.read_text()))
    return visitor.found


def layer_of(module):
    """The part of the package that a module belongs to: its second name."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


FILES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path
    for path in sorted(ROOT.rglob("*.py"))
}
INTERNAL = {
    name: {
        # dnn_xp.formulas.adam is a name in a module, dnn_xp.train one in the package itself.
        each if layer_of(each) in LAYERS else "dnn_xp.__init__"
        for each in imports_of(path)
        if each == "dnn_xp" or each.startswith("dnn_xp.")
    }
    for name, path in FILES.items()
}


def test_every_module_has_its_place():
    assert {layer_of(name) for name in FILES} == set(LAYERS)


@pytest.mark.parametrize("module", FILES)
def test_imports_point_downwards(module):
    own = LAYERS.index(layer_of(module))
    upwards = {
        each for each in INTERNAL[module] if each != module and LAYERS.index(layer_of(each)) > own
    }
    assert {layer_of(each) for each in upwards} == WAYS_OUT.get(module, set())


@pytest.mark.parametrize("module", WAYS_OUT)
def test_ways_out_are_imported_in_functions_alone(module):
    tree = ast.parse(FILES[module].read_text())
    at_once = {
        each.module
        for each in tree.body
        if isinstance(each, ast.ImportFrom) and layer_of(str(each.module)) in WAYS_OUT[module]
    }
    assert at_once == set()


def file_of(imported):
    """The file that an import reads: a module, or the module or package that a name is taken from."""
    module = imported.rpartition(".")[0] or imported
    candidates = (imported, f"{imported}.__init__", module, f"{module}.__init__")
    return next(each for each in candidates if each in FILES)


def test_a_circle_is_in_no_folder():
    waiting = {
        name: {file_of(each) for each in imports_of(path) if each.startswith("dnn_xp")} - {name}
        for name, path in FILES.items()
    }
    while free := [name for name, needs in waiting.items() if not needs]:
        for name in free:
            del waiting[name]
        for needs in waiting.values():
            needs.difference_update(free)
    assert waiting == {}


def external(name):
    return {each.partition(".")[0] for each in imports_of(FILES[name])} - {"dnn_xp", "__future__"}


@pytest.mark.parametrize("module", [name for name in FILES if layer_of(name) == "formulas"])
def test_formulas_import_no_library(module):
    # Initial parameters are drawn on the host from one NumPy generator: that is what it is for.
    allowed = {"numpy"} if module == "dnn_xp.formulas.initialization" else set()
    assert external(module) - sys.stdlib_module_names == allowed


def test_the_network_is_made_of_formulas_alone():
    assert external("dnn_xp.formulas.network") <= sys.stdlib_module_names
    assert {layer_of(each) for each in INTERNAL["dnn_xp.formulas.network"]} == {"formulas"}


def test_the_engine_knows_no_formula():
    assert not external("dnn_xp.execution.engine") & ARRAY_LIBRARIES
    assert "formulas" not in {layer_of(each) for each in INTERNAL["dnn_xp.execution.engine"]}


@pytest.mark.parametrize("module", FILES)
def test_only_backends_import_array_libraries(module):
    # Modules of torch.nn are classes that torch.save finds by their module's name.
    if layer_of(module) != "backends" and module != "dnn_xp.interop.torch_modules":
        assert external(module) & ARRAY_LIBRARIES <= {"numpy", "array_api_compat"}


@pytest.mark.parametrize(
    "module",
    [
        "hidden_activations",
        "output_activations",
        "costs",
        "layers",
        "dropout",
        "penalties",
        "metrics",
        "optimizers",
        "update_rules",
        "lbfgs",
    ],
)
def test_formulas_take_the_namespace_by_keyword(module):
    tree = ast.parse(FILES[f"dnn_xp.formulas.{module}"].read_text())
    taking = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert "xp" not in [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
            required = [
                each.arg
                for each, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
                if default is None
            ]
            assert ("xp" in required) == ("xp" in [each.arg for each in node.args.kwonlyargs])
            taking += "xp" in required
    assert taking > 0


# The public names


def test_the_public_names_are_these():
    assert dnn_xp.__all__ == [
        "ArgumentError",
        "BlockSizeWarning",
        "CheckpointWarning",
        "ConvergenceWarning",
        "DataWarning",
        "DeviceFallbackWarning",
        "DeviceRecord",
        "DivergenceError",
        "Evaluation",
        "GradientCheck",
        "History",
        "Model",
        "Network",
        "Plan",
        "Specification",
        "SplitWarning",
        "StopReason",
        "Sweep",
        "backward",
        "devices",
        "forward",
        "gradient_check",
        "load",
        "log_uniform",
        "plan",
        "resume",
        "sweep",
        "train",
    ]
    assert all(hasattr(dnn_xp, name) for name in dnn_xp.__all__)
    assert re.fullmatch(r"\d+\.\d+\.\d+", dnn_xp.__version__)


def functions_of(module):
    names = [name for name in module.__all__ if inspect.isfunction(getattr(module, name))]
    return [getattr(module, name) for name in names]


PUBLIC = [
    *dict.fromkeys([*functions_of(dnn_xp), *functions_of(course), *functions_of(formulas)]),
    dnn_xp.Model,
]


@pytest.mark.parametrize("documented", PUBLIC, ids=[each.__name__ for each in PUBLIC])
def test_public_functions_show_an_example_that_runs(documented):
    doc = inspect.getdoc(documented)
    assert doc
    assert "\nExamples\n--------\n" in doc
    (found,) = [
        test
        for test in doctest.DocTestFinder(recurse=False).find(
            documented, documented.__name__, globs={**vars(sys.modules[documented.__module__])}
        )
        if test.examples
    ]
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    result = runner.run(found, out=said.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(said)


@pytest.mark.parametrize(
    "function", functions_of(dnn_xp), ids=[each.__name__ for each in functions_of(dnn_xp)]
)
def test_public_functions_describe_every_argument(function):
    parameters = inspect.signature(function).parameters
    if not parameters:
        return
    _, _, described = inspect.getdoc(function).partition("\nParameters\n----------\n")
    assert described
    named = re.findall(r"^(\S.*)$", described.partition("\n\n")[0], flags=re.MULTILINE)
    words = {word for line in named for word in re.split(r"[ ,:]+", line)}
    assert set(parameters) <= words


@pytest.mark.parametrize("name", [each for each in vars(dnn_xp.Model) if not each.startswith("_")])
def test_everything_of_a_model_is_described(name):
    described = getattr(dnn_xp.Model, name)
    if inspect.isfunction(described) or isinstance(described, property):
        assert inspect.getdoc(described)
    else:
        assert re.search(rf"^{name} : ", inspect.getdoc(dnn_xp.Model), flags=re.MULTILINE)

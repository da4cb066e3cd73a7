"""scikit-learn's own tests of MLPClassifier and MLPRegressor, with our classes in their place.

The source of sklearn/neural_network/tests/test_mlp.py is run as it is, but for the import of the two
classes. What cannot apply is listed here with the reason, and in docs/sklearn.md.
"""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path

import pytest

pytest.importorskip("sklearn", minversion="1.6")

IMPORTED = "from sklearn.neural_network import MLPClassifier, MLPRegressor"
OURS = "from dnn_xp.sklearn import DNNClassifier as MLPClassifier, DNNRegressor as MLPRegressor"
# Tests that do not apply, and why.
NOT_APPLICABLE = {
    "test_gradient": "calls the private method _loss_grad_lbfgs; tests/formulas checks gradients",
}

_spec = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
_path = Path(_spec.origin)
_source = _path.read_text()
assert IMPORTED in _source
exec(compile(_source.replace(IMPORTED, OURS), str(_path), "exec"), globals())

for _name, _test in list(globals().items()):
    if _name.startswith("test_") and inspect.isfunction(_test):
        marks = [pytest.mark.filterwarnings("default")]
        if _name in NOT_APPLICABLE:
            marks.append(pytest.mark.skip(reason=NOT_APPLICABLE[_name]))
        for _mark in marks:
            _test = _mark(_test)


@pytest.fixture
def global_random_seed():
    """The fixture of scikit-learn's conftest, at its default."""
    return 42


def test_what_does_not_apply_is_there_and_documented():
    documented = (Path(__file__).parents[2] / "docs" / "sklearn.md").read_text()
    for name, reason in NOT_APPLICABLE.items():
        assert inspect.isfunction(globals()[name])
        assert f"`{name}`" in documented, reason

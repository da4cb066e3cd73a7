"""Methods of Model that turn it into objects of other libraries, and such objects into models.

They import what they need when they are called: rooms above this one, and optional packages.
"""

from __future__ import annotations

from os import PathLike
from typing import Any, Self, cast


class Exports:
    """ONNX, scikit-learn and PyTorch; a base of `Model` without state of its own."""

    __slots__ = ()

    def to_onnx(
        self,
        path: str | PathLike[str] | None = None,
        *,
        opset: int = 15,
        input_dtype: str | None = None,
    ) -> Any:
        """The model as an ONNX graph, which other runtimes compute without dnn_xp.

        Standardization and the encoding of table columns are part of the graph. Examples are rows,
        as users of ONNX expect, and their number is the dynamic dimension "N".

        =========================  =====================================================
        input, of arrays           "X", (N, n_0), and so for tables of numbers alone
        input, of other tables     one for each column under its name, (N, 1): numbers, NaN where
                                   missing; dates in seconds since 1970; text as strings, ""
                                   where missing
        output, of classes         "label", (N,); "probabilities", (N, K), K = 2 for two classes
        output, of several labels  "label", 0 and 1, (N, n_L); "probabilities", (N, n_L)
        output, of a regression    "prediction", (N,), or (N, n_L) as :meth:`predict` has it
        =========================  =====================================================

        An output whose name a column has gets a "_" appended. The metadata of the file hold the
        version of dnn_xp, the names of features and targets, and the classes.

        Parameters
        ----------
        path : str or path, optional
            The file to write, whole or not at all.
        opset : int
            ONNX's version of the operators, 13 or more.
        input_dtype : {"float32", "float64"}, optional
            Of numbers in the input. The model's dtype when left out, or float64 for a model of a
            table with a column that float32 would round. A float64 input is standardized before
            it is turned into the model's dtype.

        Returns
        -------
        onnx.ModelProto

        Raises
        ------
        ArgumentValueError
            For an activation without an entry in ``dnn_xp.onnx.ACTIVATIONS``, labels that ONNX has
            no type for, and models of more than 2 GiB.
        ImportError
            Without the package onnx (extra ``onnx``).

        Examples
        --------
        >>> import numpy as np, dnn_xp
        >>> X = np.random.default_rng(0).standard_normal((2, 200))
        >>> graph = dnn_xp.train(X, X[0] > X[1], iterations=20).to_onnx()
        >>> [each.name for each in graph.graph.output]
        ['label', 'probabilities']
        """
        from dnn_xp.onnx.export import onnx_model

        return onnx_model(_model(self), path, opset=opset, input_dtype=input_dtype)

    def to_sklearn(self) -> Any:
        """The network as a fitted MLPClassifier or MLPRegressor of scikit-learn.

        Behind a StandardScaler in a Pipeline where the model standardizes X. A standardization of Y
        becomes part of the last layer, and two softmax outputs become one sigmoid output.

        Returns
        -------
        sklearn.neural_network.MLPClassifier or MLPRegressor, or a Pipeline that ends in one

        Raises
        ------
        ArgumentValueError
            For what scikit-learn's networks have not: other activations than identity, sigmoid,
            tanh and relu, or several of them in the hidden layers; tables of text, dates and
            missing numbers.

        Examples
        --------
        >>> import numpy as np, dnn_xp
        >>> X = np.random.default_rng(0).standard_normal((2, 200))
        >>> model = dnn_xp.train(X, X[0] > X[1], iterations=20)
        >>> estimator = model.to_sklearn()
        >>> bool((estimator.predict(X.T) == model.predict(X)).all())
        True
        """
        from dnn_xp.interop.sklearn import estimator_of

        return estimator_of(_model(self))

    @classmethod
    def from_sklearn(cls, estimator: Any) -> Self:
        """The model of a fitted MLPClassifier or MLPRegressor of scikit-learn.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, or Pipeline
            A Pipeline may have a StandardScaler before its network.

        Returns
        -------
        Model
            On the CPU; in float32 if the network's weights are, else in float64. Estimators that
            were fitted on frames give models that take columns by name.

        Raises
        ------
        ArgumentTypeError, ArgumentValueError
            For other estimators, and for those that are not fitted.

        Examples
        --------
        >>> import numpy as np, dnn_xp
        >>> from sklearn.neural_network import MLPRegressor
        >>> X = np.random.default_rng(0).standard_normal((200, 2))
        >>> estimator = MLPRegressor(solver="lbfgs", max_iter=2000).fit(X, X[:, 0] * X[:, 1])
        >>> model = dnn_xp.Model.from_sklearn(estimator)
        >>> bool(np.allclose(model.predict(X, examples="rows"), estimator.predict(X)))
        True
        """
        from dnn_xp.interop.sklearn import fields_of_estimator

        made: Any = cls
        return cast(Self, made(**fields_of_estimator(estimator)))

    def to_torch(self, *, logits: bool = False) -> Any:
        """The network as a torch.nn.Sequential, from X (N, n_0) to A[L] (N, n_L), in evaluation mode.

        Its first module standardizes X where the model does. A standardization of Y becomes part of
        the last layer. Dropout is left out.

        Parameters
        ----------
        logits : bool
            Whether to leave out the output activation, which losses such as
            ``BCEWithLogitsLoss`` and ``CrossEntropyLoss`` include.

        Returns
        -------
        torch.nn.Sequential
            On the CPU, in the model's dtype.

        Raises
        ------
        ArgumentValueError
            For an activation that is not one of the library's; tables of text, dates and missing
            numbers.

        Examples
        --------
        >>> module = model.to_torch()  # doctest: +SKIP
        >>> module(torch.from_numpy(X))  # doctest: +SKIP
        """
        from dnn_xp.interop.torch import module_of

        return module_of(_model(self), logits=logits)

    @classmethod
    def from_torch(cls, module: Any, *, kind: str | None = None, classes: Any = None) -> Self:
        """The model of a torch.nn.Sequential of Linear layers and activations.

        Sequentials inside of it are taken apart; Dropout, Identity and Flatten are passed over. What
        `to_torch` puts in besides is read back: standardization, mixed activations, clamped outputs.

        Parameters
        ----------
        module : torch.nn.Sequential
            Its last module decides what the model predicts: Sigmoid gives two classes, or several
            labels if there are several outputs; Softmax gives classes; anything else values.
        kind : {"binary", "multiclass", "multilabel", "regression"}, optional
            What it predicts. If the module ends in a Linear layer, its outputs are taken as those
            before the activation that belongs to the kind.
        classes : sequence, optional
            The labels that outputs stand for; 0, 1, ... when left out.

        Returns
        -------
        Model
            On the CPU; in float64 if the weights are, else in float32.

        Raises
        ------
        ArgumentTypeError, ArgumentValueError
            For other modules, and for activations with other settings than those of the library.

        Examples
        --------
        >>> module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))  # doctest: +SKIP
        >>> dnn_xp.Model.from_torch(module, kind="multiclass")  # doctest: +SKIP
        """
        from dnn_xp.interop.torch_reading import fields_of_module

        made: Any = cls
        return cast(Self, made(**fields_of_module(module, kind=kind, classes=classes)))


def _model(exports: Any) -> Any:
    """The same object, which is a Model: the type is above this module."""
    return exports

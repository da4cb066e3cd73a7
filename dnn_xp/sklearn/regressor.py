"""DNNRegressor."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
from sklearn.base import RegressorMixin

from dnn_xp.data.host import namespace
from dnn_xp.data.targets.kinds import Targets
from dnn_xp.sklearn import door
from dnn_xp.sklearn.base import DNNEstimator
from dnn_xp.sklearn.clusters import by_chunks
from dnn_xp.sklearn.targets import value_targets, values_of


class DNNRegressor(RegressorMixin, DNNEstimator):  # type: ignore[misc]
    """Regression with hidden layers, trained in blocks on CPU or GPU; parameters as of MLPRegressor.

    Minimises half the squared error, Huber's loss, or half the Poisson deviance of y, plus
    ``alpha / (2 b) sum W^2``, with b the (weighted) examples of an update.

    Parameters
    ----------
    loss : {"squared_error", "poisson", "huber"}
        What is minimized; poisson takes y >= 0 and predicts exp(Z).
    hidden_layer_sizes : int or sequence of int
        Units of each hidden layer; () is linear regression.
    activation, solver, alpha, batch_size, learning_rate, learning_rate_init, power_t, max_iter
        As of :class:`DNNClassifier`.
    shuffle, random_state, tol, verbose, warm_start, momentum, nesterovs_momentum
        As of :class:`DNNClassifier`.
    early_stopping, validation_fraction, beta_1, beta_2, epsilon, n_iter_no_change, max_fun
        As of :class:`DNNClassifier`; the score is R2.
    dropout, standardize, device, precision, block_size, threads, client, preset, ensemble
        As of :class:`DNNClassifier`.
    standardize_targets : bool
        Whether the network learns (y - mean) / scale, of squared_error and huber; predictions and
        losses are in the units of y.

    Attributes
    ----------
    model_ : Model
        The trained network.
    coefs_, intercepts_, loss_, best_loss_, loss_curve_, validation_scores_, validation_loss_curve_
        As of :class:`DNNClassifier`.
    best_validation_score_, n_iter_, t_, n_features_in_, feature_names_in_, n_layers_, n_outputs_
        As of :class:`DNNClassifier`.
    out_activation_ : str
        "identity", or "exp" with poisson.

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.sklearn import DNNRegressor
    >>> X = np.random.default_rng(0).standard_normal((300, 2))
    >>> reg = DNNRegressor(hidden_layer_sizes=16, solver="lbfgs", tol=1e-2, random_state=0)
    >>> reg.fit(X, X[:, 0] ** 2).score(X, X[:, 0] ** 2) > 0.95
    True
    """

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: Any = None,
        standardize: bool = False,
        standardize_targets: bool = False,
        device: str | None = None,
        precision: str | None = None,
        block_size: Any = "auto",
        threads: int | None = None,
        client: Any = None,
        preset: str | None = None,
        ensemble: int | None = None,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.standardize = standardize
        self.standardize_targets = standardize_targets
        self.device = device
        self.precision = precision
        self.block_size = block_size
        self.threads = threads
        self.client = client
        self.preset = preset
        self.ensemble = ensemble

    def _targets(
        self, y: npt.NDArray[Any], dtype: str, *, known: bool = False, same: bool = False
    ) -> tuple[Targets, Any]:
        return value_targets(values_of(y), self.loss, dtype), None

    @by_chunks
    def predict(self, X: Any) -> Any:
        """Values, (m,) or (m, n_y) as y of fit.

        Parameters
        ----------
        X : array, sparse matrix, data frame, dataset or path
            (m, n).

        Returns
        -------
        array
        """
        Z, like = self._decision(X, "predict")
        if self.out_activation_ == "exp":
            Z = namespace(Z).exp(Z)
        return door.like_given(Z[:, 0] if self.model_.flat_targets else Z, like)

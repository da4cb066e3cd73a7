"""DNNClassifier."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import unique_labels

from dnn_xp.data.host import namespace
from dnn_xp.data.targets.classes import check_class_weight
from dnn_xp.data.targets.kinds import Targets
from dnn_xp.sklearn import door
from dnn_xp.sklearn.base import DNNEstimator, _is_stochastic
from dnn_xp.sklearn.clusters import by_chunks
from dnn_xp.sklearn.parameters import checked
from dnn_xp.sklearn.probabilities import log_probabilities
from dnn_xp.sklearn.targets import Labels, class_targets, labels_of


class DNNClassifier(ClassifierMixin, DNNEstimator):  # type: ignore[misc]
    """Classifier with hidden layers, trained in blocks on CPU or GPU; parameters as of MLPClassifier.

    Minimises the cross-entropy plus ``alpha / (2 b) sum W^2``, with b the (weighted) examples of an
    update. With the same parameters and ``random_state`` it starts and moves as MLPClassifier does.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        Units of each hidden layer; () is logistic regression.
    activation : str or sequence of str
        Of the hidden layers, one for all or one each: relu, tanh, logistic, identity, and all others
        of `dnn_xp.train`.
    solver : {"adam", "sgd", "lbfgs"}, name of another optimizer of dnn_xp, or Optimizer
        What updates the parameters.
    alpha : float
        Penalty on W squared.
    batch_size : int, "auto" or None
        Examples of an update: auto is min(200, m), None all of them.
    learning_rate : {"constant", "invscaling", "adaptive"}
        How the rate of sgd changes between epochs.
    learning_rate_init : float
        The first rate.
    power_t : float
        invscaling: rate = learning_rate_init / (t + 1)^power_t after t examples.
    max_iter : int
        Epochs at most, or iterations of lbfgs.
    shuffle : bool
        Whether every epoch has an order of its own.
    random_state : int, RandomState or None
        Of initial parameters, splits, orders and dropout.
    tol : float
        What the loss has to fall by, or the validation score to rise by, to count as better; of
        lbfgs, the largest entry of the gradient at which it stops.
    verbose : bool or int
        Print the loss of every epoch.
    warm_start : bool
        Whether fit goes on from the parameters there are.
    momentum, nesterovs_momentum : float, bool
        Of sgd.
    early_stopping : bool
        Set `validation_fraction` of the examples aside (stratified by class), stop when their score
        has not risen for `n_iter_no_change` epochs, and keep the parameters of the best one.
    validation_fraction : float
        See early_stopping.
    beta_1, beta_2, epsilon : float
        Of adam.
    n_iter_no_change : int or inf
        Epochs without improvement before the training stops.
    max_fun : int
        Evaluations of lbfgs at most.
    dropout : float or sequence of float, optional
        The share of hidden units that an update leaves out, one for all layers or one each.
    class_weight : "balanced" or mapping, optional
        Weights of the classes; those not named have 1.
    standardize : bool
        Whether the model subtracts each feature's mean and divides by its standard deviation, which
        it takes from X of the first fit.
    device : None, "auto", "cpu", "cuda" or "cuda:N"
        Where to compute; see docs/devices.md.
    precision : {"float32", "float64", "tf32", "bfloat16"}, optional
        What layers are computed in; that of X when left out.
    block_size : "auto" or int
        Examples of a block.
    threads : int, optional
        How many work at once on the CPU.
    client : distributed.Client or address of a scheduler, optional
        The Dask cluster that `fit` and `partial_fit` compute on; see docs/cluster.md.
    preset : {"tabular"}, optional
        Train as ``dnn_xp.train(X, Y, preset="tabular")`` does, with the parameters that differ from
        their defaults in the place of the preset's; see docs/sklearn.md.
    ensemble : int, optional
        With a preset: networks that are trained at once and predict by their mean; ``model_.members``.

    Attributes
    ----------
    classes_ : array (K,)
        The labels.
    model_ : Model
        The trained network: save, summary, prediction on arrays of any library.
    coefs_, intercepts_ : list of arrays
        W (n_in, n_out) and b (n_out,) of each layer, read-only.
    loss_, best_loss_ : float
        Loss of the last epoch, and the lowest one; None with early_stopping.
    loss_curve_ : list of float
        Loss of every epoch: the mean over its batches, each before its update.
    validation_scores_, validation_loss_curve_ : list of float or None
        Accuracy and loss on the examples that are validated on.
    best_validation_score_ : float or None
        The best of them with early_stopping or a preset.
    n_iter_, t_ : int
        Epochs of this fit, and examples seen in all.
    n_features_in_, feature_names_in_, n_layers_, n_outputs_, out_activation_
        As of MLPClassifier.

    Examples
    --------
    >>> import numpy as np
    >>> from dnn_xp.sklearn import DNNClassifier
    >>> X = np.random.default_rng(0).standard_normal((300, 2))
    >>> y = np.where(X[:, 0] * X[:, 1] > 0, "same", "other")
    >>> clf = DNNClassifier((16, 8), solver="lbfgs", max_iter=300, random_state=0).fit(X, y)
    >>> clf.score(X, y) > 0.95, clf.predict([[1.0, 2.0]]).tolist()
    (True, ['same'])
    """

    def __init__(
        self,
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
        class_weight: Any = None,
        standardize: bool = False,
        device: str | None = None,
        precision: str | None = None,
        block_size: Any = "auto",
        threads: int | None = None,
        client: Any = None,
        preset: str | None = None,
        ensemble: int | None = None,
    ) -> None:
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
        self.class_weight = class_weight
        self.standardize = standardize
        self.device = device
        self.precision = precision
        self.block_size = block_size
        self.threads = threads
        self.client = client
        self.preset = preset
        self.ensemble = ensemble

    @available_if(_is_stochastic)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train for one epoch on X and y, from where the parameters and the optimizer are.

        Parameters
        ----------
        X, y, sample_weight
            As of `fit`.
        classes : array (K,), optional
            All labels there will be; needed in the first call.

        Returns
        -------
        self
        """
        settings = checked(self.get_params(deep=False))
        self._check_classes(classes)
        self._train(settings, X, y, sample_weight, None, once=True)
        return self

    def _check_classes(self, classes: Any) -> None:
        """Take the classes of the first partial_fit, or compare them with those there are."""
        fitted = hasattr(self, "classes_")
        if classes is None and not fitted:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if classes is None:
            return
        found = unique_labels(door.as_host(classes))
        if fitted and not np.array_equal(self.classes_, found):
            msg = (
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                f"{self.classes_!r}"
            )
            raise ValueError(msg)
        self.classes_ = found

    def _targets(
        self, y: npt.NDArray[Any], dtype: str, *, known: bool = False, same: bool = False
    ) -> tuple[Targets, Any]:
        if same and set(found := unique_labels(y)) != set(self.classes_):
            msg = (
                "warm_start can only be used where `y` has the same classes as in the previous call "
                f"to fit. Previously got {self.classes_}, `y` has {found}"
            )
            raise ValueError(msg)
        labels = labels_of(y, self.classes_ if known else None)
        self.classes_ = labels.classes
        return class_targets(labels, dtype), _strata(labels)

    def _class_weights(self, targets: Targets, y: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
        if check_class_weight("class_weight", self.class_weight) is None:
            return None
        if targets.kind == "multilabel":
            msg = (
                "class_weight must be left out where examples have several labels at once; got "
                f"{self.class_weight!r}. Weight examples with sample_weight."
            )
            raise ValueError(msg)
        labels = labels_of(y, self.classes_)
        present = np.unique(labels.values)
        weights = np.ones(len(self.classes_))
        weights[present] = compute_class_weight(
            self.class_weight, classes=self.classes_[present], y=y.reshape(-1)
        )
        of_examples: npt.NDArray[Any] = weights[labels.values]
        return of_examples

    @by_chunks
    def predict(self, X: Any) -> Any:
        """Labels (m,), or 0 and 1 (m, K) for several labels at once.

        Parameters
        ----------
        X : array, sparse matrix, data frame, dataset or path
            (m, n).

        Returns
        -------
        array
        """
        Z, like = self._decision(X, "predict")
        Z = door.as_host(Z)
        if self.model_.kind == "multilabel":
            return door.like_given((Z > 0).astype(np.int64), like)
        if self.model_.kind == "binary":
            codes = (Z[:, 0] > 0).astype(np.int64) * (len(self.classes_) - 1)
        else:
            codes = Z.argmax(axis=1)
        return door.like_given(self.classes_[codes], like)

    @by_chunks
    def decision_function(self, X: Any) -> Any:
        """Z[L], what the output activation is applied to: (m,) for two classes, else (m, K).

        Parameters
        ----------
        X : array, sparse matrix, data frame, dataset or path
            (m, n).

        Returns
        -------
        array
        """
        Z, like = self._decision(X, "decision_function")
        return door.like_given(Z[:, 0] if self.model_.kind == "binary" else Z, like)

    @by_chunks
    def predict_proba(self, X: Any) -> Any:
        """The probability of each class or label, (m, K), in the order of `classes_`.

        Parameters
        ----------
        X : array, sparse matrix, data frame, dataset or path
            (m, n).

        Returns
        -------
        array
        """
        A, like = self._decision(X, "predict_proba", activated=True)
        if self.model_.kind == "binary":
            xp = namespace(A)
            A = xp.concat([1.0 - A, A], axis=1)
        return door.like_given(A, like)

    @by_chunks
    def predict_log_proba(self, X: Any) -> Any:
        """The logarithm of `predict_proba`, from the outputs: finite where a probability rounds to 0.

        Parameters
        ----------
        X : array, sparse matrix, data frame, dataset or path
            (m, n).

        Returns
        -------
        array
        """
        Z, like = self._decision(X, "predict_log_proba")
        return door.like_given(log_probabilities(Z, self.model_), like)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _strata(labels: Labels) -> npt.NDArray[Any] | None:
    """What a split is stratified by: the classes; nothing for several labels at once."""
    if labels.several or len(labels.classes) < 2:
        return None
    counts = np.bincount(labels.values, minlength=len(labels.classes))
    if len(labels.classes) == 2 and counts.min() == 1:
        return labels.values[:, None].astype(bool)  # for scikit-learn's own words
    return labels.values

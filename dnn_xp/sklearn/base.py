"""What the classifier and the regressor share: fit, partial_fit, outputs, pickling."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from dnn_xp.data.given import Given
from dnn_xp.data.targets.kinds import Targets
from dnn_xp.formulas.types import Array
from dnn_xp.model.model import Model
from dnn_xp.sklearn import door, presets
from dnn_xp.sklearn.callbacks import (
    CallbackSupportMixin,
    FitCallbacks,
    has_callbacks,
    with_callbacks,
)
from dnn_xp.sklearn.clusters import without_client
from dnn_xp.sklearn.keeping import packed, unpacked
from dnn_xp.sklearn.parameters import Settings, checked
from dnn_xp.sklearn.solvers import initial_layers
from dnn_xp.sklearn.splitting import set_aside
from dnn_xp.sklearn.targets import read_y
from dnn_xp.sklearn.task import Fitted, HeldOut, Task
from dnn_xp.sklearn.training import fit
from dnn_xp.sklearn.watching import Watch

# scikit-learn's names of output activations.
_OUTPUTS = {"sigmoid": "logistic"}


def _is_stochastic(estimator: Any) -> bool:
    if isinstance(estimator.solver, str) and estimator.solver == "lbfgs":
        msg = "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
        raise AttributeError(msg)
    if estimator.preset is not None:
        msg = (
            f"partial_fit is only available without a preset; got preset={estimator.preset!r}, which "
            "holds examples out and lowers the rate over all epochs. Use fit, or pass preset=None."
        )
        raise AttributeError(msg)
    return True


class DNNEstimator(CallbackSupportMixin, BaseEstimator):  # type: ignore[misc]
    """A deep fully connected network with scikit-learn's interface; see the two public classes."""

    classes_: npt.NDArray[Any]
    client: Any

    def _targets(
        self, y: npt.NDArray[Any], dtype: str, *, known: bool = False, same: bool = False
    ) -> tuple[Targets, Any]:
        """Targets of y, and what a split is stratified by or None; sets `classes_`.

        With `known` the classes are those there are, with `same` all of them have to be in y.
        """
        raise NotImplementedError

    def _class_weights(self, targets: Targets, y: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
        """The weight that each example has for its class."""
        return None

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, X_val: Any = None, y_val: Any = None
    ) -> Self:
        """Train on X and y, from new parameters or with ``warm_start`` from those there are.

        Parameters
        ----------
        X : array, sparse matrix, data frame, dataset or path
            (m, n), examples as rows. Paths, HDF5 and Zarr datasets are read block by block.
        y : array, path, or name of a column of X
            (m,) or (m, n_y).
        sample_weight : array (m,), optional
            Weights of the examples; a weight of 2 is the example twice.
        X_val, y_val : as X and y, optional
            Examples to validate on: their loss and score are recorded after every epoch, and with
            ``early_stopping`` they are watched in the place of a part of X.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            For parameters or data that cannot be used.
        """
        settings = checked(self.get_params(deep=False))
        self._forget_unless(settings.warm_start)
        held_out = None if X_val is None else (X_val, y_val)
        if has_callbacks(self):
            self._fit_with_callbacks(settings, X, y, sample_weight, held_out)
        else:
            self._train(settings, X, y, sample_weight, held_out)
        return self

    @with_callbacks  # type: ignore[untyped-decorator]
    def _fit_with_callbacks(
        self, settings: Settings, X: Any, y: Any, sample_weight: Any, held_out: Any
    ) -> None:
        callbacks = FitCallbacks(self, presets.most_epochs(self, settings), X, y)
        self._train(settings, X, y, sample_weight, held_out, callbacks=callbacks)
        callbacks.ended()

    @available_if(_is_stochastic)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch on X and y, from where the parameters and the optimizer are.

        Parameters
        ----------
        X, y, sample_weight
            As of `fit`.

        Returns
        -------
        self
        """
        settings = checked(self.get_params(deep=False))
        self._train(settings, X, y, sample_weight, None, once=True)
        return self

    def _forget_unless(self, warm_start: bool) -> None:
        """Drop what an earlier fit left, unless this one goes on from it."""
        if not warm_start:
            for name in ("coefs_", "intercepts_", "model_", "_state", "_watch", "_optimizer"):
                self.__dict__.pop(name, None)

    def _train(
        self,
        settings: Settings,
        X: Any,
        y: Any,
        sample_weight: Any,
        held_out: Any,
        *,
        once: bool = False,
        callbacks: FitCallbacks | None = None,
    ) -> None:
        if settings.preset is not None:
            fitted = presets.fit(self, settings, (X, y, sample_weight), held_out, callbacks)
            self.__dict__.update(fitted)
            return
        if once and settings.early_stopping:
            msg = "partial_fit does not support early_stopping=True"
            raise ValueError(msg)
        first = not hasattr(self, "coefs_")
        reset = first or not hasattr(self, "n_features_in_")
        opened, y = door.open_training(self, X, y, reset=reset)
        given = opened.given
        y = read_y(y, given.X.m)
        model: Model | None = None if first else getattr(self, "model_", None)
        self._check_sizes(settings, model)
        dtype = "float32" if given.X.dtype == np.float32 else "float64"
        targets, groups = self._targets(y, dtype, known=once or not first, same=not (once or first))
        weights = self._weights(sample_weight, given.X.m, targets, y)
        random = check_random_state(self.random_state)
        sizes = (given.X.n, *settings.hidden_layer_sizes, targets.n_y)
        # Before the split, as scikit-learn draws them.
        theta = initial_layers(sizes, settings.activation, random) if first else self._start()
        watch = self._watching(settings, once, first, theta)
        validation = None
        if held_out is not None:
            validation = self._validation(held_out, dtype, given)
        elif settings.early_stopping and not settings.is_lbfgs:
            training, validation = set_aside(
                HeldOut(given.X, targets, weights), groups, settings.validation_fraction, random
            )
            given = given._replace(X=training.X)
            targets, weights = training.targets, training.weights
        task = Task(
            settings,
            given,
            targets,
            targets.n_y == 1,
            weights,
            validation,
            random,
            watch,
            t=0 if first else getattr(self, "t_", 0),
            theta=theta,
            start="uniform, as scikit-learn draws it" if first else "warm start",
            model=model,
            state=getattr(self, "_state", None) if once else None,
            rate=getattr(self, "_optimizer", None) if once else None,
            once=once,
            seed=self.random_state if type(self.random_state) is int else 0,
            epoch_ended=None if callbacks is None else callbacks.epoch_ended,
        )
        self._remember(opened)
        self._take(fit(task), watch)

    def _remember(self, opened: door.Opened) -> None:
        """Of X of a fit, the library and the device, which results have, too."""
        self._where = door.where(opened.like)
        self._like = opened.like if opened.like is None else opened.like[:0, ...]

    def _check_sizes(self, settings: Settings, model: Model | None) -> None:
        if model is not None and model.settings.get("preset"):
            msg = (
                "preset must be that of the fit before, which a fit without a preset cannot go on from; "
                "got None. Pass warm_start=False to fit anew."
            )
            raise ValueError(msg)
        if model is not None and model.sizes[1:-1] != settings.hidden_layer_sizes:
            msg = (
                f"hidden_layer_sizes must be {model.sizes[1:-1]}, that of the fit before, to go on "
                f"from it; got {settings.hidden_layer_sizes}. Pass warm_start=False to start anew."
            )
            raise ValueError(msg)

    def _weights(
        self, sample_weight: Any, m: int, targets: Targets, y: npt.NDArray[Any]
    ) -> npt.NDArray[Any] | None:
        """Weights of the examples, their own times that of their class."""
        of_classes = self._class_weights(targets, y)
        own = door.weights_of_examples(sample_weight, m)
        if own is None or of_classes is None:
            return of_classes if own is None else own
        weights: npt.NDArray[Any] = own * of_classes
        return weights

    def _start(self) -> npt.NDArray[np.float64]:
        """The parameters (p,) of coefs_ and intercepts_, on the host."""
        pairs = zip(self.coefs_, self.intercepts_, strict=True)
        parts = [
            door.as_host(part) for W, b in pairs for part in (np.asarray(door.as_host(W)).T, b)
        ]
        return np.concatenate([np.asarray(part, dtype=np.float64).reshape(-1) for part in parts])

    def _watching(self, settings: Settings, once: bool, first: bool, theta: Any) -> Watch:
        by_score = settings.early_stopping and not settings.is_lbfgs
        kept = {} if first else getattr(self, "_watch", {})
        watch = Watch(settings.tol, settings.n_iter_no_change, by_score, **kept)
        if once:
            watch.patience = float("inf")
        if by_score and watch.scores:
            watch.best = theta
        return watch

    def _validation(self, held_out: tuple[Any, Any], dtype: str, given: Given) -> HeldOut:
        X, y = held_out
        opened, y = door.open_training(self, X, y, reset=False, trained_on=given)
        targets, _ = self._targets(read_y(y, opened.given.X.m), dtype, known=True)
        return HeldOut(opened.given.X, targets, None)

    def _take(self, fitted: Fitted, watch: Watch) -> None:
        """The attributes of a fit."""
        for name, value in self._fitted_attributes(fitted.model).items():
            setattr(self, name, value)
        self._state, self._optimizer, self._watch = fitted.state, fitted.rate, watch.kept()
        self._no_improvement_count = watch.since
        self.n_iter_, self.t_, self.loss_ = fitted.epochs, fitted.t, fitted.loss
        self.loss_curve_ = watch.losses
        self.best_loss_ = None if watch.by_score else watch.best_loss
        self.best_validation_score_ = watch.best_score if watch.by_score else None
        self.validation_scores_ = watch.scores or None
        self.validation_loss_curve_ = watch.validation_losses or None

    def _fitted_attributes(self, model: Model) -> dict[str, Any]:
        """What a model brings: all that predictions need, and its parameters."""
        to_host = model.backend.to_host
        pairs = [(to_host(W).T, to_host(b)[:, 0]) for W, b in model.parameters]
        last = model.activations[-1]
        return {
            "model_": model,
            "coefs_": [door.like_given(W, self._like) for W, _ in pairs],
            "intercepts_": [door.like_given(b, self._like) for _, b in pairs],
            "n_layers_": len(model.sizes),
            "n_outputs_": model.sizes[-1],
            "out_activation_": _OUTPUTS.get(last, last),
        }

    def _decision(self, X: Any, method: str, *, activated: bool = False) -> tuple[Array, Any]:
        """Z[L] or A[L] (m, n_L), and the array whose library results have."""
        check_is_fitted(self, "model_")
        door.check_same_namespace(self, X, method)
        values, like = door.open_features(self, X)
        model: Model = self.model_
        function = model.predict_proba if activated else model.decision_function
        return function(values, examples="rows", threads=self.threads), like

    def __getstate__(self) -> dict[str, Any]:
        return packed(super().__getstate__())

    def __sklearn_clone__(self) -> Self:
        made: Self = super(DNNEstimator, without_client(self)).__sklearn_clone__()
        made.client = self.client
        return made

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(unpacked(state))
        if hasattr(self, "model_"):
            self.__dict__.update(self._fitted_attributes(self.model_))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = True
        tags.target_tags.multi_output = True
        return tags

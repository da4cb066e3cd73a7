"""dnn-xp train: what is learned from what, what is told, what is saved."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_helpers import FEATURES, QUICK, Flowers, Shell, columns_of, write_csv

import dnn_xp
import dnn_xp.cli.cluster
import dnn_xp.cli.commands.train
import dnn_xp.cli.inputs.reading
from dnn_xp.cli.parser import parse
from dnn_xp.cli.train_options import TRAIN_OPTIONS


def test_train_info_and_predict_go_round(shell: Shell, files: Flowers) -> None:
    for data, options in {
        "flowers.csv": ("--target", "kind"),
        "flowers.parquet": ("--target", "kind"),
        "flowers.npz": (),
    }.items():
        said = shell("train", data, *options, *QUICK, "-o", f"{data}.safetensors")
        assert said == (0, "", "")
        assert "daisy, poppy, tulip" in shell("info", f"{data}.safetensors").out
        said = shell("predict", f"{data}.safetensors", data)
        assert said.code == 0
        header, *labels = said.out.split()
        assert header == "prediction"
        assert np.mean(np.asarray(labels) == files.kinds) > 0.95
        model = dnn_xp.load(f"{data}.safetensors")
        assert labels == model.predict(files.X, examples="rows").tolist()


def test_the_table_says_what_was_done(shell: Shell, files: Flowers) -> None:
    said = shell("train", "flowers.csv", "--target", "kind", *QUICK[:-1])
    lines = said.out.splitlines()
    assert lines[:3] == [
        "data       'flowers.csv': 90 examples, 3 features",
        "target     kind",
        "split      72 to train on, 18 to test on (drawn within each class, seed 0)",
    ]
    for wanted in ("1      relu        (8, 3)", "3, standardized by the model", "cpu with numpy"):
        assert wanted in said.out
    heads, training, test = (line.split() for line in lines[-5:-2])
    assert heads == ["examples", "cost", "accuracy"]
    assert training[:2] == ["training", "72"]
    assert test[:2] == ["test", "18"]
    assert float(test[3]) > 0.9
    assert lines[-1].startswith("saved      model.safetensors, ")
    assert Path("model.safetensors").is_file()


def test_it_is_the_training_of_the_library(shell: Shell, files: Flowers) -> None:
    shell("train", "flowers.csv", "--target", "kind", "--test-fraction", "0", *QUICK, "--seed", "3")
    ours = dnn_xp.load("model.safetensors")
    options = {"hidden": [8], "iterations": 80, "learning_rate": 0.05, "seed": 3}
    same = dnn_xp.train(files.X, files.kinds, examples="rows", standardize=True, **options)
    np.testing.assert_array_equal(ours.theta, same.theta)
    assert ours.settings["feature_names"] == list(FEATURES)
    assert ours.settings["target_names"] == ["kind"]


def test_the_options_are_the_arguments_of_train() -> None:
    arguments = inspect.signature(dnn_xp.train).parameters
    args = parse(["train", "iris"])
    differ = {"standardize": True, "device": "auto"}
    for name in TRAIN_OPTIONS:
        assert getattr(args, name) == differ.get(name, arguments[name].default), name


def test_every_option_arrives(
    shell: Shell, files: Flowers, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: dict[str, Any] = {}

    def spy(X: Any, Y: Any, **options: Any) -> dnn_xp.Model:
        came.update(options)
        return dnn_xp.train(X, Y, **options)

    monkeypatch.setattr(dnn_xp.cli.cluster, "train", spy)
    typed = (
        "--hidden 6,4 --activation tanh,relu --cost softmax_cross_entropy --initialization he "
        "--output-activation softmax --initial-scale 0.5 "
        "--optimizer adamw --learning-rate 0.02 --batch-size 16 --epochs 2 --l2 0.5 --l1 0.25 "
        "--keep-prob 0.9,0.8 --dropout 0.1,0.2 --clip-norm 2 --class-weight balanced --validation 0.2 "
        "--validation-part last --patience 3 --report-every 2 "
        "--no-standardize --no-standardize-targets --missing indicator --embedding 3 --device cpu --no-fallback "
        "--dtype float32 --precision float32 "
        "--block-size 32 --layout columns --blas numpy --threads 2 --seed 5 "
        "--standardize-by quantiles --scaling-layer --scale-rate 6 --bias-rate 0.1 --output-rate 2 "
        "--number-encoding periodic --bins 7 --frequency 0.2 --encoding-rate 0.5 "
        "--ntk --label-smoothing 0.1 --schedule coslog4 --keep-best score --report-costs batches "
        "--ema-decay 0.99 --parametric-activation --parametric-rate 0.2 "
        "--dropout-schedule flat_cosine --weight-decay-schedule cosine --no-decay-biases "
        "--output-initialization zeros --bias-initialization he+5 --unit-variance"
    )
    said = shell("train", "flowers.csv", "--target", "kind", *typed.split(), "--quiet")
    assert said == (0, "", "")
    assert came == {
        "hidden": (6, 4),
        "activation": ["tanh", "relu"],
        "cost": "softmax_cross_entropy",
        "output_activation": "softmax",
        "initialization": "he",
        "initial_scale": 0.5,
        "optimizer": "adamw",
        "learning_rate": 0.02,
        "iterations": None,
        "batch_size": 16,
        "epochs": 2,
        "l2": 0.5,
        "l1": 0.25,
        "keep_prob": [0.9, 0.8],
        "dropout": [0.1, 0.2],
        "clip_norm": 2.0,
        "class_weight": "balanced",
        "validation": 0.2,
        "validation_part": "last",
        "patience": 3,
        "report_every": 2,
        "on_divergence": "error",
        "checkpoint": None,
        "checkpoint_every": "30s",
        "keep": 3,
        "missing": "indicator",
        "embedding": 3,
        "standardize": False,
        "standardize_targets": False,
        "device": "cpu",
        "fallback": False,
        "dtype": "float32",
        "precision": "float32",
        "block_size": 32,
        "layout": "columns",
        "blas": "numpy",
        "threads": 2,
        "seed": 5,
        "preset": None,
        "standardize_by": "quantiles",
        "number_encoding": "periodic",
        "bins": 7,
        "frequency": 0.2,
        "encoding_rate": 0.5,
        "scaling_layer": True,
        "scale_rate": 6.0,
        "bias_rate": 0.1,
        "output_rate": 2.0,
        "ntk": True,
        "label_smoothing": 0.1,
        "schedule": "coslog4",
        "keep_best": "score",
        "report_costs": "batches",
        "ema_decay": 0.99,
        "parametric_activation": True,
        "parametric_rate": 0.2,
        "dropout_schedule": "flat_cosine",
        "weight_decay_schedule": "cosine",
        "decay_biases": False,
        "output_initialization": "zeros",
        "bias_initialization": "he+5",
        "unit_variance": True,
        "clamp_outputs": False,
        "ensemble": None,
        "ensemble_sharing": "layers",
        "examples": "rows",
        "verbose": False,
    }


def test_ensembles_arrive(shell: Shell, files: Flowers) -> None:
    asked = ("--ensemble", "3", "--ensemble-sharing", "nothing")
    assert shell("train", "flowers.csv", "--target", "kind", *QUICK, *asked) == (0, "", "")
    model = dnn_xp.load("model.safetensors")
    assert (model.settings["ensemble"], model.settings["ensemble_sharing"]) == (3, "nothing")


def test_hidden_none_is_no_hidden_layer(shell: Shell, files: Flowers) -> None:
    shell("train", "flowers.csv", "--target", "kind", *QUICK, "--hidden", "none")
    assert dnn_xp.load("model.safetensors").sizes == (3, 3)


@pytest.mark.parametrize("target", ["kind", "3", "-1"])
def test_a_target_has_a_name_and_a_number(shell: Shell, files: Flowers, target: str) -> None:
    assert shell("train", "flowers.csv", "--target", target, *QUICK) == (0, "", "")
    assert dnn_xp.load("model.safetensors").settings["target_names"] == ["kind"]


def test_features_are_chosen_or_excluded(shell: Shell, files: Flowers) -> None:
    common = ("train", "flowers.csv", "--target", "kind", "--force", *QUICK)
    for option in (("--features", "depth,height"), ("--features", "2", "--features", "height")):
        shell(*common, *option)
        assert dnn_xp.load("model.safetensors").settings["feature_names"] == ["depth", "height"]
    shell(*common, "--exclude", "width,depth")
    assert dnn_xp.load("model.safetensors").settings["feature_names"] == ["height"]


def test_a_name_may_have_a_comma(shell: Shell, flowers: Flowers) -> None:
    np.savetxt("a.csv", flowers.X, delimiter=",", header='"a,b",c,d', comments="")
    assert shell("train", "a.csv", "--target", "a,b", *QUICK) == (0, "", "")
    assert dnn_xp.load("model.safetensors").settings["target_names"] == ["a,b"]


def test_several_targets_are_values_or_labels(shell: Shell, flowers: Flowers) -> None:
    one_hot = {f"is_{kind}": (flowers.kinds == kind) * 1 for kind in ("daisy", "poppy", "tulip")}
    write_csv("a.csv", columns_of(flowers) | {"petals": flowers.petals} | one_hot)
    common = ("train", "a.csv", "--force", *QUICK, "--features", "height,width,depth")
    assert shell(*common, "--target", "petals,height", "--features", "width") == (
        1,
        "",
        (
            "dnn-xp: error: --features must be columns that are no targets; got 'height', which "
            "--target names too"
        ),
    )
    assert (
        shell(*common[:-2], "--exclude", "kind", "--target", "petals", "--target", "height").code
        == 0
    )
    assert dnn_xp.load("model.safetensors").kind == "regression"
    assert shell("predict", "model.safetensors", "a.csv").out.startswith(
        "prediction_petals,prediction_height\n"
    )
    assert shell(*common, "--target", ",".join(one_hot)).code == 0
    model = dnn_xp.load("model.safetensors")
    assert (model.kind, model.classes.tolist()) == ("multiclass", list(one_hot))
    assert shell(*common, "--target", "is_daisy,is_poppy").code == 0
    assert dnn_xp.load("model.safetensors").kind == "multilabel"
    proba = shell("predict", "model.safetensors", "a.csv", "--proba").out
    assert proba.startswith("probability_is_daisy,probability_is_poppy\n")
    assert shell(*common, "--target", "kind,is_daisy").err == (
        "dnn-xp: error: --target must be numbers, or labels 0 and 1, where it names several columns; "
        "got 'kind' of 'a.csv', without numbers"
    )


@pytest.mark.parametrize(
    "typed",
    [
        "X.npy --target-file Y.npy",
        "all.npy --target 0",
        "all.npy --target -4 --cost softmax_cross_entropy",
        "flowers.h5",
        "flowers.h5 --x-key X --y-key Y",
        "flowers.zarr",
        "flowers.npz::X --y-key Y",
        "flowers.npz --target-file Y.npy",
        "flowers.csv --exclude kind --target-file Y.npy",
    ],
)
def test_arrays_come_from_files_of_all_kinds(shell: Shell, files: Flowers, typed: str) -> None:
    said = shell("train", *typed.split(), *QUICK)
    assert (said.code, said.out) == (0, "")
    model = dnn_xp.load("model.safetensors")
    assert model.sizes[0] == 3
    by_columns = model.predict(files.X.T)
    assert (model.kind == "regression") == (typed == "all.npy --target 0")
    if model.kind == "multiclass":
        truth = np.unique(files.kinds, return_inverse=True)[1]
        found = np.unique(by_columns, return_inverse=True)[1]
        assert np.mean(found == truth) > 0.95


def test_examples_may_be_columns_or_images(shell: Shell, files: Flowers) -> None:
    np.savez("columns.npz", x=files.X.T, y=files.kinds)
    assert shell("train", "columns.npz", "--examples", "columns", *QUICK) == (0, "", "")
    np.savez("images.npz", pictures=np.zeros((90, 2, 5)) + files.X[:, :1, None], y=files.kinds)
    assert shell("train", "images.npz", "--x-key", "pictures", *QUICK, "--force") == (0, "", "")
    assert dnn_xp.load("model.safetensors").sizes[0] == 10


def test_a_bundled_set_trains_by_its_name(shell: Shell) -> None:
    said = shell("train", "iris", *QUICK[:-1])
    assert said.code == 0
    assert "iris (bundled with scikit-learn): 150 examples, 4 features" in said.out
    assert "setosa, versicolor, virginica" in said.out
    assert shell("predict", "model.safetensors", "iris").out.split()[1] == "setosa"
    assert shell("train", "linnerud", *QUICK, "--force").code == 0
    assert shell("predict", "model.safetensors", "linnerud").out.startswith("prediction_Weight,")


def test_an_index_without_a_name_is_left_out(shell: Shell, flowers: Flowers) -> None:
    write_csv("a.csv", {"": np.arange(90)} | columns_of(flowers))
    said = shell("train", "a.csv", "--target", "kind", *QUICK[:-1])
    assert "note       column 0 has no name and is left out (an index?)" in said.out
    assert dnn_xp.load("model.safetensors").settings["feature_names"] == list(FEATURES)


def test_rare_classes_are_not_tested_only(shell: Shell, flowers: Flowers) -> None:
    kinds = flowers.kinds.astype(object)
    kinds[::6] = [f"rare {i}" for i in range(15)]
    write_csv("a.csv", columns_of(flowers) | {"kind": kinds})
    said = shell("train", "a.csv", "--target", "kind", *QUICK[:-1])
    assert said.code == 0
    assert "72 to train on, 18 to test on (drawn within each class, seed 0)" in said.out
    assert "; none of class 'rare 0', 'rare 1'" in said.out
    assert len(dnn_xp.load("model.safetensors").classes) == 18


def test_no_test_when_none_is_wanted(shell: Shell, files: Flowers) -> None:
    said = shell("train", "flowers.csv", "--target", "kind", "--test-fraction", "0", *QUICK[:-1])
    assert "split      all 90 to train on, none to test on" in said.out
    assert "\ntest " not in said.out


def test_penalties_are_said_to_be_left_out(shell: Shell, files: Flowers) -> None:
    said = shell("train", "flowers.csv", "--target", "kind", "--l2", "1", *QUICK[:-1])
    assert "(these costs are without the penalty on the weights)" in said.out


def test_regression_reports_r2(shell: Shell, flowers: Flowers) -> None:
    columns = columns_of(flowers)
    del columns["kind"]
    write_csv("a.csv", columns | {"petals": flowers.petals})
    said = shell("train", "a.csv", "--target", "petals", *QUICK[:-1])
    assert "R2" in said.out
    assert float(said.out.splitlines()[-3].split()[-1]) > 0.8


def test_notes_on_numbers_that_may_be_meant_otherwise(shell: Shell, flowers: Flowers) -> None:
    columns = columns_of(flowers)
    codes = np.unique(flowers.kinds, return_inverse=True)[1]
    for target, wanted in (
        (np.arange(90) % 45, "45 different whole numbers, each taken as a class"),
        (codes + 1.0, "floats, taken as values, though only 3 different whole numbers"),
        (codes, None),
        ((codes > 0) * 1.0, None),
        (flowers.petals, None),
    ):
        write_csv("a.csv", columns | {"kind": target})
        said = shell("train", "a.csv", "--target", "kind", "--force", *QUICK)
        assert said.code == 0
        assert (wanted in said.err) if wanted else said.err == ""


def test_what_does_not_fit_in_memory_is_read_in_blocks(
    shell: Shell, files: Flowers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dnn_xp.cli.inputs.reading, "_ALWAYS_HELD", 0)
    monkeypatch.setattr(dnn_xp.cli.inputs.reading, "memory_available", lambda: 0)
    for data, options in (("flowers.parquet", ("--target", "kind")), ("flowers.h5", ())):
        said = shell("train", data, *options, *QUICK[:-1], "--force")
        assert said.code == 0
        assert "72 to train on, the last 18 to test on (too large for the memory" in said.out
        assert float(said.out.splitlines()[-3].split()[-1]) > 0.9


def test_the_bar_is_on_stderr_unless_quiet(
    shell: Shell, files: Flowers, capsys: pytest.CaptureFixture[str]
) -> None:
    dnn_xp.cli.main(["train", "flowers.csv", "--target", "kind", *QUICK[:-1]])
    out, err = capsys.readouterr()
    assert "update" in err
    assert "update" not in out
    dnn_xp.cli.main(["train", "flowers.csv", "--target", "kind", *QUICK, "--force"])
    assert capsys.readouterr() == ("", "")


def test_ctrl_c_saves_the_model_so_far(
    shell: Shell, files: Flowers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(iteration: int, cost: float, model: dnn_xp.Model) -> None:
        if iteration == 5:
            raise KeyboardInterrupt

    def interrupted(X: Any, Y: Any, **options: Any) -> dnn_xp.Model:
        return dnn_xp.train(X, Y, callbacks=[stop], **options)

    monkeypatch.setattr(dnn_xp.cli.cluster, "train", interrupted)
    said = shell("train", "flowers.csv", "--target", "kind", *QUICK[:-1])
    assert said.code == 130
    assert (
        said.err == "dnn-xp: interrupted: the model after 5 updates is saved in model.safetensors"
    )
    assert "interrupted by Ctrl-C" in said.out
    assert dnn_xp.load("model.safetensors").history.iterations[-1] == 5


def test_ctrl_c_before_a_model(
    shell: Shell, files: Flowers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(dnn_xp.cli.commands.train, "read_examples", stop)
    said = shell("train", "flowers.csv", "--target", "kind")
    assert said == (130, "", "dnn-xp: interrupted: nothing was saved")
    assert not Path("model.safetensors").exists()


def test_numbers_for_names_are_taken_as_an_example_and_said(shell: Shell, flowers: Flowers) -> None:
    table = np.column_stack([np.rint(flowers.X), flowers.X[:, 0] > 1.5]).astype(int)
    np.savetxt("a.csv", table, fmt="%d", delimiter=",", header="0,1,2,3", comments="")
    said = shell("train", "a.csv", "--target", "3", *QUICK)
    assert "dnn-xp: note: 'a.csv' begins with 0,1,..., which is taken as an example" in said.err
    np.savetxt("a.csv", table, fmt="%d", delimiter=",")
    assert shell("train", "a.csv", "--target", "3", *QUICK, "--force") == (0, "", "")


def test_text_and_missing_numbers_need_no_encoding_by_the_user(
    shell: Shell, flowers: Flowers
) -> None:
    height = flowers.X[:, 0].astype(object)
    height[[3, 9]] = ""
    lines = [
        f"{h};{str(w).replace('.', ',')};{kind};{p}"
        for h, w, kind, p in zip(
            height, flowers.X[:, 1], flowers.kinds, flowers.petals, strict=True
        )
    ]
    text = "\n".join(["height;width;kind;petals", *lines]).replace(".", ",")
    Path("a.csv").write_text(text)
    said = shell(
        "train",
        "a.csv",
        "--target",
        "petals",
        "--missing",
        "indicator",
        "--test-fraction",
        "0",
        *QUICK,
    )
    assert said.code == 0, said.err
    assert "separated by semicolons" in said.err
    assert "decimal mark ','" in said.err
    model = dnn_xp.load("model.safetensors")
    assert model.kind == "regression"
    assert model.feature_names == ("height", "width", "kind")
    assert set(flowers.kinds) <= {name.removeprefix("kind=") for name in model.encoder.names_out}
    # Other order, other marks, an unknown kind: the same model takes them by name.
    shuffled = [
        "kind,height,width",
        *(
            f"{l.split(';')[2]},{l.split(';')[0]},{l.split(';')[1].replace(',', '.')}"
            for l in lines
        ),
    ]
    Path("b.csv").write_text("\n".join(shuffled))
    first = shell("predict", "model.safetensors", "a.csv")
    assert (first.code, len(first.out.splitlines())) == (0, 91)
    assert shell("predict", "model.safetensors", "b.csv").out == first.out


@pytest.mark.parametrize("b", [1e-4, 1.0, 5e4])
@pytest.mark.parametrize("a", [0.0, 40.0, 3e5, -1e6])
def test_targets_of_any_size_are_learned_without_an_option(
    shell: Shell, a: float, b: float
) -> None:
    X = np.random.default_rng(0).standard_normal((1000, 10))
    columns = {f"x{number}": each for number, each in enumerate(X.T)}
    write_csv("table.csv", columns | {"y": a + b * X.sum(axis=1)})
    said = shell("train", "table.csv", "--target", "y")
    assert (said.code, said.err) == (0, "")
    r2 = [float(line.split()[-1]) for line in said.out.splitlines() if line.startswith("test ")]
    assert len(r2) == 1
    assert r2[0] >= 0.95


def test_a_warning_of_a_training_is_in_the_words_of_the_shell(shell: Shell) -> None:
    X = np.random.default_rng(0).standard_normal((200, 2))
    write_csv("table.csv", {"x": X[:, 0], "z": X[:, 1], "y": 2e5 + 6e4 * X[:, 0]})
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        said = shell("train", "table.csv", "--target", "y", "--no-standardize-targets", "--quiet")
    assert said.code == 0
    assert "leave out --no-standardize-targets" in said.err
    assert "--learning-rate" in said.err or "--iterations 900" in said.err

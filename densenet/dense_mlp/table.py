"""A CSV file as features and a target, and how its columns become numbers that a net can read.

The preprocessing is scikit-learn's: what is learnt of the data (medians, scales, categories) is learnt where `fit` is called, and
cross-validation calls it on the training rows of a fold only. The file as a whole decides nothing but which columns are numbers, and which
say nothing: empty, one value only, or a different one in every row where that can only be a name or a running number.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PowerTransformer, StandardScaler

_SHARE_OF_A_CATEGORY = 0.005  # of the training rows; rarer ones are "infrequent" together, and so is what training never saw
_FARTHEST = 4.0  # standard deviations; what lies beyond is taken to lie there, for a net has no say about it
_LARGEST = 1e38  # what float32 cannot hold is a gap


class Table(NamedTuple):
    """A table's features, float64 or object columns, and its target, all above 0; `left_out`: columns not used, each with the reason."""

    features: pd.DataFrame
    target: np.ndarray
    left_out: dict[str, str]


def _read(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, low_memory=False)
        names = pd.read_csv(path, header=None, nrows=1, dtype=str).iloc[0]
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no CSV file: {str(error).strip()}") from None
    twice = names[names.duplicated()].dropna()
    if len(twice):  # pandas would call the second one NAME.1, and a second copy of the target would be among the features
        raise ValueError(f"{path} has the column {twice.iloc[0]!r} twice")
    if not isinstance(frame.index, pd.RangeIndex):  # pandas took the surplus for names of the rows
        raise ValueError(f"{path} has more values than columns in its rows")
    return frame


def _target_of(frame: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    if column not in frame.columns:
        shown = ", ".join(map(str, frame.columns[:8])) + (", ..." if len(frame.columns) > 8 else "")
        raise ValueError(f"target must be a column of {path} ({shown}), got {column!r}")
    values = pd.to_numeric(frame[column], errors="coerce").astype("float64").to_numpy()
    bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if len(bad):
        got = frame[column].iloc[bad[0]]
        shown = "nothing" if pd.isna(got) else repr(str(got))
        raise ValueError(f"target {column} must be numbers above 0, whose logarithm is fitted, got {shown} in row {bad[0] + 1}")
    return values


def _reason_to_leave_out(values: pd.Series) -> str | None:
    present = values.dropna()
    if present.empty:
        return "empty"
    distinct = present.nunique()
    if distinct == 1 and len(present) == len(values):
        return "one value only"
    if distinct < len(values) or len(values) < 3:
        return None
    if not pd.api.types.is_numeric_dtype(values):
        return "another text in every row"
    whole = bool((values % 1 == 0).all())
    return "a running number" if whole and values.max() - values.min() == len(values) - 1 else None


def table_of(frame: pd.DataFrame, target: np.ndarray) -> Table:
    """Return the columns of `frame` that can say something of `target`, N numbers above 0; ValueError if there are none."""
    features, left_out = {}, {}
    for name in frame.columns:
        values = frame[name]
        if pd.api.types.is_numeric_dtype(values):
            values = values.astype("float64")
            values = values.where(values.abs() <= _LARGEST)
        else:
            values = values.astype(object).where(values.notna(), np.nan)
        reason = _reason_to_leave_out(values)
        if reason:
            left_out[str(name)] = reason
        else:
            features[str(name)] = values
    if not features:
        raise ValueError(f"the table must have a column to learn from beside its target, got {left_out or 'none'}")
    return Table(pd.DataFrame(features), target, left_out)


def read_table(path: Path | str, target: str) -> Table:
    """Read a CSV file with a header line; `target` names the column to predict.

    FileNotFoundError where there is no file; ValueError where it is no CSV file, or the target no column of it, or not numbers above 0.
    """
    frame = _read(Path(path))
    if frame.empty:
        raise ValueError(f"{path} has no rows")
    values = _target_of(frame, target, Path(path))
    return table_of(frame.drop(columns=target), values)


def _clipped(values: np.ndarray) -> np.ndarray:
    return np.clip(values, -_FARTHEST, _FARTHEST)


def _numbers() -> Pipeline:
    """Gaps become the median and a column that says so; then a power makes each column nearly normal, and no outlier is far."""
    impute = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    clip = FunctionTransformer(_clipped, feature_names_out="one-to-one")
    return make_pipeline(impute, StandardScaler(), PowerTransformer(), clip)


def preprocessing() -> ColumnTransformer:
    """Return an unfitted transformer from the features of a `Table` to N x F numbers, every column near 0 and of size 1."""
    categories = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=_SHARE_OF_A_CATEGORY, sparse_output=False)
    return ColumnTransformer(
        [
            ("numbers", _numbers(), make_column_selector(dtype_include="number")),
            ("categories", categories, make_column_selector(dtype_include=object)),  # a gap is a category like any other
        ]
    )

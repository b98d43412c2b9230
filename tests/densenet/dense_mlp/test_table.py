"""Tables: which columns are used, and that preprocessing takes whatever a table has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from densenet.dense_mlp.table import Table, preprocessing, read_table, table_of

ROWS = 40


def mixed(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """A table with most of what tables have: gaps, categories, rare ones, outliers, identifiers, empty and constant columns."""
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": np.arange(7, 7 + rows),
            "key": [f"row {i}" for i in range(rows)],
            "size": draw.normal(50, 10, rows),
            "skewed": np.exp(draw.normal(0, 2, rows)),
            "gaps": np.where(draw.random(rows) < 0.3, np.nan, draw.normal(0, 1, rows)),
            "kind": draw.choice(["red", "green", "blue"], rows),
            "some": draw.choice(["yes", None], rows),  # type: ignore[list-item]
            "flag": draw.random(rows) < 0.5,
            "empty": np.nan,
            "constant": 3,
            "huge": np.where(np.arange(rows) == 0, np.inf, 1.0) * draw.normal(1, 1, rows),
        }
    )


def table(frame: pd.DataFrame | None = None) -> Table:
    frame = mixed() if frame is None else frame
    return table_of(frame, np.linspace(1, 9, len(frame)))


def test_columns_that_say_nothing_are_left_out_with_the_reason() -> None:
    made = table()
    assert made.left_out == {
        "id": "a running number",
        "key": "another text in every row",
        "empty": "empty",
        "constant": "one value only",
    }
    assert list(made.features) == ["size", "skewed", "gaps", "kind", "some", "flag", "huge"]


def test_what_is_read_from_a_file_is_the_table(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    frame = mixed()
    frame.assign(price=np.arange(1.0, ROWS + 1)).to_csv(path, index=False)
    made = read_table(path, "price")
    assert list(made.features) == list(table().features)
    assert "price" not in made.features
    np.testing.assert_array_equal(made.target, np.arange(1.0, ROWS + 1))
    np.testing.assert_allclose(made.features["size"], frame["size"])


def test_numbers_become_normal_and_gaps_are_marked() -> None:
    made = preprocessing().set_output(transform="pandas").fit_transform(table().features)
    assert np.isfinite(made.to_numpy()).all()
    for name in ("size", "skewed"):
        assert made[f"numbers__{name}"].mean() == pytest.approx(0, abs=0.1)
        assert made[f"numbers__{name}"].std() == pytest.approx(1, abs=0.1)
    assert abs(made["numbers__skewed"].skew()) < 1 < table().features["skewed"].skew()
    marks = made["numbers__missingindicator_gaps"]
    assert marks.nunique() == 2
    assert (marks > 0).tolist() == table().features["gaps"].isna().tolist()


def test_categories_are_columns_and_a_gap_is_one_of_them() -> None:
    made = preprocessing().set_output(transform="pandas").fit_transform(table().features)
    names = [name for name in made if name.startswith("categories__")]
    assert names == [f"categories__kind_{kind}" for kind in ("blue", "green", "red")] + ["categories__some_yes", "categories__some_nan"]
    assert (made[[f"categories__kind_{kind}" for kind in ("blue", "green", "red")]].sum(axis=1) == 1).all()


def test_what_training_never_saw_is_taken() -> None:
    fitted = preprocessing().fit(table().features)
    strange = table().features.head(4).copy()
    strange["kind"] = ["violet", np.nan, "", "red"]
    strange["size"] = [1e30, -1e30, np.nan, 50.0]
    made = fitted.transform(strange)
    assert made.shape[1] == fitted.transform(table().features).shape[1]
    assert np.isfinite(made).all()
    assert np.abs(made[:, 0]).max() <= 4


def test_columns_that_are_empty_or_constant_among_the_training_rows_only() -> None:
    features = table().features.copy()
    features.loc[: ROWS - 3, ["gaps"]] = np.nan
    features.loc[: ROWS - 3, ["size"]] = 1.0
    features.loc[: ROWS - 3, ["some"]] = np.nan
    fitted = preprocessing().fit(features.head(ROWS - 2))
    assert np.isfinite(fitted.transform(features)).all()


def test_numbers_alone_and_texts_alone() -> None:
    for columns in (["size", "gaps"], ["kind", "some"]):
        made = preprocessing().fit_transform(table().features[columns])
        assert made.shape[0] == ROWS
        assert np.isfinite(made).all()

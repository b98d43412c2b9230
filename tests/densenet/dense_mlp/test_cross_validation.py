"""Cross-validation on tables: nothing of the validation rows reaches the training, and the score is the log-RMSE."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from densenet.dense_mlp.cross_validation import TUTORIAL_RECIPE, Recipe, cross_validate, fold_data, log_rmse, train_net
from densenet.dense_mlp.mlp import DenseMLP, DenseMLPConfig
from densenet.dense_mlp.table import Table, table_of
from tests.densenet.dense_mlp.test_table import mixed

QUICK = Recipe(epochs=4, batch_size=8, learning_rate=0.02, weight_decay=0.1, nets=2)


def make_net(features: int) -> nn.Module:
    return DenseMLP(DenseMLPConfig(in_features=features, num_init_features=8, growth_rate=4, block_config=(1, 1)))


def drawn_table(rows: int = 60, seed: int = 1) -> Table:
    frame = mixed(rows, seed)
    return table_of(frame, np.exp(frame["size"].to_numpy() / 20 + (frame["kind"] == "red").to_numpy()))


def validation_rows(rows: int, folds: int, fold: int) -> np.ndarray:
    """Rows of the fold, found from the data alone: a column of row numbers tells where each went."""
    numbers = np.arange(rows, dtype=float) ** 2
    table = table_of(pd.DataFrame({"a": numbers}), numbers + 1)
    data = list(fold_data(table, folds))[fold]
    return np.flatnonzero(np.isin(numbers + 1, np.round(np.exp(data.valid_log))))


def test_the_folds_are_every_row_once_and_shuffled() -> None:
    found = [validation_rows(60, 5, fold) for fold in range(5)]
    assert sorted(np.concatenate(found)) == list(range(60))
    assert all(len(rows) == 12 for rows in found)
    assert any(np.diff(rows).max() > 1 for rows in found)


def test_validation_rows_change_nothing_that_the_training_sees() -> None:
    table = drawn_table()
    rows = validation_rows(60, 3, 0)
    spoilt = table.features.copy()
    draw = np.random.default_rng(5)
    for name in spoilt:
        column = spoilt.columns.get_loc(name)
        kinds = np.array(["new", "newer", None], dtype=object)
        spoilt.iloc[rows, column] = draw.choice(kinds, len(rows)) if spoilt[name].dtype == object else draw.normal(1000, 500, len(rows))
    target = table.target.copy()
    target[rows] = draw.uniform(1e3, 1e6, len(rows))
    before, after = next(fold_data(table, 3)), next(fold_data(table._replace(features=spoilt, target=target), 3))
    assert torch.equal(before.train_features, after.train_features)
    assert np.array_equal(before.train_log, after.train_log)
    assert before.valid_features.shape == after.valid_features.shape
    assert not torch.equal(before.valid_features, after.valid_features)
    first, second = (next(cross_validate(t, make_net, QUICK, 3)) for t in (table, table._replace(features=spoilt, target=target)))
    assert first.train == second.train, "the trained nets are the same to the last bit"
    assert first.valid != second.valid


def test_a_training_row_does_change_what_the_training_sees() -> None:
    """So that the test above could fail."""
    table = drawn_table()
    row = next(i for i in range(60) if i not in validation_rows(60, 3, 0))
    spoilt = table.features.copy()
    spoilt.iloc[row, 0] = 1e6
    assert not torch.equal(next(fold_data(table, 3)).train_features, next(fold_data(table._replace(features=spoilt), 3)).train_features)


def test_a_target_without_relation_cannot_be_predicted() -> None:
    """A leak of the target would show as a validation score below its spread."""
    table = drawn_table(120)
    shuffled = table._replace(target=np.random.default_rng(0).permutation(table.target))
    spread = np.log(table.target).std()
    scores = list(cross_validate(shuffled, make_net, replace(QUICK, epochs=12), 2))
    assert np.mean([fold.valid for fold in scores]) > 0.98 * spread
    real = list(cross_validate(table, make_net, replace(QUICK, epochs=12), 2))
    assert np.mean([fold.valid for fold in real]) < 0.6 * spread


def test_the_score_is_the_definition() -> None:
    predicted, true = np.array([100.0, 200.0]), np.array([110.0, 150.0])
    expected = ((np.log(100 / 110) ** 2 + np.log(200 / 150) ** 2) / 2) ** 0.5
    assert log_rmse(np.log(predicted), np.log(true)) == pytest.approx(expected, rel=1e-12)


def test_the_mean_predictors_score() -> None:
    """A net that always says 0 predicts the training rows' mean logarithm: both scores can be computed by hand."""

    class Zero(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.nothing = nn.Parameter(torch.zeros(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 0 * self.nothing.expand(len(x), 1)

    table = drawn_table()
    for data, fold in zip(fold_data(table, 3), cross_validate(table, lambda _: Zero(), QUICK, 3), strict=True):
        assert fold.train == pytest.approx(data.train_log.std(), rel=1e-5)
        assert fold.valid == pytest.approx(log_rmse(np.full(20, data.train_log.mean()), data.valid_log), rel=1e-5)


def test_the_prediction_is_the_mean_of_the_nets() -> None:
    table = drawn_table()
    data = next(fold_data(table, 3, seed=4))
    mean, scale = data.train_log.mean(), data.train_log.std()
    y = torch.as_tensor((data.train_log - mean) / scale, dtype=torch.float32)
    outputs = []
    for seed in (4, 5):
        torch.manual_seed(seed)
        net = train_net(make_net(data.train_features.shape[1]), data.train_features, y, QUICK, torch.Generator().manual_seed(seed))
        assert not net.training
        with torch.inference_mode():
            outputs.append(net(data.valid_features).squeeze(1).double().numpy() * scale + mean)
    assert log_rmse(outputs[0], outputs[1]) > 0.01, "other seeds, other nets"
    fold = next(cross_validate(table, make_net, QUICK, 3, seed=4))
    assert fold.valid == pytest.approx(log_rmse((outputs[0] + outputs[1]) / 2, data.valid_log), rel=1e-4)


def test_one_step_of_the_tutorials_recipe_is_adam() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(8, 3), torch.randn(8)
    ours, theirs = nn.Linear(3, 1), nn.Linear(3, 1)
    theirs.load_state_dict(ours.state_dict())
    train_net(ours, x, y, replace(TUTORIAL_RECIPE, epochs=3, batch_size=8), torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(theirs.parameters(), lr=0.05)
    for _ in range(3):
        optimizer.zero_grad()
        ((theirs(x).squeeze(1) - y) ** 2).mean().backward()
        optimizer.step()
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", [4, 5])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_smallest_tables(rows: int, optimizer: str) -> None:
    """Two training rows, one batch in all."""
    table = table_of(pd.DataFrame({"a": np.arange(rows) ** 2.0}), np.arange(1.0, rows + 1))
    for fold in cross_validate(table, make_net, Recipe(epochs=1, nets=1, optimizer=optimizer), 2):
        assert np.isfinite(fold).all()


def test_a_constant_target_is_predicted() -> None:
    table = table_of(pd.DataFrame({"a": np.arange(40) ** 2.0}), np.full(40, 7.0))
    assert max(fold.valid for fold in cross_validate(table, make_net, replace(QUICK, epochs=60), 2)) < 0.5


def test_the_callers_random_numbers_are_left_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    list(cross_validate(drawn_table(), make_net, QUICK, 2))
    assert torch.equal(torch.rand(2), expected)


def test_a_training_that_diverges_is_said() -> None:
    with pytest.raises(ValueError, match="learning_rate must be lower for this table, with 100 the training diverged"):
        list(cross_validate(drawn_table(), lambda n: nn.Linear(n, 1), replace(QUICK, optimizer="sgd", learning_rate=100.0, epochs=50), 2))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("learning_rate", 0, "learning_rate must be above 0 to 100, got 0"),
        ("learning_rate", float("nan"), "learning_rate must be above 0 to 100, got nan"),
        ("weight_decay", -1, "weight_decay must be 0 to 100, got -1"),
        ("epochs", 0, "epochs must be 1 to 10000, got 0"),
        ("batch_size", 1, "batch_size must be 2 to 65536, got 1"),
        ("nets", 0, "nets must be 1 to 64, got 0"),
        ("optimizer", "lbfgs", "optimizer must be one of adamw, adam, sgd, got 'lbfgs'"),
        ("schedule", "none", "schedule must be one of one_cycle, constant, got 'none'"),
    ],
)
def test_a_recipe_names_its_bad_values(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe(**{field: value})  # type: ignore[arg-type]

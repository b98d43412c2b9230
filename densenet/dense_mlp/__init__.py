"""The dense block for tables: the net, the table that it reads, and cross-validation (`python -m densenet.dense_mlp`)."""

from densenet.dense_mlp.mlp import DenseMLP, DenseMLPConfig

__all__ = ["DenseMLP", "DenseMLPConfig"]

"""The net as torch modules; nothing in here imports `densenet.arithmetic`."""

from densenet.model.net import DenseNet

__all__ = ["DenseNet"]

"""Train DenseNets on folders of pictures: `fit`, what it is told and what it tells.

`python -m densenet.train` does it from the command line.
"""

from densenet.train.data import ImageSet, hold_out, load_folder
from densenet.train.evaluation import Evaluation, Mistake, evaluate
from densenet.train.events import Event, ask, read_log
from densenet.train.recipe import Recipe
from densenet.train.training import Result, fit

__all__ = [
    "Evaluation",
    "Event",
    "ImageSet",
    "Mistake",
    "Recipe",
    "Result",
    "ask",
    "evaluate",
    "fit",
    "hold_out",
    "load_folder",
    "read_log",
]

"""Whether a trained net holds on a folder of pictures: every answer, and what scikit-learn's metrics say of them all.

`python -m densenet.evaluate` does it from the command line.
"""

from densenet.evaluate.asking import Answers, ask_all
from densenet.evaluate.metrics import ClassReport, Report, Share, report_of
from densenet.evaluate.truth import Truth, truth_of_csv, truth_of_folders
from densenet.evaluate.writing import write_answers

__all__ = [
    "Answers",
    "ClassReport",
    "Report",
    "Share",
    "Truth",
    "ask_all",
    "report_of",
    "truth_of_csv",
    "truth_of_folders",
    "write_answers",
]

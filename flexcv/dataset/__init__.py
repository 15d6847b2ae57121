"""One table, the role of each of its columns, and what is asked of its target."""

from .foreign import column_meant as column_meant
from .making import make_dataset as make_dataset
from .table import Dataset as Dataset
from .task import REGRESSION as REGRESSION
from .task import Task as Task
from .task import decide_task as decide_task
from .task import predicts_classes as predicts_classes

__all__ = [
    "REGRESSION",
    "Dataset",
    "Task",
    "column_meant",
    "decide_task",
    "make_dataset",
    "predicts_classes",
]

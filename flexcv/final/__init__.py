"""The model that is kept: fitted to all rows, with all that is known about it."""

from .model import FinalModel as FinalModel

__all__ = ["FinalModel"]

"""Looking at what was fitted: post-processors, one module a subject."""

from .base import ModelPostProcessor as ModelPostProcessor
from .importance import (
    RandomForestModelPostProcessor as RandomForestModelPostProcessor,
)

__all__ = ["ModelPostProcessor", "RandomForestModelPostProcessor"]

"""Conformance suites: an extension of your own is held to the contract of ours."""

from .changes import CHANGES as CHANGES
from .changes import Change as Change
from .changes import Sample as Sample
from .changes import largest_move as largest_move
from .laws import LAWS as LAWS
from .laws import check_mixed_model as check_mixed_model
from .suites import check_family as check_family
from .suites import check_splitter as check_splitter
from .suites import check_tracker as check_tracker

__all__ = [
    "CHANGES",
    "LAWS",
    "Change",
    "Sample",
    "check_family",
    "check_mixed_model",
    "check_splitter",
    "check_tracker",
    "largest_move",
]

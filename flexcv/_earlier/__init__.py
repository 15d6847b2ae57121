"""Modules of flexcv 24 by their old names, which the package finds here.

Each has what moved elsewhere, and a sentence for what is gone.
"""

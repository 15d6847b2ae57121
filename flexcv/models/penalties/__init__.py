"""Penalised mixed models: whitening, coordinate descent and paths."""

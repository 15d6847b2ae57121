"""Linear mixed models: penalised least squares, inference and EM."""

"""Generalised mixed models: families, Laplace's approximation and quadrature."""

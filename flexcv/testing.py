"""Conformance suites for what others can implement."""

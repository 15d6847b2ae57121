"""A run on disk: one encoding, one file a unit, and nothing that can lie."""

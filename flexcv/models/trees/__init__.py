"""Trees boosted on a marginal likelihood."""

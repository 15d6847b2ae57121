"""Alternating refits of a learner and of the effects around it."""

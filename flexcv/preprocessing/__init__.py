"""Steps before a model: what groups have in common as features of their own."""

from .contextual import ContextualEffects as ContextualEffects
from .contextual import contextual_effects as contextual_effects
from .group_means import GroupMeans as GroupMeans

__all__ = ["ContextualEffects", "GroupMeans", "contextual_effects"]

"""Deep mixtures of linear mixed models: variational updates and predictions."""

"""Networks fitted to the likelihood of a mixed model; needs the extra `neural`."""

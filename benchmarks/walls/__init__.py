"""Fitting the weights by which a short text is known to be a wall's."""

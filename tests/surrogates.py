"""Surrogates that tests of the machinery name, so that no default is in their way."""

#: Equation 10 of UniLoss at the temperature 1, without any bounds on the scores.
IDW = {"step": "sigmoid(temperature=1, max_spread=none)", "interpolation": "idw", "squash": "none"}
#: The same step for any interpolation.
PLAIN = {"step": "sigmoid(temperature=1, max_spread=none)", "squash": "none"}

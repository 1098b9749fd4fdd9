"""Surrogates that tests of the machinery name, so that no default is in their way."""

#: The sigmoid at the temperature 1, without any bounds on the scores, for any interpolation.
PLAIN = {"step": "sigmoid(temperature=1, max_spread=none)", "squash": "none"}
#: Equation 10 of UniLoss with it.
IDW = {**PLAIN, "interpolation": "idw(flips=bit)"}

"""Syntax to typed graph: names, ranges of indices, kinds; ``compiler/build.py`` is the way in."""

"""From a refactored graph to families and row counts; ``compiler/plan.py`` is the way in."""

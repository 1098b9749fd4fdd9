"""From a refactored graph to comparison families and row counts; ``compiler/plan.py`` is the way in."""

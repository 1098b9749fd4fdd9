"""``use``: other specs merged into the one that uses them, syntax to syntax."""

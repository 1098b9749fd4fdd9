"""Data of the bundled tasks."""

"""Networks of the bundled tasks."""

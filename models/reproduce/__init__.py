"""The papers' tables and figures as commands: ``lossc reproduce``."""

"""Bundled tasks and the trainer that compares losses on them."""

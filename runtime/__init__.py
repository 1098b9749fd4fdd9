"""What losses are made of: torch and the standard library only. Generated modules carry copies of it."""

from lossc.runtime.reference import idw

__all__ = ["idw"]

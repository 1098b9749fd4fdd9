"""What losses are made of, with torch and the standard library only: generated modules copy it."""

from lossc.runtime.reference import idw

__all__ = ["idw"]

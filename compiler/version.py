"""The version that generated modules name; the same as the package's."""

VERSION = "0.1.0"

"""A metric with relaxed binaries in place of hard ones, for interpolations that put them into g."""

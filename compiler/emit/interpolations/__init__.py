"""The forward pass of a generated metric: one file for each interpolation, one table of them."""

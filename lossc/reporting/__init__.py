"""What ``lossc report`` measures of a spec's surrogate, and the page that shows it."""

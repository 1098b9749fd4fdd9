"""From nodes to torch source: readable, typed, and the only code path that there is."""

"""From a syntax tree to a loss: typed graph, four stages, torch source."""

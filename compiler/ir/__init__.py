"""The typed graph: frozen nodes over named indices, held together by networkx."""

"""The language: text in (YAML or DSL), syntax tree out, and every error located."""

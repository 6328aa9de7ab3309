"""YAML with the place of each node, so that errors can name it."""

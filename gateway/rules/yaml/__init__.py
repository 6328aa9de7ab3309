"""YAML whose nodes know their place, so that errors can name it."""

"""Compiled conditions: their tests, in words, and the keys by which the index finds their rules."""

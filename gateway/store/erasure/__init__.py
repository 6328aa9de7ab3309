"""Erasure: all that is stored of one customer, found and removed."""

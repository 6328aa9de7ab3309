"""Breaks the gateway at random under load, and counts what was lost and what was doubled."""

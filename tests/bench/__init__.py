"""Measures the gateway, beside the usual recipe where that is at hand."""

"""Rows of tables that people give, as the gateway understands them."""

"""`gateway doctor`: collects facts, checks them, and gives advice."""

"""`gateway doctor`: collect facts, check them, say what to do."""

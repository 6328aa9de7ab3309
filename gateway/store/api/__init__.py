"""What the API stores: its keys, and requests that it accepted."""

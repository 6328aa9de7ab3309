"""Messages of the API: sent, asked for, cancelled and moved, and their tasks."""

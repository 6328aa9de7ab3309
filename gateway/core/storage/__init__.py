"""Pure parts of what the store does: packed forms, forecasts, when to look."""

"""Pure parts of the store: packed forms, the forecast, the schedule of looks."""

"""How rules write times: durations, limits within a time, and opening hours."""

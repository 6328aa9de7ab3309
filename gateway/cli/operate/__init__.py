"""Commands for operators: status, trace, dead letters, hold and release."""

"""What Graph asks of a message: required fields, types and limits, as tables of small rules."""

"""`gateway forwards`: receivers of events, as the operator sees and controls them."""

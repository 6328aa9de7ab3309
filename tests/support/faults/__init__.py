"""What the tests of faults share."""

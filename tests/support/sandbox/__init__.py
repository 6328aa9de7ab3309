"""What the tests of sandbox share."""

"""What the tests of web share."""

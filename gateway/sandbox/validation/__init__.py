"""Graph's requirements of a message: required fields, types and limits, as models."""

"""A synthetic pelvis with known lymph nodes."""

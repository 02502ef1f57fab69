"""Side-by-side measurements; see README.md in this folder for the commands."""

"""Brings DWI and ADC onto the T2 grid, and says how good that is."""

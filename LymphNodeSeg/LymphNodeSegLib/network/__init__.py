"""Fusion into the network's input, ERU-Net and the second look, model files, inference."""

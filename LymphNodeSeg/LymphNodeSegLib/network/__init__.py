"""Fusion into the network's input, ERU-Net, model files, inference."""

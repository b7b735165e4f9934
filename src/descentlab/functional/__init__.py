"""Pure tensor mathematics: losses, activations, exact solutions, gradients and curvature. Torch only."""

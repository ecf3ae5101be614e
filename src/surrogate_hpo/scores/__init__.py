"""Training-free choices: scores of descriptors and of architectures, and how far to trust them."""

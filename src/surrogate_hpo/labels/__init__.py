"""Whether labels contradict physics or their own calculation: guards of DFT runs and of LDOS."""

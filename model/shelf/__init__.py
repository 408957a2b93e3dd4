"""The shelf: LLaVAs worth having, which are on this machine, and the memory they need."""

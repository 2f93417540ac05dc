"""OAI-PMH 2.0: how harvesters take what is public, and hear of what changed."""

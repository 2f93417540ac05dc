"""Words that every part shares: pids, instants, quantities, the error tree."""

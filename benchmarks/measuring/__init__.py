"""What the benchmarks share: turns, parts, fresh processes, tables."""

"""What the service decides: pure functions over frozen values. No I/O, no clock, no unseeded choice."""

"""The vendor's API over HTTP: bytes to values and back. What happens is decided in the simulator."""

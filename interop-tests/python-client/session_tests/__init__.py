"""The session core against scripted frames: what a well-behaved server does not show."""

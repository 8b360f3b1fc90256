"""The lists of protocol/conformance.md, run against the fixture server."""

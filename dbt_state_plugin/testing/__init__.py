"""Tests of people's own pipelines: throw-away servers, and fixtures for pytest."""

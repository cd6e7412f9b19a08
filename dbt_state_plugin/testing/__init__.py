"""Tests of users' own pipelines: throw-away servers, and fixtures for pytest."""

"""A backend of a test's own in the place of CuPy."""

from __future__ import annotations


def serve_as_cuda(monkeypatch, make):
    """Let device="cuda" find a usable device, and on it the backend that `make` gives."""
    monkeypatch.setattr("dnn_xp.backends.choice.why_not_cuda", lambda index: None)
    monkeypatch.setattr("dnn_xp.backends.choice.cupy_backend", lambda index: make())

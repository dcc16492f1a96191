"""The kinds of sources: which words the setting `kind` takes."""

from __future__ import annotations

from connectors.source import CsvSource

Source = CsvSource

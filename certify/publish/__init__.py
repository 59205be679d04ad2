"""Renderers of results, one module per output, and the writer of ``reports/``.

Renderers are pure. Text from images was cleaned by `certify.util.text` when it was recorded, but
each renderer still escapes it for its own format.
"""

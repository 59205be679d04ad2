"""Pure renderers, one file an output: values in, text out; and the writer of ``reports/``.

Whatever a renderer shows may have come from a hostile image. It has passed through
`certify.util.text` once, where it entered; each renderer still escapes for its own format.
"""

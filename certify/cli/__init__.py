"""One file a command: parse, wire, print, exit. No logic."""

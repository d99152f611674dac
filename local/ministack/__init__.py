"""The program in the emulator's own environment: ministack, with its state kept safe and its door guarded.

`python -m local.ministack` is started by `local.emulator`. Modules here import the standard library, one
another, and what `.venvs/emulator` has; nothing else of Podium.
"""

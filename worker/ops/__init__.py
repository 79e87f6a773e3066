"""What an operator sees of a process: metrics, whether it lives, whether it is ready.

Whoever has something to tell imports from here and tells it; nothing here makes a main loop wait.
"""

"""Small configs of the architectures of large ones.

Nothing here imports torch or transformers but `shrinking`.
"""

"""What engines read: GGUF headers, and the directories in which they look for models.

Builds run it to make a view of models, which is a directory of links to files in the Nix store; the
generator imports what reads names and headers of files. It needs Python 3.10 and the standard
library only.
"""

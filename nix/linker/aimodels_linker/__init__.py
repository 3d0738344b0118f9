"""The linker: the one program that puts entries from the Nix store into a hub folder.

The modules run it when a configuration becomes active, often as root and in folders that others
may write to. It needs Python 3.10 and nothing else. Its parts, from the bottom: `folders` touches
the file system, `directory` decides about a folder of links, `steps` about an entry, and `sync`
about a hub.
"""

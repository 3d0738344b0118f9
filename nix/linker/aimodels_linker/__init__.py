"""The linker: puts entries from the Nix store into a hub directory of Hugging Face's cache.

The NixOS and Home Manager modules run it when a configuration is activated, often as root and in
directories that others may write to. It needs Python 3.10 and the standard library.

From top to bottom: `sync` makes hub directories match a spec, `plan` decides what to do about one
entry, `link_tree` compares a directory of links with an entry, and `write`, `remove`, `walk` and
`dirfd` access the file system. `state` records what was made.
"""

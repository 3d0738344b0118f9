"""The linker: puts entries from the Nix store into a hub directory of Hugging Face's cache.

The NixOS and Home Manager modules run it when a configuration is activated, often as root and in
directories that others may write to. It needs Python 3.10 and the standard library.

From top to bottom: `sync` makes hub directories match a spec, `plan` decides what to do about one
entry, `link_tree` compares a directory of links with an entry, and `write`, `remove`, `walk`,
`absolute` and `dirfd` access the file system. `state` records what was made. `lock` lets one run at
a time do so.

Whoever owns a hub directory can change it at any time. So every name is looked up in a directory
that is open, without following links, and what was read is checked and has a limit.
"""

"""The linker: puts what is in the Nix store where programs look for models.

That is a hub directory of Hugging Face's cache, with an entry for each model, or the directory of
another engine, which gets the files of a view.

The NixOS and Home Manager modules run it when a configuration is activated, often as root and in
directories that others may write to. It needs Python 3.10 and the standard library.

From top to bottom: `sync` makes directories match a spec, `plan` decides what to do about one
entry and `plan_view` about one file of a view, `link_tree` compares a directory of links with an
entry, and `write`, `remove`, `walk`, `absolute` and `dirfd` access the file system. `state` records
what was made. `lock` lets one run at a time do so.

Whoever owns such a directory can change it at any time. So every name is looked up in a directory
that is open, without following links, and what was read is checked and has a limit.
"""

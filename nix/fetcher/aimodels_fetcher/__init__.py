"""The bundled fetcher: the one place that downloads model files and lays out cache entries.

It runs inside Nix's fixed-output derivations and assembly builds, and below `aimodels-gen`, always
as a program of its own. It needs Python 3.10 and `requests`, and only the latter to download.
"""

"""The fetcher: the one place that downloads model files and lays out cache entries.

It is a program, which runs in Nix's fixed-output derivations and assembly builds, and a library,
which `aimodels-gen` imports. It needs Python 3.10 and `requests`, and the latter only to download
(botocore as well, for buckets).
"""

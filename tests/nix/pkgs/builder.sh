# What nixpkgs' generic builder does with a `buildCommand`.
set -eu -o pipefail
PATH=/usr/bin:/bin
for input in ${nativeBuildInputs-}; do
  PATH=$input/bin:$PATH
done
export PATH
umask 022
if [ -n "${buildCommandPath-}" ]; then
  . "$buildCommandPath"
else
  eval "$buildCommand"
fi

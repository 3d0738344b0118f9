# What package.nix uses of nixpkgs' installShellFiles: the same functions, options and paths.

installManPage() {
  local page
  for page in "$@"; do
    install -D -m 444 "$page" "$out/share/man/man${page##*.}/$(basename "$page")"
  done
}

installShellCompletion() {
  local name file
  [ "$1" = --cmd ]
  name=$2
  shift 2
  while [ $# -gt 0 ]; do
    case $1 in
      --bash) file=bash-completion/completions/$name.bash ;;
      --zsh) file=zsh/site-functions/_$name ;;
      --fish) file=fish/vendor_completions.d/$name.fish ;;
      *) return 1 ;;
    esac
    mkdir -p "$out/share/$(dirname "$file")"
    cat "$2" > "$out/share/$file"
    # A command in <(...) that fails leaves nothing.
    [ -s "$out/share/$file" ] || return 1
    shift 2
  done
}

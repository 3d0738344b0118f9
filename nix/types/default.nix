# Types of arguments. One declaration of a set of arguments decides which are known, required and of the
# right type, what messages say about the others, and the modules' options. A type is an attribute set of
#
#   description  what a value is, for messages: "a string"
#   accepts      a function from a value to whether it is of the type
#   line         a function from a place, such as "source.s3.prefix", to an example of what to write there
#   meant        a function from a place and a wrong value to the line that was meant, or to null
#   explain      a function from a place and a wrong value to what is wrong, and what to write
#   option       for modules: a function from nixpkgs' lib to the type of an option
import ./scalars.nix
// import ./lists.nix
// import ./structs.nix
// import ./selections.nix
// {
  inherit (import ./messages.nix) assign;
}

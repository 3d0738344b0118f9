# `integration.comfyui`: files in the directories below ComfyUI's `models`.
let
  inherit (import ../util.nix) firstOf plainName;
  inherit (import ./placing.nix) selectionLinks selectionProblem;
  inherit (import ../types/messages.nix) isSet join;
  types = import ../types;

  # Others are allowed, because custom nodes add their own.
  known = [
    "audio_encoders"
    "checkpoints"
    "clip"
    "clip_vision"
    "configs"
    "controlnet"
    "diffusers"
    "diffusion_models"
    "embeddings"
    "gligen"
    "hypernetworks"
    "latent_upscale_models"
    "loras"
    "model_patches"
    "photomaker"
    "style_models"
    "text_encoders"
    "unet"
    "upscale_models"
    "vae"
    "vae_approx"
  ];

  # What a directory is called that differs from one of them in punctuation, or in the plural.
  meant =
    name:
    let
      plain = plainName name;
      same = builtins.filter (
        directory:
        let
          other = plainName directory;
        in
        other == plain || other == "${plain}s" || "${other}s" == plain
      ) known;
    in
    if builtins.elem name known || same == [ ] then null else builtins.head same;

  place = join "integration.comfyui";

  directories = types.attrsOf {
    description = "an attribute set of patterns by directories of ComfyUI";
    name = "checkpoints";
    of = types.selection;
  };
in
{
  description = "Files for ComfyUI: for each directory below its `models` a pattern, a list of patterns, or an attribute set of files by new names.";
  example = {
    checkpoints = [ "*.safetensors" ];
  };

  arguments = directories // {
    explain =
      where: value:
      if isSet value && builtins.isBool (value.enable or null) then
        "`${where}.enable` is not known: remove it; without `${where}` there are no files for ComfyUI"
      else
        directories.explain where value;
  };

  isOn = _given: true;

  problem =
    checked: given:
    let
      problemOf =
        name:
        if meant name != null then
          "`${place name}` is not a directory of ComfyUI: write `${place (meant name)}`"
        else
          selectionProblem checked (place name) "${name}/" given.${name};
    in
    if given == { } then
      "`integration.comfyui` names no directory: write `integration.comfyui.checkpoints = [ \"*.safetensors\" ]`"
    else
      firstOf (map problemOf (builtins.attrNames given));

  parts = _checked: given: {
    links = builtins.concatMap (name: selectionLinks (place name) "${name}/" given.${name}) (
      builtins.attrNames given
    );
  };
}

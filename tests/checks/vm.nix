# A machine that boots, with a service under its own user that loads a model with transformers, offline.
# It requires KVM: `nix build .#legacyPackages.x86_64-linux.vm-test`.
{ self, pkgs }:
let
  python = pkgs.python3.withPackages (packages: [
    packages.torch
    packages.transformers
  ]);

  entry = import ./entry.nix {
    inherit pkgs;
    nativeBuildInputs = [ python ];
    files = ''
      HOME=$TMPDIR python3 ${pkgs.writeText "make-tiny.py" ''
        from transformers import LlamaConfig, LlamaForCausalLM

        config = LlamaConfig(
            vocab_size=32, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2
        )
        LlamaForCausalLM(config).save_pretrained(".")
      ''}
    '';
  };
in
pkgs.testers.runNixOSTest {
  name = "ai-models";

  nodes.machine = {
    imports = [ self.nixosModules.default ];
    virtualisation.memorySize = 4096;

    services.ai-models = {
      enable = true;
      models.tiny.package = entry;
      integration.huggingface.offline = true;
    };

    systemd.services.inference = {
      wantedBy = [ "multi-user.target" ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        DynamicUser = true;
        ExecStart = "${python}/bin/python3 ${pkgs.writeText "load.py" ''
          from transformers import AutoModelForCausalLM

          AutoModelForCausalLM.from_pretrained("test/tiny")
        ''}";
      };
    };

    users.users.alice.isNormalUser = true;
  };

  testScript = ''
    machine.wait_for_unit("inference.service")
    machine.succeed("test -L /var/cache/huggingface/hub/models--test--tiny")
    # A user's own programs keep their own cache.
    machine.fail("su --login alice --command 'printenv HF_HOME'")
    machine.succeed("systemctl stop ai-models.service")
    machine.fail("test -L /var/cache/huggingface/hub/models--test--tiny")
  '';
}

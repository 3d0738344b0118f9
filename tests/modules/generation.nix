# Without modules that need packages which the stand-in lacks.
{
  home.version.revision = null;
  manual.manpages.enable = false;
  systemd.user.enable = false;
  xdg.mime.enable = false;
}

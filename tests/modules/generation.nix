# Without what would take more packages than the stand-in has.
{
  home.version.revision = null;
  manual.manpages.enable = false;
  systemd.user.enable = false;
  xdg.mime.enable = false;
}

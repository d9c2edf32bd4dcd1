// SPDX-License-Identifier: Apache-2.0
/** What an executable is as an ancestor: who is responsible for what it starts (architecture.md, "Responsible app"). */
import type { AncestorRole } from "../contract/app.ts";
import { baseName } from "./image.ts";

/** What these start acts for whomever they act for. */
const LAUNCHERS: ReadonlySet<string> = new Set(
  `bash rbash dash sh ash zsh ksh ksh93 mksh fish csh tcsh nu xonsh elvish busybox toybox
   sudo sudo-rs su doas pkexec runuser setpriv chroot unshare nsenter newgrp sg capsh
   env nohup timeout nice ionice chrt taskset setsid setarch stdbuf unbuffer time xargs parallel flock watch script run-parts
   strace ltrace catchsegv systemd-run systemd-inhibit systemd-cat systemd-nspawn start-stop-daemon dbus-run-session dbus-launch
   bwrap flatpak flatpak-session-helper snap snap-confine snap-exec firejail
   tini tini-static dumb-init catatonit docker-init s6-supervise runsv
   runc crun conmon conmonrs containerd-shim containerd-shim-runc-v2 lxc-start lxc-attach`.split(/\s+/),
);

/** What these start acts for itself. */
const SESSIONS: ReadonlySet<string> = new Set(
  `init systemd systemd-logind systemd-executor systemd-userwork openrc runit runsvdir s6-svscan upstart
   cron crond anacron atd fcron sshd sshd-session sshd-auth dropbear login agetty getty mingetty xinetd inetd
   gdm gdm3 gdm-session-worker gdm-x-session gdm-wayland-session sddm sddm-helper lightdm greetd xdm ly
   gnome-session gnome-session-binary gnome-session-service gnome-session-ctl gnome-session-init-worker gnome-shell
   kwin_wayland kwin_x11 plasmashell plasma_session ksmserver kded5 kded6 kdeinit5 kioslave5 startplasma-x11 startplasma-wayland
   xfce4-session xfce4-panel xfwm4 xfdesktop mate-session mate-panel cinnamon cinnamon-session lxsession lxqt-session lxqt-panel budgie-panel
   sway Hyprland hyprland river wayfire labwc niri i3 bspwm openbox awesome dwm fluxbox weston mutter rofi dmenu wofi fuzzel
   Xorg X Xwayland xinit startx
   gnome-terminal-server gnome-terminal kgx gnome-console ptyxis ptyxis-agent konsole yakuake xterm uxterm rxvt urxvt urxvtd alacritty kitty foot
   footserver wezterm wezterm-gui ghostty xfce4-terminal mate-terminal lxterminal qterminal terminator tilix st
   tmux screen zellij
   dbus-daemon dbus-broker dbus-broker-launch dockerd containerd crio kubelet lxcfs lxd incusd machined systemd-machined`.split(/\s+/),
);

export type RoleFacts = {
  /** The executable's path, verified; null when it is not what the host has there. */
  readonly path: string | null;
  /** A shell that runs a script file is an application, not a launcher. */
  readonly runsScript: boolean;
};

/** The role of an executable, by the name of its verified path: an unverified image could call itself anything and is an application. */
export function ancestorRole(facts: RoleFacts): AncestorRole {
  if (facts.path === null || facts.runsScript) return "application";
  const name = baseName(facts.path);
  if (LAUNCHERS.has(name)) return "launcher";
  return SESSIONS.has(name) ? "session" : "application";
}

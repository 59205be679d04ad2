# What a candidate may do that boots systemd and runs dockerd: all that its capabilities allow, but
# mount only what those two need, and write to no file of the whole host.

#include <tunables/global>

profile {name} flags=(attach_disconnected,mediate_deleted) {
  #include <abstractions/base>

  capability,
  dbus,
  file,
  network,
  pivot_root,
  ptrace,
  signal,
  umount,
  unix,

  # No file system that lies on a disk, nor devtmpfs, debugfs, tracefs, securityfs, bpf, configfs.
  mount fstype=(autofs, cgroup, cgroup2, devpts, fuse, fuse.*, hugetlbfs, mqueue, overlay, proc, ramfs, sysfs, tmpfs),
  mount options=(bind),
  mount options=(rbind),
  mount options=(move),
  # A remount, with any of its options: each combination is a rule.
  {remounts}
  mount options=(make-private) -> **,
  mount options=(make-rprivate) -> **,
  mount options=(make-rshared) -> **,
  mount options=(make-rslave) -> **,
  mount options=(make-runbindable) -> **,
  mount options=(make-shared) -> **,
  mount options=(make-slave) -> **,
  mount options=(make-unbindable) -> **,

  # The same once more: AppArmor before 3.0.9 and 3.1.4 takes a remount with options for any mount
  # (CVE-2016-1585).
  deny mount fstype=(9p, adfs, affs, afs, bcachefs, befs, bfs, binder, binfmt_misc, bpf, btrfs, ceph, cifs),
  deny mount fstype=(configfs, cramfs, debugfs, devtmpfs, efivarfs, efs, erofs, exfat, ext2, ext3, ext4, f2fs),
  deny mount fstype=(functionfs, fuseblk, fuseblk.*, gfs2, hfs, hfsplus, hpfs, iso9660, jffs2, jfs, minix, msdos),
  deny mount fstype=(nfs, nfs4, nfsd, nilfs2, ntfs, ntfs3, ocfs2, omfs, pstore, qnx4, qnx6, reiserfs, resctrl),
  deny mount fstype=(romfs, rpc_pipefs, securityfs, selinuxfs, smackfs, smb3, squashfs, sysv, tracefs, ubifs, udf),
  deny mount fstype=(ufs, umsdos, v7, vfat, virtiofs, vxfs, xenfs, xfs, zfs, zonefs),

  # Rules are about paths: proc and sysfs are called proc and sys wherever they are, and no part of
  # them comes under another name. systemd binds some files and folders of them to themselves.
  deny mount fstype=proc -> /{,**/}{[^p]*,p,p[^r]*,pr,pr[^o]*,pro,pro[^c]*,proc?*}/,
  deny mount fstype=sysfs -> /{,**/}{[^s]*,s,s[^y]*,sy,sy[^s]*,sys?*}/,
  deny mount options in (rw, ro, bind, rbind, move) /{,**/}proc/ -> /{,**/}{[^p]*,p,p[^r]*,pr,pr[^o]*,pro,pro[^c]*,proc?*}/,
  deny mount options in (rw, ro, bind, rbind, move) /{,**/}proc/sys/ -> /{,**/}{[^s]*,s,s[^y]*,sy,sy[^s]*,sys?*}/,
  deny mount options in (rw, ro, bind, rbind, move) /{,**/}proc/sys/{[^kn]*,n[^e]*,ne[^t]*,k[^e]*}{,/**} -> **,
  deny mount options in (rw, ro, bind, rbind, move) /{,**/}sys/ -> /{,**/}{[^s]*,s,s[^y]*,sy,sy[^s]*,sys?*}/,
  deny mount options in (rw, ro, bind, rbind, move) /{,**/}sys/{block,bus,class,dev,devices,firmware,hypervisor,module,power}{,/**} -> **,
  deny mount options in (rw, ro, bind, rbind, move) /{,**/}sys/kernel/{,[^dth]**,d[^eo]**,t[^r]**,h[^o]**,ho[^s]**} -> **,
  deny mount options in (rw, ro, bind, rbind, move) /{,**/}release_agent -> **,
  deny pivot_root /{,**/}{proc,sys}/,

  # Only the sysctls of the network are the candidate's own.
  deny /{,**/}proc/sys/{[^n]*,n[^e]*,ne[^t]*}/** wl,
  deny /{,**/}proc/{kcore,kmem,mem,sysrq-trigger} rwkl,
  deny /{,**/}sys/{block,bus,class,dev,devices,firmware,hypervisor,kernel,module,power}/** wkl,
  deny /{,**/}sys/{firmware,kernel/debug,kernel/security,kernel/tracing}/** rwkl,
  deny /{,**/}release_agent wl,
}

#!/bin/busybox sh
# First process of the initrd: the agent's squashfs, an overlay in memory above it, and into it.
PATH=/bin
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /ro /rw /root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in loop squashfs overlay; do modprobe "$module"; done
mount -t squashfs -o loop,ro /agent.squashfs /ro || exec sh
mount -t tmpfs -o size=80% tmpfs /rw
mkdir -p /rw/upper /rw/work
mount -t overlay -o lowerdir=/ro,upperdir=/rw/upper,workdir=/rw/work overlay /root || exec sh
[ ! -d /site ] || cp -a /site/. /root/
mount --move /proc /root/proc
mount --move /sys /root/sys
mount --move /dev /root/dev
exec switch_root /root /sbin/drydock-init

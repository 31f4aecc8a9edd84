#!/bin/sh
# First process of the agent's system: devices, the boot NIC, an address, the agent.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /dev/pts /run/lock
mount -t devpts devpts /dev/pts
mount -t efivarfs efivarfs /sys/firmware/efi/efivars 2>/dev/null
hostname agent
ip link set lo up
/lib/systemd/systemd-udevd --daemon
udevadm trigger --type=subsystems --action=add
udevadm trigger --type=devices --action=add
udevadm settle --timeout=60
mac=
for word in $(cat /proc/cmdline); do
    case "$word" in drydock.mac=*) mac=${word#drydock.mac=} ;; esac
done
nic=
tries=0
while [ -z "$nic" ] && [ $tries -lt 60 ]; do
    for path in /sys/class/net/*; do
        [ "$(cat "$path/address")" = "$mac" ] && [ -e "$path/device" ] && nic=${path##*/}
    done
    [ -n "$nic" ] || sleep 1
    tries=$((tries + 1))
done
if [ -z "$nic" ]; then
    echo "no NIC $mac; reboot in 300 s"
    sleep 300
    reboot -f
fi
ip link set "$nic" up
until busybox udhcpc -i "$nic" -n -q -t 20 -T 1 -s /usr/share/udhcpc/default.script; do
    echo "no address on $nic yet"
    sleep 2
done
python3 /usr/lib/drydock/agent.pyz
echo "the agent ended; reboot in 300 s"
sleep 300
reboot -f

"""The script and the unit by which a deployed machine fetches its boot data.

Shell and curl or wget, as an image need not have Python; `tar` and systemd are there.
Source: contract, bootactions, section 3.
"""

SEED = "/etc/drydock/boot"
PATH = "/usr/local/sbin/drydock-boot-data"
UNIT = "drydock-boot-data.service"

SCRIPT = r"""#!/bin/sh
# Fetches this node's boot data from drydockd, once: files, then units, which it enables and starts.
# Shell and curl or wget, as the image need not have Python. The key stands in a file of root's and
# goes to curl by a file too, never as an argument; it is void after the node's next deployment.
set -u
umask 077
given=/etc/drydock/boot
unit=drydock-boot-data.service
read -r url host key < "$given" || exit 0
work=$(mktemp -d /run/drydock-boot.XXXXXX)
trap 'rm -rf "$work"' EXIT

# Prints the status of the answer; whatever goes wrong before there is one is 000.
fetch() {
    if command -v curl > /dev/null; then
        printf 'header = "X-Bootaction-Key: %s"\n' "$key" | curl --silent --show-error \
            --noproxy '*' --config - --max-time 600 --output "$work/$1" --write-out '%{http_code}' \
            "$url/bootactions/nodes/$host/$1"
    else
        printf 'header = X-Bootaction-Key: %s\n' "$key" > "$work/wgetrc"
        WGETRC="$work/wgetrc" wget --no-proxy --timeout=600 --tries=1 --server-response \
            --output-document="$work/$1" "$url/bootactions/nodes/$host/$1" 2>&1 \
            | sed -n 's/^ *HTTP\/[0-9.]* \([0-9][0-9][0-9]\).*/\1/p' | tail -n 1
    fi
}

pause=1
for kind in files units; do
    while :; do
        code=$(fetch "$kind")
        case "$code" in
            200) break ;;
            401 | 403 | 404 | 409 | 410)
                echo "drydockd refused the $kind of $host: $code" >&2
                exit 1
                ;;
        esac
        sleep "$pause"
        [ "$pause" -ge 30 ] || pause=$((pause * 2))
    done
    tar --extract --gzip --absolute-names --owner=root --file "$work/$kind" || exit 1
done
tar --list --gzip --absolute-names --file "$work/units" > "$work/names" || exit 1
systemctl daemon-reload
while read -r path; do
    systemctl enable --quiet "$(basename "$path")"
done < "$work/names"
rm -f "$given"
systemctl disable --quiet "$unit"
while read -r path; do
    systemctl start --no-block "$(basename "$path")"
done < "$work/names"
"""

UNIT_TEXT = f"""[Unit]
Description=Fetches this node's boot data from drydockd
Wants=network-online.target
After=network-online.target
ConditionPathExists={SEED}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={PATH}

[Install]
WantedBy=multi-user.target
"""

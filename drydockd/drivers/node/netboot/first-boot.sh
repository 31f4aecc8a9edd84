#!/bin/sh
# Reports once that this system started from its disk; removes its secret and itself.
# Shell and curl, as the image need not have Python. The secret is read by curl from a file of
# this script's own making, never an argument; it is void once the report was taken (200), and
# nobody waits for it any more when it is refused (4xx).
set -u
given=/etc/drydock/first-boot
ca=/etc/drydock/ca.pem
unit=drydock-first-boot.service
read -r url secret < "$given" || exit 0

quoted() {
    # Lines of standard input as a JSON list of strings.
    first=1
    printf '['
    while read -r line; do
        [ -n "$line" ] || continue
        [ "$first" = 1 ] || printf ','
        first=0
        printf '"%s"' "$(printf '%s' "$line" | tr -d '"\\' | tr -cd '[:print:]')"
    done
    printf ']'
}

trusted=
[ ! -e "$ca" ] || trusted=$ca
boot_id=$(cat /proc/sys/kernel/random/boot_id)
cmdline=$(tr -d '"\\' < /proc/cmdline | tr -cd '[:print:]' | cut -c 1-4096)
pause=1
while :; do
    addresses=$(ip -o addr show scope global | while read -r _ name _ address _; do
        printf '%s %s\n' "$name" "$address"
    done | quoted)
    failed=$(systemctl list-units --state=failed --plain --no-legend \
        | while read -r name _; do printf '%s\n' "$name"; done | head -n 20 | quoted)
    code=$(printf 'header = "Authorization: Bearer %s"\n' "$secret" | curl --silent --show-error \
        --config - --max-time 30 --output /dev/null --write-out '%{http_code}' \
        --header 'Content-Type: application/json' ${trusted:+--cacert "$trusted"} \
        --data "{\"boot_id\":\"$boot_id\",\"cmdline\":\"$cmdline\",\"addresses\":$addresses,\"failed_units\":$failed}" \
        "$url/boot/first")
    case "$code" in
        200 | 204) break ;;
        401 | 403 | 404 | 409 | 410)
            echo "drydockd refused the report: $code"
            break
            ;;
    esac
    sleep "$pause"
    [ "$pause" -ge 5 ] || pause=$((pause + 1))
done
rm -f "$given" "$ca"
systemctl disable --quiet "$unit"
rm -f "/etc/systemd/system/$unit" /usr/local/sbin/drydock-first-boot

#!/usr/bin/env bash
# finished.sh UNIT: that a unit ended well, and when, for the node exporter. Run by the unit itself (ExecStartPost, which
# follows a good end only; systemd/finished.conf). TEXTFILES is the exporter's folder.
set -euo pipefail
unit=${1:?usage: finished.sh UNIT}
folder=${TEXTFILES:-/var/lib/prometheus/node-exporter}
[[ $unit =~ ^[a-z-]+$ ]] || { echo "finished: $unit is no unit of ours" >&2; exit 1; }
new=$folder/$unit.prom.new
cat > "$new" <<TEXT
# HELP raiox_finished_timestamp_seconds When a unit last ended well.
# TYPE raiox_finished_timestamp_seconds gauge
raiox_finished_timestamp_seconds{unit="$unit"} $(date +%s)
TEXT
chmod 644 "$new"
# The exporter never reads half a file.
mv -f "$new" "$folder/$unit.prom"

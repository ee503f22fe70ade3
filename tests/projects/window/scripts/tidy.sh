# tidy.sh LOWEST FILE: the lines of one day in order, each once, without what is no temperature.
set -eu
export LC_ALL=C
if grep -Evn '^[0-9]{2}:[0-9]{2},-?[0-9]+\.[0-9]$' "$2" >&2; then
  echo "$2: not lines of a time and a temperature" >&2
  exit 3
fi
sort -u "$2" | awk -F, -v lowest="$1" '$2 + 0 >= lowest + 0'

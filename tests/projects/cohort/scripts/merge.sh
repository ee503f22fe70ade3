# merge.sh SAMPLE OUT GROUP=FILE …: the files under one header, each of the group that it is said to be.
set -eu
sample=$1
out=$2
shift 2
printf '@SM\t%s\n' "$sample" > "$out"
for word; do
  group=${word%%=*}
  file=${word#*=}
  if [ "$(head -n 1 "$file")" != "$(printf '@RG\t%s' "$group")" ]; then
    echo "$file is not of group $group" >&2
    exit 4
  fi
  cat "$file" >> "$out"
done

# Cut each read, and its qualities, where the adapter begins.
function fail(what) {
  print FILENAME ":" NR ": " what > "/dev/stderr"
  failed = 1
  exit 3
}
NR % 4 == 1 { if ($0 !~ /^@/) fail("no name of a read"); name = $0 }
NR % 4 == 2 {
  if ($0 !~ /^[ACGTN]*$/) fail("not only bases")
  bases = $0
  start = index(bases, adapter)
  kept = start ? start - 1 : length(bases)
}
NR % 4 == 3 { if ($0 != "+") fail("no +") }
NR % 4 == 0 {
  if (length($0) != length(bases)) fail("not as many qualities as bases")
  print name; print substr(bases, 1, kept); print "+"; print substr($0, 1, kept)
}
END { if (!failed && (NR == 0 || NR % 4)) fail("a read is cut short"); if (failed) exit 3 }

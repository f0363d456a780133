#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Oxigraph, a SPARQL database that Debian has from 13 on and links with
# librocksdb.so: it loads and updates triples with the drop-in and without, and
# its dumps are equal. Skipped where it is not installed.
# shellcheck source=tests/dropin/dropin.sh
. "$(dirname "$0")/dropin.sh"

if ! command -v oxigraph >/dev/null; then
  say "skipped: there is no oxigraph (apt-get install oxigraph, from Debian 13 on)"
  exit 77
fi

# With assertions on, as in Debian, librocksdb stops oxigraph 0.4.9 when it
# exits, with the drop-in or without: what is compared includes the status.
statuses() {
  local run=$1 db=$2 status
  for command in "load --format nt --file $SCRATCH/triples.nt" \
    "update --update-file $SCRATCH/update.ru" \
    "dump --format nq --file $db.nq"; do
    status=0
    # shellcheck disable=SC2086  # lists of words
    $run oxigraph ${command%% *} --location "$db" ${command#* } \
      >"$SCRATCH/output" 2>&1 || status=$?
    printf '%s %s\n' "${command%% *}" "$status"
  done
  LC_ALL=C sort -o "$db.nq" "$db.nq"
}

awk 'BEGIN {
  srand(1)
  for (i = 0; i < 60000; ++i) {
    printf "<http://example.com/s%d> <http://example.com/p%d> \"value %d\" .\n",
           rand() * 20000, rand() * 10, rand() * 100000
  }
}' >"$SCRATCH/triples.nt"
cat >"$SCRATCH/update.ru" <<'END'
INSERT { ?s <http://example.com/q> ?o } WHERE { ?s <http://example.com/p3> ?o };
DELETE WHERE { ?s <http://example.com/p4> ?o }
END

with=$SCRATCH/with
without=$SCRATCH/without
expect "fastskip-run --check" "$RUN" --check oxigraph
same "load, update and dump end alike" "$(statuses "$RUN" "$with")" \
  "$(statuses '' "$without")"
same "LOG tells of the drop-in" "$(told "$with")" yes
expect "the dump is not small" test "$(wc -l <"$with.nq")" -gt 50000
same "the dumps are equal" "$(sha256sum <"$with.nq")" "$(sha256sum <"$without.nq")"
oxigraph dump --location "$with" --format nq --file "$SCRATCH/again.nq" \
  >/dev/null 2>&1 || true
same "oxigraph without the drop-in dumps the same again" \
  "$(LC_ALL=C sort "$SCRATCH/again.nq" | sha256sum)" \
  "$(sha256sum <"$without.nq")"
same "and OPTIONS says SkipListFactory" \
  "$(grep -h memtable_factory= "$with"/OPTIONS-* | sort -u)" \
  "  memtable_factory=SkipListFactory"

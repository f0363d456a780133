// SPDX-License-Identifier: Apache-2.0
//
// Where only a weaker memory than x86's would show a missing release or acquire,
// and no plain access beside it lets ThreadSanitizer see it. Each location is
// the history of its writes; a thread may read any write that is not older than
// one it knows of; reading a release write with acquire, it learns what the
// writer knew. run.sh takes the orders from the code: 1 is acquire or release,
// 0 relaxed.
//   CLEAR      the CAS that empties a moved slot
//   SLOT_LOAD  the loads of a scan
//   USE_CAS, USE_LOAD  the arena's number of shards in use
//   SAVE_CAS, VERSION_STORE, VERSION_LOAD  the version of a saved order: taken,
//              given back, and looked at first
//   WORD_STORE, WORD_LOAD  the words behind it
//   OPEN_LOAD, LABEL_LOAD  of a search in a saved order: the open slot, and the
//              slots that it compares
// With SEARCH, only the last section is there: each process multiplies states.

#ifndef SEARCH

// --- A split that is being cleared, an insert, and a lookup.
// `next`: 0 before the split, 1 after it. The slot: 0 a word that the split
// moves, 1 emptied by it, 2 taken by an insert.
byte next_last, slot_last;
bool slot_tells_next[3];  // the write of the slot carries next = 1 with it

inline load_next(n) {
  if
  :: n = known_next
  :: n = next_last
  fi;
  known_next = n
}

inline load_slot(s) {
  select(s : known_slot .. slot_last);
  known_slot = s;
  if
  :: SLOT_LOAD && slot_tells_next[s] -> known_next = 1
  :: else
  fi
}

active proctype Splitter() {
  next_last = 1;
  atomic {
    slot_last = 1;
    slot_tells_next[1] = CLEAR
  }
}

// Of a key that the split has moved to the right block.
active proctype Inserter() {
  byte known_next, known_slot, n, again, s;
  atomic { load_next(n) }
  atomic { load_slot(s) }
  atomic { load_next(again) }
  atomic {
    if
    :: n == 0 && again == 0 && s == 1 && slot_last == 1 ->
      slot_last = 2;
      assert(false)  // it went into a block that does not own it
    :: else
    fi
  }
}

active proctype Lookup() {
  byte known_next, known_slot, n, s;
  atomic { load_slot(s) }
  atomic { load_next(n) }
  assert(s == 0 || n == 1)  // else neither found nor looked for on the right
}

// --- The arena: the other shards are made, then counted as in use.
bool shards_made, in_use, in_use_tells;

active proctype Maker() {
  shards_made = true;  // a release CAS
  atomic {
    in_use = true;
    in_use_tells = USE_CAS
  }
}

active proctype Allocator() {
  bool known, use, made;
  atomic {
    if
    :: use = false
    :: use = in_use
    fi;
    known = use && USE_LOAD && in_use_tells
  }
  atomic {
    if
    :: !known -> made = false
    :: made = shards_made
    fi
  }
  assert(!use || made)
}

// --- An order that is saved again while it is taken.
// The version: 2 after the first save, 3 and 4 by the second one. Two of the
// words: 0 as the first save wrote them, 1 as the second one does.
byte version_last = 2;
bool word_last[2];

// Where nothing orders the first saver's store before it, a store may also come
// earlier in the order of changes: then it is never seen.
inline save_word(i) {
  if
  :: word_last[i] = 1
  :: !(SAVE_CAS && VERSION_STORE) -> skip
  fi
}

active proctype Saver() {
  version_last = 3;  // a CAS
  save_word(0);
  save_word(1);
  version_last = 4
}

inline load_version(v) {
  select(v : known_version .. version_last);
  known_version = v
}

inline take_word(i) {
  if
  :: !known_word[i] -> w[i] = 0
  :: w[i] = word_last[i]
  fi;
  if
  :: w[i] && WORD_LOAD && WORD_STORE && known_version < 3 -> known_version = 3
  :: else
  fi
}

active proctype Taker() {
  byte known_version = 2, version, again;
  bool known_word[2], w[2];
  atomic {
    load_version(version);
    if
    :: version == 4 && VERSION_LOAD && VERSION_STORE ->
      known_word[0] = word_last[0];
      known_word[1] = word_last[1]
    :: else
    fi
  }
  atomic { take_word(0) }
  atomic { take_word(1) }
  atomic { load_version(again) }
  assert(version == 3 || again != version || w[0] == w[1])
}

#else

// --- A search of labels in a saved order, a split and an insert after it.
// `next`: 0 as the order has it, 1 after the split. The slot: 0 the word that
// the order knows, or filled since, where it is the open slot; 1 emptied by the
// split; 2 taken by an insert that knows of the split.
byte next_last, slot_last;
bool slot_tells_next[3];

active proctype SplitterAndInserter() {
  next_last = 1;
  atomic {
    slot_last = 1;
    slot_tells_next[1] = CLEAR
  }
  atomic {
    slot_last = 2;
    slot_tells_next[2] = true
  }
}

active proctype Searcher() {
  byte known_next, again, s;
  bool open, acquires;  // the open slot, rather than one that is compared
  select(open : 0 .. 1);
  acquires = (open -> OPEN_LOAD : LABEL_LOAD);
  atomic {
    select(s : 0 .. slot_last);
    if
    :: acquires && slot_tells_next[s] -> known_next = 1
    :: else
    fi
  }
  atomic {
    if
    :: again = known_next
    :: again = next_last
    fi
  }
  // Else a slot that a later split has emptied is taken for one that was open
  // all along, or another entry for the one that the order lists.
  assert(again == 1 || s != (open -> 1 : 2))
}

#endif

// SPDX-License-Identifier: Apache-2.0
//
// The protocol of one level of the list and of posting to the level above, as
// memtablerep/list/block_skip_list*.cc have it, with blocks of two slots: every atomic
// access is one step. Three writers and a reader; keys are small numbers, which
// stand for their discriminators too.
//
// A schedule in which a thread stops for ever is one of those explored, so the
// others must finish without it: every operation here is finite in number, and a
// cycle of states would be threads that run for ever and complete nothing.
//
// Configured with -D (see run.sh):
//   INIT0 INIT1   keys in the first block at the start (0: empty slot)
//   K00 .. K21    the two keys that each writer inserts (0: none)
//   PROBE         the key that the reader looks up; SCAN: it walks all instead
//   BUG_...       plants a bug

#define NB 7  // blocks, of which 0 is none and 1 the head
#define NK 16  // keys, of which 0 is none
#define ENTRY(w) ((w) < NK)
#define EMPTY(s) (NK + (s))  // a slot emptied by the split that made block s

byte slot0[NB], slot1[NB], nxt[NB], low[NB];
byte fresh = 2;     // the next block not used yet
byte parent[NB];    // children of the level above; 0: empty slot
// What happened, for the checks.
byte accepted[NK];  // by key
bool begun[NK], committed[NK];
byte finished;

#define MOVED(w, n) ((n) != 0 && ENTRY(w) && (w) >= low[n])

#ifdef BUG_NAMELESS
#define CLEARED(n) EMPTY(0)
#else
#define CLEARED(n) EMPTY(n)
#endif

// The child posted with the greatest low not above the key. (A parent's slot is
// written once, so that its loads may as well be one step.)
inline descend(key, b) {
  d_step {
    b = 1;
    i = 0;
    do
    :: i < NB ->
      if
      :: parent[i] != 0 && low[parent[i]] <= key && low[parent[i]] > low[b] ->
        b = parent[i]
      :: else
      fi;
      i++
    :: else -> break
    od;
    i = 0
  }
}

inline clear_moved(b) {
  if
  :: MOVED(w0, n) -> d_step {
      if
      :: slot0[b] == w0 -> slot0[b] = CLEARED(n)
      :: else
      fi }
  :: else
  fi;
  if
  :: MOVED(w1, n) -> d_step {
      if
      :: slot1[b] == w1 -> slot1[b] = CLEARED(n)
      :: else
      fi }
  :: else
  fi
}

// `right` becomes a child of the level above: an insert into its first empty
// slot.
inline post(child) {
  do
  :: d_step {
      i = 0;
      do
      :: i < NB && parent[i] != 0 -> i++
      :: else -> break
      od
    }
#ifdef BUG_POST_OVERWRITES
    d_step { parent[i] = child; i = 0 }
    break
#else
    atomic {
      if
      :: parent[i] == 0 -> parent[i] = child; i = 0; break
      :: else -> i = 0
      fi
    }
#endif
  od
}

// Fills the private block `mine` with the words that a split gives it.
inline fill_right(a, c, bound) {
  d_step {
    if
    :: mine == 0 -> mine = fresh; fresh++
    :: else
    fi;
    assert(mine < NB);
    slot0[mine] = a;
    slot1[mine] = c;
    nxt[mine] = n;
    low[mine] = bound
  }
}

// One atomic access and what follows from it within the thread are one step.
inline insert(k) {
  begun[k] = true;
  descend(k, b);
again:
  atomic {
    n = nxt[b];
    if
    :: n != 0 && k >= low[n] -> b = n; goto again
    :: else
    fi
  }
  w0 = slot0[b];
  w1 = slot1[b];
  atomic {
#ifndef BUG_NO_SECOND_LOOK
    if
    :: nxt[b] != n -> goto again
    :: else
    fi;
#endif
#ifndef BUG_MOVED_ENTRIES_COUNT
    if
    :: MOVED(w0, n) || MOVED(w1, n) -> goto help
    :: else
    fi;
#endif
    if
    :: w0 == k || w1 == k -> assert(accepted[k] == 1); goto done  // a duplicate
    :: else
    fi;
    if
    :: !ENTRY(w0) || !ENTRY(w1) -> goto put
    :: ENTRY(w0) && ENTRY(w1) && n == 0 && k > w0 && k > w1 ->
      fill_right(k, EMPTY(0), k);
      goto append
    :: else
    fi;
    if
    :: w0 < w1 -> fill_right(w1, EMPTY(0), w1)
    :: w0 > w1 -> fill_right(w0, EMPTY(0), w0)
    :: b == 1 && w0 < w1 -> fill_right(w0, w1, w0)  // low split of the head
    fi
  }
  // Split.
#ifdef BUG_CLEARS_FIRST
  m = n;
  n = mine;
  clear_moved(b);
  n = m;
#endif
  atomic {
#ifdef BUG_SPLITS_FROM_ANY_NEXT
    nxt[b] = mine;
#else
    if
    :: nxt[b] == n -> nxt[b] = mine
    :: else -> goto again
    fi;
#endif
    n = mine
  }
  clear_moved(b);
  post(mine);
  mine = 0;
  goto again;
help:
#ifndef BUG_WAITS
  clear_moved(b);
#endif
  goto again;
append:
  atomic {
    if
    :: nxt[b] == n -> nxt[b] = mine; accepted[k]++
    :: else -> goto again
    fi
  }
  post(mine);
  mine = 0;
  goto done;
put:
  atomic {
    if
#ifdef BUG_ANY_EMPTY_SLOT
    :: !ENTRY(w0) && (ENTRY(w1) || _pid % 2 == 0) ->
#else
    :: !ENTRY(w0) ->
#endif
      if
      :: slot0[b] == w0 -> slot0[b] = k; accepted[k]++
      :: else -> goto again
      fi
    :: else ->
      if
      :: slot1[b] == w1 -> slot1[b] = k; accepted[k]++
      :: else -> goto again
      fi
    fi
  }
done:
  skip;
  d_step {
    assert(accepted[k] <= 1);
    committed[k] = true;
    w0 = 0;
    w1 = 0;
    n = 0;
    b = 0;
    m = 0
  }
}

proctype Writer(byte first, second) {
  byte b, n, m, w0, w1, i, mine;
  byte key = first;
  do
  :: key != 0 -> insert(key); key = second; second = 0
  :: else -> break
  od;
  finished++
}

#ifndef SCAN
proctype Reader() {
  byte b, n, w0, w1, i;
  bool must;
  d_step { must = committed[PROBE] }
  descend(PROBE, b);
again:
#ifdef BUG_NEXT_BEFORE_WORDS
  n = nxt[b];
  w0 = slot0[b];
  w1 = slot1[b];
#else
  w0 = slot0[b];
  w1 = slot1[b];
  n = nxt[b];
#endif
  if
  :: n != 0 && PROBE >= low[n] -> b = n; goto again
  :: else
  fi;
  d_step {
    assert(!must || w0 == PROBE || w1 == PROBE);
    assert(begun[PROBE] || (w0 != PROBE && w1 != PROBE));
    finished++
  }
}
#else
// Takes a view of each block with `next` unchanged around it.
proctype Reader() {
  byte b = 1, n, n2, w0, w1, last, i;
  short must, seen;
  d_step {
    i = 1;
    do
    :: i < NK -> must = must | (committed[i] << i); i++
    :: else -> break
    od;
    i = 0
  }
again:
  n = nxt[b];
  w0 = slot0[b];
  w1 = slot1[b];
#ifndef BUG_VIEW_ACROSS_SPLIT
  n2 = nxt[b];
  if
  :: n != n2 -> n2 = 0; goto again
  :: else
  fi;
#endif
  d_step {
    n2 = 0;
    // The live words, in order.
    if
    :: MOVED(w0, n) || !ENTRY(w0) -> w0 = 0
    :: else
    fi;
    if
    :: MOVED(w1, n) || !ENTRY(w1) -> w1 = 0
    :: else
    fi;
    if
    :: w0 > w1 -> i = w0; w0 = w1; w1 = i; i = 0
    :: else
    fi;
    if
    :: w0 != 0 -> assert(w0 > last); last = w0; seen = seen | (1 << w0)
    :: else
    fi;
    if
    :: w1 != 0 -> assert(w1 > last); last = w1; seen = seen | (1 << w1)
    :: else
    fi;
    w0 = 0; w1 = 0
  }
  if
  :: n != 0 -> b = n; goto again
  :: else
  fi;
  d_step {
    assert((must & seen) == must);
    finished++
  }
}
#endif

// At rest: each key once, in the block that owns it, reached from above too.
active proctype AtRest() {
  byte b = 1, k, i, here;
  finished == 4;
  d_step {
    do
    :: true ->
      if
      :: ENTRY(slot0[b]) ->
        k = slot0[b];
        assert(k >= low[b] && (nxt[b] == 0 || k < low[nxt[b]]));
        here = here + 1;
        assert(accepted[k] == 1)
      :: else
      fi;
      if
      :: ENTRY(slot1[b]) ->
        k = slot1[b];
        assert(k >= low[b] && (nxt[b] == 0 || k < low[nxt[b]]));
        here = here + 1;
        assert(accepted[k] == 1)
      :: else
      fi;
      if
      :: b != 1 ->
        assert(slot0[b] == low[b] || slot1[b] == low[b]);
        i = 0;
        do
        :: i < NB && parent[i] != b -> i++
        :: else -> break
        od;
        assert(i < NB)  // posted
      :: else
      fi;
      if
      :: nxt[b] == 0 -> break
      :: else -> b = nxt[b]
      fi
    od;
    k = 1;
    do
    :: k < NK -> assert(accepted[k] <= 1); here = here - accepted[k]; k++
    :: else -> break
    od;
    assert(here == 0)
  }
}

init {
  d_step {
    byte i = 0;
    do
    :: i < NB -> slot0[i] = EMPTY(0); slot1[i] = EMPTY(0); i++
    :: else -> break
    od;
    if
    :: INIT0 != 0 ->
      slot0[1] = INIT0; accepted[INIT0] = 1; begun[INIT0] = true;
      committed[INIT0] = true
    :: else
    fi;
    if
    :: INIT1 != 0 ->
      slot1[1] = INIT1; accepted[INIT1] = 1; begun[INIT1] = true;
      committed[INIT1] = true
    :: else
    fi;
    i = 0
  }
  atomic {
    run Writer(K00, K01);
    run Writer(K10, K11);
    run Writer(K20, K21);
    run Reader()
  }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A program in C that knows nothing of memtables: writes, overwrites and deletes
 * keys, and prints what is left, before and after it closes the database. dropin_c_program DIRECTORY */

#include <inttypes.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kKeys = 3000 };

static void check(const char* what, char* error) {
  if (error == NULL) return;
  fprintf(stderr, "%s: %s\n", what, error);
  exit(1);
}

static void put(rocksdb_t* db, const rocksdb_writeoptions_t* options, int i,
                const char* value) {
  char key[16];
  char* error = NULL;
  /* Not in their order. */
  snprintf(key, sizeof(key), "key%05d", i * 7919 % kKeys);
  rocksdb_put(db, options, key, strlen(key), value, strlen(value), &error);
  check("put", error);
}

static void write_keys(rocksdb_t* db) {
  rocksdb_writeoptions_t* options = rocksdb_writeoptions_create();
  char* error = NULL;
  int i;
  for (i = 0; i < kKeys; ++i) put(db, options, i, "first");
  for (i = 0; i < kKeys; i += 3) put(db, options, i, "second");
  rocksdb_delete(db, options, "key00007", 8, &error);
  check("delete", error);
  rocksdb_writeoptions_destroy(options);
}

static void print_keys(rocksdb_t* db) {
  rocksdb_readoptions_t* options = rocksdb_readoptions_create();
  rocksdb_iterator_t* it = rocksdb_create_iterator(db, options);
  char* error = NULL;
  for (rocksdb_iter_seek_to_first(it); rocksdb_iter_valid(it);
       rocksdb_iter_next(it)) {
    size_t key_size, value_size;
    const char* key = rocksdb_iter_key(it, &key_size);
    const char* value = rocksdb_iter_value(it, &value_size);
    printf("%.*s %.*s\n", (int)key_size, key, (int)value_size, value);
  }
  rocksdb_iter_get_error(it, &error);
  check("iterator", error);
  rocksdb_iter_destroy(it);
  rocksdb_readoptions_destroy(options);
}

int main(int argc, char** argv) {
  rocksdb_options_t* options = rocksdb_options_create();
  int round;
  if (argc != 2) return 2;
  rocksdb_options_set_create_if_missing(options, 1);
  for (round = 0; round < 2; ++round) {
    char* error = NULL;
    rocksdb_t* db = rocksdb_open(options, argv[1], &error);
    check("open", error);
    if (round == 0) write_keys(db);
    print_keys(db);
    rocksdb_close(db);
  }
  rocksdb_options_destroy(options);
  return 0;
}

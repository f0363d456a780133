/* SPDX-License-Identifier: Apache-2.0
 *
 * fastskip in a program in C: the memtable is chosen by its name in an options
 * string.
 *
 *   c_example <directory>      (made, used and removed by this program) */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastskip/fastskip_c.h"
#include "rocksdb/c.h"

static void check(char* error) {
  if (error == NULL) return;
  fprintf(stderr, "%s\n", error);
  exit(1);
}

int main(int argc, char** argv) {
  static const char key[] = "key";
  static const char value[] = "value";
  char* error = NULL;
  char* found;
  size_t found_size = 0;
  rocksdb_options_t* base;
  rocksdb_options_t* options;
  rocksdb_writeoptions_t* write_options;
  rocksdb_readoptions_t* read_options;
  rocksdb_t* db;

  if (argc != 2) {
    fprintf(stderr, "usage: %s <directory>\n", argv[0]);
    return 2;
  }

  fastskip_register_default();
  base = rocksdb_options_create();
  rocksdb_options_set_create_if_missing(base, 1);
  options = rocksdb_options_create();
  rocksdb_get_options_from_string(
      base, "memtable_factory={id=fastskip;shards=8}", options, &error);
  check(error);

  rocksdb_destroy_db(options, argv[1], &error);
  check(error);
  db = rocksdb_open(options, argv[1], &error);
  check(error);

  write_options = rocksdb_writeoptions_create();
  rocksdb_put(db, write_options, key, sizeof(key) - 1, value, sizeof(value) - 1,
              &error);
  check(error);

  read_options = rocksdb_readoptions_create();
  found =
      rocksdb_get(db, read_options, key, sizeof(key) - 1, &found_size, &error);
  check(error);
  if (found == NULL || found_size != sizeof(value) - 1 ||
      memcmp(found, value, found_size) != 0) {
    fprintf(stderr, "the value was not found again\n");
    return 1;
  }
  printf("%s -> %.*s\n", key, (int)found_size, found);

  rocksdb_free(found);
  rocksdb_readoptions_destroy(read_options);
  rocksdb_writeoptions_destroy(write_options);
  rocksdb_close(db);
  rocksdb_destroy_db(options, argv[1], &error);
  check(error);
  rocksdb_options_destroy(options);
  rocksdb_options_destroy(base);
  return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * fastskip for programs in C. Public. After this call, options in text form
 * know its name:
 *
 *   fastskip_register_default();
 *   rocksdb_get_options_from_string(base, "memtable_factory=fastskip", options,
 *                                   &error);
 *
 * libfastskip.so makes this call itself when it is loaded. A program linked
 * against it should still make it: a linker may drop a library of which a
 * program uses no symbol. */
#ifndef FASTSKIP_C_H_
#define FASTSKIP_C_H_

#ifdef __cplusplus
extern "C" {
#endif

/* Registers fastskip with RocksDB for this process. Any thread, any number of
 * times. Returns 1, the number of memtables registered; there is no error. */
int fastskip_register_default(void);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* FASTSKIP_C_H_ */

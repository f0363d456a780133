/* SPDX-License-Identifier: Apache-2.0
 *
 * fastskip for programs in C. After this call, options in text form know it:
 *
 *   fastskip_register_default();
 *   rocksdb_get_options_from_string(base, "memtable_factory=fastskip", options,
 *                                   &error);
 *
 * A program that loads libfastskip.so needs no call, but one that links it
 * wants some symbol of it, or the linker may leave the library out. */
#ifndef FASTSKIP_C_H_
#define FASTSKIP_C_H_

#ifdef __cplusplus
extern "C" {
#endif

/* Any thread, any number of times. Returns 1. */
int fastskip_register_default(void);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* FASTSKIP_C_H_ */

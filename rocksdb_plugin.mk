# SPDX-License-Identifier: Apache-2.0
#
# The plugin description for RocksDB's Makefile, which includes every *.mk file
# of plugin/fastskip. Sources and register function stand in fastskip.mk, where
# RocksDB's CMake looks for them; this file adds what Make alone reads.

# Installed by `make install` below include/rocksdb/plugin/fastskip.
fastskip_HEADERS = memtablerep/fast_skip_list_factory.h memtablerep/fast_skip_list_options.h memtablerep/fast_skip_list_register.h memtablerep/fast_skip_list_stats.h plugin/fastskip_c.h

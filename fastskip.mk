# SPDX-License-Identifier: Apache-2.0
#
# The sources of fastskip, for all of its builds. RocksDB's Makefile includes
# this file. RocksDB's CMake and fastskip's own read the two lines below with
# regular expressions: each stays on one line, with " = ". Only one line of all
# plugin/fastskip/*.mk files may match either expression.
fastskip_SOURCES = memtablerep/block_scan.cc memtablerep/block_search.cc memtablerep/block_skip_list.cc memtablerep/block_skip_list_iterator.cc memtablerep/block_skip_list_read.cc memtablerep/block_skip_list_validate.cc memtablerep/sharded_arena.cc memtablerep/validating_cursor.cc memtablerep/fast_skip_list_factory.cc memtablerep/fast_skip_list_rep.cc memtablerep/fast_skip_list_stats.cc memtablerep/live_memtables.cc memtablerep/memtable_contents.cc plugin/register.cc
fastskip_FUNC = fastskip_register

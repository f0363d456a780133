# SPDX-License-Identifier: Apache-2.0
#
# The sources of fastskip, for all of its builds. RocksDB's Makefile includes
# this file. RocksDB's CMake and fastskip's own read the two lines below with
# regular expressions: each stays on one line, with " = ". Only one line of all
# plugin/fastskip/*.mk files may match either expression.
fastskip_SOURCES = memtablerep/list/block_encoding.cc memtablerep/list/block_plan.cc memtablerep/list/block_scan.cc memtablerep/list/block_scan_avx2.cc memtablerep/list/block_scan_portable.cc memtablerep/list/block_search.cc memtablerep/list/block_skip_list.cc memtablerep/list/block_skip_list_descend.cc memtablerep/list/block_skip_list_estimate.cc memtablerep/list/block_skip_list_finger.cc memtablerep/list/block_skip_list_iterator.cc memtablerep/list/block_skip_list_read.cc memtablerep/list/block_skip_list_split.cc memtablerep/list/block_skip_list_validate.cc memtablerep/list/block_split.cc memtablerep/list/encoding_plan.cc memtablerep/list/encoding_store.cc memtablerep/list/sharded_arena.cc memtablerep/address_width.cc memtablerep/fast_skip_list_factory.cc memtablerep/fast_skip_list_iterator.cc memtablerep/fast_skip_list_options.cc memtablerep/fast_skip_list_register.cc memtablerep/fast_skip_list_rep.cc memtablerep/fast_skip_list_stats.cc memtablerep/live_memtables.cc memtablerep/memtable_contents.cc memtablerep/option_values.cc memtablerep/random_sample.cc memtablerep/validating_cursor.cc memtablerep/vtable_symbol.cc memtablerep/write_buffer_sizes.cc plugin/fastskip_c.cc plugin/register.cc
fastskip_FUNC = fastskip_register

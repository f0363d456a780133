// SPDX-License-Identifier: Apache-2.0
//
// What becomes of the memtable's entries in files and caches: compression,
// blob files with garbage collection, block and row cache, checksums.
#include <fstream>

#include "rocksdb/cache.h"
#include "rocksdb/file_checksum.h"
#include "rocksdb/table.h"
#include "tests/features/feature_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

class FeatureFormatTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, FeatureFormatTest,
                         ::testing::ValuesIn(FeatureConfigs()), ConfigName);

// --------------------------------------------------------------------------
// Compression.

void Compressed(DbRun& run, rocksdb::CompressionType type, const char* name,
                rocksdb::BlockBasedTableOptions table = {}) {
  run.options.compression = type;
  table.format_version = 5;  // from 7 on files spell the compression otherwise
  run.options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  run.options.statistics = rocksdb::CreateDBStatistics();
  if (!run.Open()) return;
  MixedWrites(run, 8000, 4000, 300);
  run.Flush();
  CompactAll(run);
  uint64_t raw = 0, stored = 0;
  for (const auto& table : TablesOf(run)) {
    run.Expect(table->compression_name == name, "the compression is as asked");
    raw += table->raw_key_size + table->raw_value_size;
    stored += table->data_size;
  }
  run.Expect(raw > 100000, "the files hold what was written");
  run.Expect((stored < raw / 2) == (type != rocksdb::kNoCompression),
             "the files are as small as the compression makes them");
  MixedWrites(run, 1000, 4000, 300);
  ReopenWithoutAndWith(run);
}

TEST_P(FeatureFormatTest, CompressionZstdWithDictionary) {
  Compare([](DbRun& run) {
    run.options.compression_opts.max_dict_bytes = 16 << 10;
    run.options.compression_opts.zstd_max_train_bytes = 256 << 10;
    rocksdb::BlockBasedTableOptions table;
    table.cache_index_and_filter_blocks = true;  // and dictionaries
    Compressed(run, rocksdb::kZSTD, "ZSTD", table);
    run.Expect(Ticker(run, rocksdb::BLOCK_CACHE_COMPRESSION_DICT_ADD) > 0,
               "there is a dictionary");
  });
}

TEST_P(FeatureFormatTest, CompressionLz4) {
  Compare([](DbRun& run) { Compressed(run, rocksdb::kLZ4Compression, "LZ4"); });
}

TEST_P(FeatureFormatTest, CompressionNone) {
  Compare([](DbRun& run) {
    Compressed(run, rocksdb::kNoCompression, "NoCompression");
  });
}

// --------------------------------------------------------------------------
// Large values in blob files.

TEST_P(FeatureFormatTest, BlobFilesWithGarbageCollection) {
  Compare([](DbRun& run) {
    run.options.enable_blob_files = true;
    run.options.min_blob_size = 512;
    run.options.blob_file_size = 256 << 10;
    run.options.enable_blob_garbage_collection = true;
    run.options.blob_garbage_collection_age_cutoff = 0.5;
    run.options.disable_auto_compactions = true;
    run.options.statistics = rocksdb::CreateDBStatistics();
    if (!run.Open()) return;
    // Small values stay in the SST files, large ones do not.
    for (int part = 0; part < 4; ++part) {
      MixedWrites(run, 800, 600, 4000);
      run.Flush();
    }
    const uint64_t written = IntProperty(run, DB::Properties::kNumBlobFiles);
    run.Expect(written >= 4, "there are blob files");
    run.NoteContents();
    for (int round = 0; round < 2; ++round) {
      MixedWrites(run, 300, 600, 4000);
      run.Flush();
      CompactAll(run);
    }
    run.Expect(Ticker(run, rocksdb::BLOB_DB_GC_NUM_KEYS_RELOCATED) > 0,
               "values were moved out of old blob files");
    run.Expect(IntProperty(run, DB::Properties::kLiveBlobFileGarbageSize) <
                   IntProperty(run, DB::Properties::kLiveBlobFileSize) / 2,
               "less than half of what is kept is garbage");
    MixedWrites(run, 300, 600, 4000);
    ReopenWithoutAndWith(run);
  });
}

// --------------------------------------------------------------------------
// Caches. What they hold must never hide what the memtable has.

TEST_P(FeatureFormatTest, BlockAndRowCache) {
  Compare([](DbRun& run) {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = rocksdb::NewLRUCache(8 << 20);
    run.options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    run.options.row_cache = rocksdb::NewLRUCache(4 << 20);
    run.options.statistics = rocksdb::CreateDBStatistics();
    run.options.disable_auto_compactions = true;
    if (!run.Open()) return;
    constexpr uint64_t kKeys = 1000;
    for (int part = 0; part < 3; ++part) {
      MixedWrites(run, 2000, kKeys);
      run.Flush();
      for (uint64_t k = 0; k < kKeys; ++k) run.NoteGet(Key(k));
      for (uint64_t k = 0; k < kKeys; ++k) run.NoteGet(Key(k));
      run.NoteContents();
      // Rows that are cached by now get newer values, or go.
      MixedWrites(run, 400, kKeys);
      for (uint64_t k = 0; k < kKeys; ++k) run.NoteGet(Key(k));
    }
    run.Expect(Ticker(run, rocksdb::ROW_CACHE_HIT) > kKeys,
               "rows were found in the cache");
    run.Expect(Ticker(run, rocksdb::BLOCK_CACHE_DATA_HIT) > 100,
               "blocks were found in the cache");
    ReopenWithoutAndWith(run);
  });
}

// --------------------------------------------------------------------------
// Checksums of blocks and of files.

std::string SomeTableFile(DbRun& run) {
  std::vector<rocksdb::LiveFileMetaData> files;
  run.db()->GetLiveFilesMetaData(&files);
  run.Expect(!files.empty(), "there are SST files");
  return files.empty() ? "" : files[0].db_path + files[0].name;
}

void FlipByte(DbRun& run, const std::string& path, std::streamoff at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(at);
  const int byte = file.get();
  run.Expect(byte != std::char_traits<char>::eof(), "the file is long enough");
  file.seekp(at);
  file.put(static_cast<char>(byte ^ 1));
}

TEST_P(FeatureFormatTest, VerifyChecksum) {
  Compare([](DbRun& run) {
    run.options.file_checksum_gen_factory =
        rocksdb::GetFileChecksumGenCrc32cFactory();
    run.options.disable_auto_compactions = true;
    if (!run.Open()) return;
    for (int part = 0; part < 3; ++part) {
      MixedWrites(run, 2000, 3000);
      run.Flush();
    }
    MixedWrites(run, 500, 3000);
    const ReadOptions read;
    run.Expect(run.db()->VerifyChecksum(read), "blocks");
    run.Expect(run.db()->VerifyFileChecksums(read), "files");
    if (!ReopenWithoutAndWith(run)) return;
    const std::string path = SomeTableFile(run);
    if (path.empty()) return;
    FlipByte(run, path, 100);
    run.Expect(run.db()->VerifyChecksum(read).IsCorruption(),
               "a damaged block is found");
    run.Expect(run.db()->VerifyFileChecksums(read).IsCorruption(),
               "a damaged file is found");
    FlipByte(run, path, 100);
    run.Expect(run.db()->VerifyChecksum(read), "repaired");
  });
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip

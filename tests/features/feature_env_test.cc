// SPDX-License-Identifier: Apache-2.0
//
// Where the files live: on disk, in memory, encrypted on disk.
#include <fstream>

#include "rocksdb/convenience.h"
#include "rocksdb/env.h"
#include "rocksdb/env_encryption.h"
#include "tests/features/feature_test_util.h"

namespace fastskip {
namespace dbtest {
namespace {

class FeatureEnvTest : public DbTest {};
INSTANTIATE_TEST_SUITE_P(Memtables, FeatureEnvTest,
                         ::testing::ValuesIn(FeatureConfigs()), ConfigName);

// Part of every value, to be looked for in files.
constexpr char kMark[] = "plain-text-of-a-value";

void Work(DbRun& run) {
  run.options.write_buffer_size = 256 << 10;
  run.more_families = {"one"};
  if (!run.Open()) return;
  for (int part = 0; part < 3; ++part) {
    for (size_t f = 0; f < 2; ++f) {
      MixedWrites(run, 2500, 2000, 100, f);
      run.Put(Key(part), kMark, f);
    }
    if (part == 1) run.Flush();
  }
  ReopenWithoutAndWith(run);
}

// How many of the files on disk below `dir` contain `text`.
size_t FilesWith(const std::string& dir, const std::string& text) {
  size_t files = 0;
  if (!std::filesystem::exists(dir)) return 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    std::ifstream file(entry.path(), std::ios::binary);
    std::ostringstream all;
    all << file.rdbuf();
    if (all.str().find(text) != std::string::npos) ++files;
  }
  return files;
}

TEST_P(FeatureEnvTest, Posix) {
  Compare([](DbRun& run) {
    Work(run);
    run.Expect(FilesWith(run.dir(), kMark) > 0, "values stand in the files");
  });
}

TEST_P(FeatureEnvTest, InMemory) {
  const std::unique_ptr<rocksdb::Env> env(
      rocksdb::NewMemEnv(rocksdb::Env::Default()));
  Compare([&env](DbRun& run) {
    run.options.env = env.get();
    Work(run);
    run.Expect(!std::filesystem::exists(run.dir()), "nothing is on disk");
    std::vector<std::string> files;
    run.Expect(env->GetChildren(run.dir(), &files), "list the files");
    run.Expect(files.size() > 4, "the files are in memory");
    run.Finish();
    run.Expect(rocksdb::DestroyDB(run.dir(), run.options), "destroy");
  });
}

std::unique_ptr<rocksdb::Env> EncryptedEnv() {
  std::shared_ptr<rocksdb::BlockCipher> cipher;
  const Status status = rocksdb::BlockCipher::CreateFromString(
      rocksdb::ConfigOptions(), "ROT13:32", &cipher);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return std::unique_ptr<rocksdb::Env>(rocksdb::NewEncryptedEnv(
      rocksdb::Env::Default(),
      rocksdb::EncryptionProvider::NewCTRProvider(cipher)));
}

// Encryption at rest: not one file, the WAL included, shows a value, and
// nothing can be read without the cipher.
TEST_P(FeatureEnvTest, EncryptedAtRest) {
  const std::unique_ptr<rocksdb::Env> env = EncryptedEnv();
  Compare([&env](DbRun& run) {
    run.options.env = env.get();
    Work(run);
    run.Expect(FilesWith(run.dir(), "") > 4, "the files are on disk");
    run.Expect(FilesWith(run.dir(), kMark) == 0, "no file shows a value");
    const auto before = AllContents(run);
    run.Close();
    run.options.env = rocksdb::Env::Default();
    run.Expect(!run.TryOpen().ok(), "unreadable without the cipher");
    run.Close();
    run.options.env = env.get();
    if (!run.Open()) return;
    run.Expect(AllContents(run) == before, "the same with the cipher");
  });
}

}  // namespace
}  // namespace dbtest
}  // namespace fastskip

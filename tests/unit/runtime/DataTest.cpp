//===- DataTest.cpp - texts, token files and the order of samples ---------===//
#include "runtime/core/Error.h"
#include "runtime/data/Batches.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

using namespace rt;

namespace {

class Data : public testing::Test {
protected:
  std::filesystem::path folder;
  void SetUp() override {
    folder = std::filesystem::path(testing::TempDir()) /
             ("data-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::create_directories(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string write(const std::string &name, const std::string &bytes) {
    std::string path = folder / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  template <class T> std::string writeTokens(const std::string &name, const std::vector<T> &tokens) {
    return write(name, std::string(reinterpret_cast<const char *>(tokens.data()), tokens.size() * sizeof(T)));
  }
};

/// The text of the error that `action` ends in, with `hidden` (a folder) taken out.
template <class F> std::string errorOf(F action, const std::string &hidden = "") {
  try {
    action();
  } catch (const Error &error) {
    std::string text = error.what();
    for (size_t at; !hidden.empty() && (at = text.find(hidden)) != std::string::npos;)
      text.erase(at, hidden.size() + 1);
    return text;
  }
  return "no error";
}

std::string letters(int64_t n) {
  std::string result(size_t(n), 'a');
  for (int64_t i = 0; i < n; ++i)
    result[size_t(i)] = char('a' + i * i % 23);
  return result;
}

TEST(Utf8, ValidTexts) {
  for (const char *text : {"", "plain", "na\xC3\xAFve", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xED\x9F\xBF",
                           "\xEE\x80\x80", "\xF4\x8F\xBF\xBF", "0123456789abcdef\xC3\xA9"})
    EXPECT_EQ(findInvalidUtf8(text), std::string_view::npos) << text;
}

TEST(Utf8, FirstInvalidByte) {
  struct {
    const char *text;
    size_t at;
  } cases[] = {{"\x80", 0},
               {"ab\xFF", 2},
               {"\xC0\xAF", 0},
               {"\xC1\xBF", 0},
               {"\xE0\x9F\xBF", 0},
               {"a\xED\xA0\x80", 1},
               {"\xF0\x8F\xBF\xBF", 0},
               {"\xF4\x90\x80\x80", 0},
               {"\xF5\x80\x80\x80", 0},
               {"abc\xE2\x82", 3},
               {"\xC3(", 0},
               {"01234567\xE2\x28\xA1", 8}};
  for (auto &[text, at] : cases)
    EXPECT_EQ(findInvalidUtf8(text), at) << text;
}

TEST_F(Data, ErrorsNameTheFileAndWhatIsValid) {
  auto text = [&](const std::string &path) { return errorOf([&] { Dataset::text(path); }, folder); };
  EXPECT_EQ(text(folder / "gone.txt"), "data 'gone.txt' cannot be read: No such file or directory");
  EXPECT_EQ(text(write("empty.txt", "")), "data 'empty.txt' is empty");
  std::filesystem::create_directory(folder / "sub");
  EXPECT_EQ(text(folder / "sub"), "data 'sub' is not a regular file");
  EXPECT_EQ(text(write("latin.txt", "caf\xE9 au lait")),
            "text 'latin.txt' is not UTF-8 at byte 3 (0xe9)\n"
            "note: 'iconv -f LATIN1 -t UTF-8' converts a Latin-1 text");
  EXPECT_EQ(errorOf([&] { Dataset::tokens(write("odd.bin", "abc"), 2); }, folder),
            "data 'odd.bin' has 3 bytes, which is no whole number of 16-bit tokens");
  EXPECT_EQ(errorOf([&] { Dataset::tokens(folder / "*.none", 2); }, folder),
            "data '*.none' cannot be read: No such file or directory");
  EXPECT_EQ(errorOf([&] { Batches(Dataset::text(write("short.txt", "abcdefgh")), 4, 256, 1); }, folder),
            "data 'short.txt' has 8 tokens, too few for windows of 5\n"
            "note: one window to train on and one to evaluate take 10 tokens");
}

TEST_F(Data, TokensOutOfRange) {
  std::string path = writeTokens<uint16_t>("t.bin", {1, 2, 3, 500, 4, 5, 6, 7, 8, 9, 10, 11});
  Dataset dataset = Dataset::tokens(path, 2);
  std::vector<int32_t> out(12);
  dataset.read(4, 8, 500, out.data());
  EXPECT_EQ(errorOf([&] { dataset.read(0, 12, 500, out.data()); }, folder),
            "data 't.bin' has token 500 at byte 6\nnote: tokens of this model are 0 to 499");
  std::vector<uint32_t> wide = {1, 0xFFFFFFFFu};
  Dataset big = Dataset::tokens(writeTokens("w.bin", wide), 4);
  EXPECT_EQ(errorOf([&] { big.read(0, 2, int64_t(1) << 31, out.data()); }, folder),
            "data 'w.bin' has token 4294967295 at byte 4\nnote: tokens of this model are 0 to 2147483647");
}

TEST_F(Data, FilesAreOneRow) {
  writeTokens<uint16_t>("b.bin", {4, 5});
  writeTokens<uint16_t>("a.bin", {1, 2, 3});
  writeTokens<uint16_t>("c.bin", {6, 7, 8, 9});
  Dataset dataset = Dataset::tokens(folder / "*.bin", 2);
  ASSERT_EQ(dataset.size(), 9);
  for (int64_t first = 0; first < 9; ++first) {
    std::vector<int32_t> out(size_t(9 - first));
    dataset.read(first, 9 - first, 100, out.data());
    for (size_t i = 0; i < out.size(); ++i)
      EXPECT_EQ(out[i], int32_t(first) + int32_t(i) + 1);
  }
}

TEST(Permute, IsABijectionForEachEpoch) {
  for (int64_t size : {1, 2, 3, 5, 16, 17, 100, 1000}) {
    std::vector<std::vector<int64_t>> orders;
    for (uint64_t epoch : {0, 1}) {
      std::set<int64_t> seen;
      orders.emplace_back();
      for (int64_t i = 0; i < size; ++i) {
        orders.back().push_back(permute(i, size, 9, epoch));
        seen.insert(orders.back().back());
      }
      EXPECT_EQ(int64_t(seen.size()), size);
      EXPECT_EQ(*seen.begin(), 0);
      EXPECT_EQ(*seen.rbegin(), size - 1);
    }
    if (size >= 100) {
      EXPECT_NE(orders[0], orders[1]);
    }
  }
}

TEST(Permute, LooksLikeAShuffle) {
  // Neighbours of a shuffle are n / 3 apart on average, with a deviation of at most n / sqrt(n).
  constexpr int64_t n = 10000;
  double distance = 0;
  for (int64_t i = 0; i + 1 < n; ++i)
    distance += double(std::abs(permute(i, n, 3, 0) - permute(i + 1, n, 3, 0)));
  EXPECT_NEAR(distance / (n - 1), n / 3.0, 5 * std::sqrt(double(n)));
}

TEST_F(Data, EpochsCoverEveryWindowOnce) {
  Batches batches(Dataset::text(write("t.txt", letters(1000))), 10, 256, 5);
  EXPECT_EQ(batches.windows(Split::Train), 94); // 950 tokens for training: (950 - 1) / 10
  EXPECT_EQ(batches.windows(Split::Eval), 4);   // 50 held out: (50 - 1) / 10
  for (int64_t epoch : {0, 1, 7}) {
    std::set<int64_t> starts;
    for (int64_t i = 0; i < 94; ++i)
      starts.insert(batches.firstToken(epoch * 94 + i));
    EXPECT_EQ(starts.size(), 94u);
    EXPECT_EQ(*starts.rbegin(), 930);
  }
  EXPECT_EQ(batches.firstToken(0, Split::Eval), 950);
  EXPECT_EQ(batches.firstToken(5, Split::Eval), 960);
}

TEST_F(Data, LabelsAreTokensShiftedByOne) {
  std::string text = letters(1000);
  Batches batches(Dataset::text(write("t.txt", text)), 16, 256, 5);
  std::vector<int32_t> tokens(3 * 16), labels(3 * 16);
  batches.fill({.firstSample = 40, .batchCount = 3, .seqCount = 16, .batchStride = 16, .seqStride = 1},
               tokens.data(), labels.data());
  for (int64_t b = 0; b < 3; ++b)
    for (int64_t i = 0; i < 16; ++i) {
      int64_t at = batches.firstToken(40 + b) + i;
      EXPECT_EQ(tokens[size_t(b * 16 + i)], text[size_t(at)]);
      EXPECT_EQ(labels[size_t(b * 16 + i)], text[size_t(at) + 1]);
    }
}

TEST_F(Data, ASliceIsASliceOfTheWhole) {
  Batches batches(Dataset::text(write("t.txt", letters(3000))), 12, 256, 5);
  std::vector<int32_t> tokens(8 * 12), labels(8 * 12);
  batches.fill({.firstSample = 300, .batchCount = 8, .seqCount = 12, .batchStride = 12, .seqStride = 1},
               tokens.data(), labels.data());
  // Samples 2 to 5, positions 3 to 8, seq first: as a rank of a dp x cp mesh holds them.
  std::vector<int32_t> part(6 * 4), partLabels(6 * 4);
  batches.fill({.firstSample = 300,
                .batchOffset = 2,
                .batchCount = 4,
                .seqOffset = 3,
                .seqCount = 6,
                .batchStride = 1,
                .seqStride = 4},
               part.data(), partLabels.data());
  for (int64_t b = 0; b < 4; ++b)
    for (int64_t i = 0; i < 6; ++i) {
      EXPECT_EQ(part[size_t(i * 4 + b)], tokens[size_t((b + 2) * 12 + i + 3)]);
      EXPECT_EQ(partLabels[size_t(i * 4 + b)], labels[size_t((b + 2) * 12 + i + 3)]);
    }
}

} // namespace

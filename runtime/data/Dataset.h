//===- Dataset.h - tokens on disk, memory-mapped --------------------------===//
//
// A text of UTF-8 read by the byte tokenizer (one token a byte, vocabulary 256), or files of 16- or 32-bit
// little-endian token ids, read as one long row in the order of their names. What is wrong with a file is
// one std::runtime_error that names the file, the byte and what would be valid.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rt {

class Dataset {
public:
  /// The whole file is checked to be UTF-8.
  static Dataset text(const std::string &path);
  /// pattern: a path whose last part may hold '*'. bytesPerToken: 2 or 4.
  static Dataset tokens(const std::string &pattern, int bytesPerToken);

  Dataset(Dataset &&) noexcept;
  Dataset &operator=(Dataset &&) noexcept;
  ~Dataset();

  int64_t size() const { return count; } // in tokens

  /// Copies tokens [first, first + n) to `out`. A token that is not below `vocabulary` is an error.
  void read(int64_t first, int64_t n, int64_t vocabulary, int32_t *out) const;

  std::string describe() const; // "scripture.txt" or "fineweb/*.bin (12 files)"

private:
  struct File {
    std::string path;
    const unsigned char *bytes = nullptr; // the mapping
    size_t size = 0;                      // in bytes
    int64_t firstToken = 0;
  };
  Dataset() = default;
  void map(const std::string &path);

  std::vector<File> files;
  int bytesPerToken = 1;
  int64_t count = 0;
  std::string name;
};

/// Offset of the first byte that no UTF-8 text has there, or npos. Overlong forms, surrogates and code points
/// above U+10FFFF are invalid.
size_t findInvalidUtf8(std::string_view text);

} // namespace rt

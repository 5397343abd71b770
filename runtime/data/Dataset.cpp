//===- Dataset.cpp - tokens on disk, memory-mapped ------------------------===//
#include "runtime/data/Dataset.h"

#include "runtime/core/Error.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <glob.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace rt {

namespace {

std::string quoted(const std::string &path) {
  return "'" + path + "'";
}

std::string hexByte(unsigned char byte) {
  char text[8];
  std::snprintf(text, sizeof text, "0x%02x", byte);
  return text;
}

/// Length of the UTF-8 character that starts with `lead`, and what its second byte may be; length 0: no
/// character starts so.
struct Utf8Form {
  int length;
  unsigned char low, high;
};

Utf8Form utf8Form(unsigned char lead) {
  if (lead < 0x80)
    return {1, 0, 0};
  if (lead < 0xC2) // a continuation, or an overlong form of one byte
    return {0, 0, 0};
  if (lead < 0xE0)
    return {2, 0x80, 0xBF};
  if (lead < 0xF0) // 0xE0: no overlong forms; 0xED: no surrogates
    return {3, static_cast<unsigned char>(lead == 0xE0 ? 0xA0 : 0x80),
            static_cast<unsigned char>(lead == 0xED ? 0x9F : 0xBF)};
  if (lead < 0xF5) // 0xF0: no overlong forms; 0xF4: nothing above U+10FFFF
    return {4, static_cast<unsigned char>(lead == 0xF0 ? 0x90 : 0x80),
            static_cast<unsigned char>(lead == 0xF4 ? 0x8F : 0xBF)};
  return {0, 0, 0};
}

} // namespace

size_t findInvalidUtf8(std::string_view text) {
  const auto *bytes = reinterpret_cast<const unsigned char *>(text.data());
  size_t i = 0;
  while (i < text.size()) {
    uint64_t eight;
    if (i + 8 <= text.size() && (std::memcpy(&eight, bytes + i, 8), !(eight & 0x8080808080808080u))) {
      i += 8; // plain ASCII, which is most of most texts
      continue;
    }
    Utf8Form form = utf8Form(bytes[i]);
    if (form.length == 0 || i + form.length > text.size())
      return i;
    if (form.length > 1 && (bytes[i + 1] < form.low || bytes[i + 1] > form.high))
      return i;
    for (int j = 2; j < form.length; ++j)
      if ((bytes[i + j] & 0xC0) != 0x80)
        return i;
    i += form.length;
  }
  return std::string_view::npos;
}

Dataset::Dataset(Dataset &&other) noexcept {
  *this = std::move(other);
}

Dataset &Dataset::operator=(Dataset &&other) noexcept {
  std::swap(files, other.files);
  std::swap(bytesPerToken, other.bytesPerToken);
  std::swap(count, other.count);
  std::swap(name, other.name);
  return *this;
}

Dataset::~Dataset() {
  for (const File &file : files)
    munmap(const_cast<unsigned char *>(file.bytes), file.size);
}

void Dataset::map(const std::string &path) {
  // Not blocking: a pipe is to be refused, not waited for.
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    throw Error("data " + quoted(path) + " cannot be read: " + std::strerror(errno));
  struct stat status{};
  fstat(descriptor, &status);
  if (!S_ISREG(status.st_mode)) {
    close(descriptor);
    throw Error("data " + quoted(path) + " is not a regular file");
  }
  size_t size = size_t(status.st_size);
  void *bytes = size ? mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0) : nullptr;
  int problem = errno;
  close(descriptor);
  if (size == 0)
    throw Error("data " + quoted(path) + " is empty");
  if (bytes == MAP_FAILED)
    throw Error("data " + quoted(path) + " cannot be mapped: " + std::strerror(problem));
  files.push_back({path, static_cast<const unsigned char *>(bytes), size, count});
  if (size % size_t(bytesPerToken))
    throw Error("data " + quoted(path) + " has " + std::to_string(size) +
                " bytes, which is no whole number of " + std::to_string(8 * bytesPerToken) + "-bit tokens");
  count += int64_t(size) / bytesPerToken;
}

Dataset Dataset::text(const std::string &path) {
  Dataset dataset;
  dataset.name = path;
  dataset.map(path);
  const File &file = dataset.files[0];
  size_t bad = findInvalidUtf8({reinterpret_cast<const char *>(file.bytes), file.size});
  if (bad != std::string_view::npos)
    throw Error("text " + quoted(path) + " is not UTF-8 at byte " + std::to_string(bad) + " (" +
                    hexByte(file.bytes[bad]) + ")",
                "'iconv -f LATIN1 -t UTF-8' converts a Latin-1 text");
  return dataset;
}

Dataset Dataset::tokens(const std::string &pattern, int bytesPerToken) {
  Dataset dataset;
  dataset.bytesPerToken = bytesPerToken;
  dataset.name = pattern;
  glob_t found{};
  int status =
      glob(pattern.c_str(), GLOB_NOCHECK, nullptr, &found); // sorted; the pattern itself if none match
  std::vector<std::string> paths;
  if (status == 0)
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  if (status != 0)
    throw Error("data " + quoted(pattern) + " cannot be searched");
  for (const std::string &path : paths)
    dataset.map(path);
  if (paths.size() > 1)
    dataset.name += " (" + std::to_string(paths.size()) + " files)";
  return dataset;
}

std::string Dataset::describe() const {
  return name;
}

void Dataset::read(int64_t first, int64_t n, int64_t vocabulary, int32_t *out) const {
  // The file that holds `first`: the last one that starts at or before it.
  auto file = std::upper_bound(files.begin(), files.end(), first,
                               [](int64_t token, const File &f) { return token < f.firstToken; }) -
              1;
  while (n > 0) {
    int64_t inFile = first - file->firstToken;
    int64_t here = std::min(n, int64_t(file->size) / bytesPerToken - inFile);
    const unsigned char *bytes = file->bytes + inFile * bytesPerToken;
    for (int64_t i = 0; i < here; ++i) {
      uint32_t token = 0;
      std::memcpy(&token, bytes + i * bytesPerToken,
                  size_t(bytesPerToken)); // little-endian, as x86 and Arm are
      if (int64_t(token) >= vocabulary)
        throw Error("data " + quoted(file->path) + " has token " + std::to_string(token) + " at byte " +
                        std::to_string((inFile + i) * bytesPerToken),
                    "tokens of this model are 0 to " + std::to_string(vocabulary - 1));
      out[i] = int32_t(token);
    }
    out += here, first += here, n -= here;
    ++file;
  }
}

} // namespace rt

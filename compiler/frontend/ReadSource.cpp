//===- ReadSource.cpp - files as text that is safe to parse ---------------===//
#include "compiler/frontend/Yaml.h"
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <fstream>

namespace shardc::frontend {
namespace {

/// Bytes of the well-formed UTF-8 character that `text` begins with; 0 if there is none.
size_t utf8Length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80)
    return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length)
    return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80)
      return 0;
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool surrogate = first == 0xED && byte(1) > 0x9F;
  const bool tooLarge = first == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || tooLarge ? 0 : length;
}

} // namespace

bool checkText(const SourceRef &file, Diagnostics &diags) {
  std::string_view text = file->text;
  int line = 1, column = 1;
  for (size_t i = 0; i < text.size();) {
    const unsigned char first = text[i];
    const size_t length = utf8Length(text.substr(i));
    if (length == 0) {
      diags.error({file, line, column}, fmt::format("byte 0x{:02X} is not UTF-8 text", first));
      return false;
    }
    // Besides being no text, some stop yaml-cpp silently: it takes 0x04 for the end of the file.
    if ((first < 0x20 && first != '\n' && first != '\r' && first != '\t') || first == 0x7F) {
      diags.error({file, line, column}, fmt::format("control character 0x{:02X} is not text", first));
      return false;
    }
    i += length;
    column += static_cast<int>(length);
    if (first == '\n')
      ++line, column = 1;
  }
  return true;
}

SourceRef readSource(const std::filesystem::path &path, const std::string &name, size_t maxBytes,
                     const Position &where, Diagnostics &diags) {
  auto fail = [&](const std::string &reason) {
    diags.error(where, fmt::format("'{}' {}", name, reason));
    return nullptr;
  };
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (std::filesystem::is_directory(status))
    return fail("is a folder, not a file");
  if (!std::filesystem::exists(status))
    return fail("does not exist");
  if (!std::filesystem::is_regular_file(status))
    return fail("is not a regular file");
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  if (!stream)
    return fail(fmt::format("cannot be read: {}", errno ? std::strerror(errno) : "unknown reason"));
  auto file = std::make_shared<SourceFile>();
  file->name = name;
  const size_t size = std::filesystem::file_size(path, ignored);
  file->text.resize(std::min(size, maxBytes + 1)); // one more than allowed tells
  stream.read(file->text.data(), static_cast<std::streamsize>(file->text.size()));
  file->text.resize(static_cast<size_t>(stream.gcount()));
  if (file->text.size() > maxBytes)
    return fail(fmt::format("is larger than {} KiB, the limit for this kind of file", maxBytes >> 10));
  if (file->text.starts_with("\xEF\xBB\xBF")) // a byte order mark, which some editors write
    file->text.erase(0, 3);
  if (!checkText(file, diags))
    return nullptr;
  return file;
}

} // namespace shardc::frontend

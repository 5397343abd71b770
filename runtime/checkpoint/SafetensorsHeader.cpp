//===- SafetensorsHeader.cpp - the JSON in front of the tensors -----------===//
//
//   header  = { name: tensor, …, "__metadata__": { key: text, … } }
//   tensor  = { "dtype": text, "shape": [ number, … ], "data_offsets": [ begin, end ] }, in any order
//
// That is all the JSON there is: no nesting to bound, and numbers are whole and not negative.
//
//===----------------------------------------------------------------------===//
#include "runtime/checkpoint/SafetensorsHeader.h"

#include "runtime/core/Error.h"

#include <algorithm>
#include <cstdio>
#include <set>

namespace rt {

size_t byteSize(DType dtype) {
  switch (dtype) {
  case DType::F64:
    return 8;
  case DType::F32:
  case DType::I32:
    return 4;
  case DType::BF16:
    return 2;
  }
  return 0;
}

const char *dtypeName(DType dtype) {
  switch (dtype) {
  case DType::F32:
    return "F32";
  case DType::F64:
    return "F64";
  case DType::I32:
    return "I32";
  case DType::BF16:
    return "BF16";
  }
  return "";
}

int64_t TensorInfo::elements() const {
  int64_t n = 1;
  for (int64_t size : shape)
    n *= size;
  return n;
}

namespace {

class Parser {
public:
  Parser(std::string_view text, uint64_t dataSize) : text(text), dataSize(dataSize) {}

  SafetensorsHeader parse() {
    SafetensorsHeader header;
    object([&](const std::string &name) {
      if (name == "__metadata__")
        object([&](const std::string &key) { header.notes[key] = string(); });
      else
        header.tensors.push_back(tensor(name));
    });
    skipSpace();
    if (at != text.size())
      fail("text after the last '}'");
    checkPlaces(header.tensors);
    return header;
  }

private:
  [[noreturn]] void fail(const std::string &what) const {
    throw Error("header byte " + std::to_string(at) + ": " + what);
  }
  [[noreturn]] static void failAt(const TensorInfo &tensor, const std::string &what) {
    throw Error("tensor '" + tensor.name + "' " + what);
  }

  void skipSpace() {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t'))
      ++at;
  }
  bool accept(char c) {
    skipSpace();
    if (at == text.size() || text[at] != c)
      return false;
    ++at;
    return true;
  }
  void expect(char c) {
    if (!accept(c))
      fail(std::string("expected '") + c + "'");
  }

  /// { "key": …, … }: `member` reads each value. A key twice is an error.
  template <class F> void object(F member) {
    std::set<std::string> keys;
    expect('{');
    if (accept('}'))
      return;
    do {
      std::string key = string();
      if (!keys.insert(key).second)
        fail("'" + key + "' is there twice");
      expect(':');
      member(key);
    } while (accept(','));
    expect('}');
  }

  std::vector<uint64_t> numbers() {
    std::vector<uint64_t> result;
    expect('[');
    if (accept(']'))
      return result;
    do
      result.push_back(number());
    while (accept(','));
    expect(']');
    return result;
  }

  uint64_t number() {
    skipSpace();
    size_t first = at;
    uint64_t value = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      if (value > (uint64_t(1) << 59)) // ten times that still fits, and no file is that large
        fail("number too large");
      value = value * 10 + uint64_t(text[at] - '0');
    }
    if (at == first)
      fail("expected a whole number that is not negative");
    return value;
  }

  std::string string() {
    expect('"');
    std::string result;
    while (true) {
      if (at == text.size() || static_cast<unsigned char>(text[at]) < 0x20)
        fail("text without an end");
      char c = text[at++];
      if (c == '"')
        return result;
      if (c == '\\')
        escape(result);
      else
        result += c;
    }
  }

  void escape(std::string &result) {
    if (at == text.size())
      fail("text without an end");
    static constexpr std::string_view escapes = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    char c = text[at++];
    if (size_t i = escapes.find(c); i != std::string_view::npos)
      result += meanings[i];
    else if (c == 'u')
      appendUtf8(result, codePoint());
    else
      fail("unknown escape");
  }

  uint32_t hexDigits() {
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      size_t digit = at < text.size() ? std::string_view("0123456789abcdef").find(char(text[at] | 0x20)) : 16;
      if (digit >= 16 || (text[at] < '0'))
        fail("expected four hexadecimal digits");
      value = value * 16 + uint32_t(digit);
      ++at;
    }
    return value;
  }

  /// What follows \u, and a second \u where the first is half of a surrogate pair.
  uint32_t codePoint() {
    uint32_t high = hexDigits();
    if (high < 0xD800 || high > 0xDFFF)
      return high;
    if (high > 0xDBFF || text.substr(at, 2) != "\\u")
      fail("half of a surrogate pair");
    at += 2;
    uint32_t low = hexDigits();
    if (low < 0xDC00 || low > 0xDFFF)
      fail("half of a surrogate pair");
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
  }

  static void appendUtf8(std::string &to, uint32_t c) {
    if (c < 0x80) {
      to += char(c);
    } else if (c < 0x800) {
      to += {char(0xC0 | c >> 6), char(0x80 | (c & 0x3F))};
    } else if (c < 0x10000) {
      to += {char(0xE0 | c >> 12), char(0x80 | (c >> 6 & 0x3F)), char(0x80 | (c & 0x3F))};
    } else {
      to += {char(0xF0 | c >> 18), char(0x80 | (c >> 12 & 0x3F)), char(0x80 | (c >> 6 & 0x3F)),
             char(0x80 | (c & 0x3F))};
    }
  }

  TensorInfo tensor(const std::string &name) {
    TensorInfo info{name, DType::F32, {}};
    int seen = 0; // one bit a key
    object([&](const std::string &key) {
      if (key == "dtype") {
        info.dtype = dtype(name, string());
        seen |= 1;
      } else if (key == "shape") {
        for (uint64_t size : numbers())
          info.shape.push_back(int64_t(size));
        seen |= 2;
      } else if (key == "data_offsets") {
        std::vector<uint64_t> offsets = numbers();
        if (offsets.size() != 2)
          failAt(info, "has " + std::to_string(offsets.size()) + " offsets, not 2");
        info.begin = offsets[0], info.end = offsets[1];
        seen |= 4;
      } else {
        failAt(info, "has an unknown key '" + key + "'");
      }
    });
    if (seen != 7)
      failAt(info, std::string("has no ") + (!(seen & 1) ? "dtype" : !(seen & 2) ? "shape" : "data_offsets"));
    checkSize(info);
    return info;
  }

  static DType dtype(const std::string &name, const std::string &text) {
    for (DType dtype : {DType::F32, DType::F64, DType::I32, DType::BF16})
      if (text == dtypeName(dtype))
        return dtype;
    throw Error("tensor '" + name + "' has dtype '" + text + "'",
                "dtypes that are read: F32, F64, I32, BF16");
  }

  /// The offsets are as far apart as the shape and the dtype say, and within the file.
  void checkSize(const TensorInfo &info) const {
    if (info.begin > info.end || info.end > dataSize)
      failAt(info, "has bytes " + std::to_string(info.begin) + " to " + std::to_string(info.end) + " of " +
                       std::to_string(dataSize));
    uint64_t bytes = byteSize(info.dtype);
    for (int64_t size : info.shape)
      if (size == 0)
        bytes = 0;
    for (int64_t size : info.shape) {
      if (bytes && uint64_t(size) > dataSize / bytes)
        failAt(info, "has a shape that is larger than the file");
      bytes *= uint64_t(size);
    }
    if (bytes != info.end - info.begin)
      failAt(info, "takes " + std::to_string(bytes) + " bytes by its shape and " +
                       std::to_string(info.end - info.begin) + " by its offsets");
  }

  /// Sorted by place, tensors follow each other from the first byte to the last.
  void checkPlaces(std::vector<TensorInfo> &tensors) const {
    std::stable_sort(tensors.begin(), tensors.end(), [](const TensorInfo &a, const TensorInfo &b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    uint64_t next = 0;
    for (const TensorInfo &tensor : tensors) {
      if (tensor.begin != next)
        failAt(tensor, std::string(tensor.begin < next ? "overlaps another one" : "has a gap before it") +
                           " at byte " + std::to_string(std::min(tensor.begin, next)));
      next = tensor.end;
    }
    if (next != dataSize)
      throw Error("tensors end at byte " + std::to_string(next) + ", the file at " +
                  std::to_string(dataSize));
  }

  std::string_view text;
  uint64_t dataSize;
  size_t at = 0;
};

std::string quoted(const std::string &text) {
  std::string result = "\"";
  for (char c : text) {
    char escaped[8];
    if (c == '"' || c == '\\')
      (result += '\\') += c;
    else if (static_cast<unsigned char>(c) < 0x20)
      result.append(escaped, size_t(std::snprintf(escaped, sizeof escaped, "\\u%04x", unsigned(c))));
    else
      result += c;
  }
  return result + '"';
}

} // namespace

SafetensorsHeader parseHeader(std::string_view json, uint64_t dataSize) {
  return Parser(json, dataSize).parse();
}

std::string printHeader(const SafetensorsHeader &header) {
  std::string json = "{";
  const char *separator = "";
  if (!header.notes.empty()) {
    json += "\"__metadata__\":{";
    for (const auto &[key, value] : header.notes) {
      json += separator + quoted(key) + ":" + quoted(value);
      separator = ",";
    }
    json += "}";
  }
  for (const TensorInfo &tensor : header.tensors) {
    json += separator + quoted(tensor.name) + ":{\"dtype\":\"" + dtypeName(tensor.dtype) + "\",\"shape\":[";
    for (size_t i = 0; i < tensor.shape.size(); ++i)
      json += (i ? "," : "") + std::to_string(tensor.shape[i]);
    json += "],\"data_offsets\":[" + std::to_string(tensor.begin) + "," + std::to_string(tensor.end) + "]}";
    separator = ",";
  }
  json += "}";
  json.resize((json.size() + 7) / 8 * 8, ' ');
  return json;
}

} // namespace rt

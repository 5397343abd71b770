//===- SafetensorsWriter.cpp - tensors into a file ------------------------===//
#include "runtime/checkpoint/SafetensorsHeader.h"
#include "runtime/core/Error.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace rt {

SafetensorsWriter::SafetensorsWriter(std::string p) : path(std::move(p)), partial(path + ".partial") {}

SafetensorsWriter::~SafetensorsWriter() {
  if (file >= 0)
    close(file);
  if (owner)
    unlink(partial.c_str());
}

void SafetensorsWriter::fail(const std::string &what) const {
  throw Error("tensors '" + path + "' cannot be written: " + what);
}

void SafetensorsWriter::declare(const std::string &name, DType dtype, std::vector<int64_t> shape) {
  if (name == "__metadata__" || !byName.emplace(name, tensors.size()).second)
    fail("there is more than one '" + name + "'");
  tensors.push_back({name, dtype, std::move(shape)});
}

void SafetensorsWriter::note(const std::string &key, const std::string &value) {
  notes[key] = value;
}

/// Gives each tensor its place: larger elements first, so that each tensor is aligned to its own.
std::string SafetensorsWriter::header() {
  std::stable_sort(tensors.begin(), tensors.end(), [](const TensorInfo &a, const TensorInfo &b) {
    return byteSize(a.dtype) > byteSize(b.dtype);
  });
  dataSize = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    tensors[i].begin = dataSize;
    dataSize += uint64_t(tensors[i].elements()) * byteSize(tensors[i].dtype);
    tensors[i].end = dataSize;
    byName[tensors[i].name] = i;
  }
  std::string json = printHeader({tensors, notes});
  dataStart = 8 + json.size();
  return json;
}

void SafetensorsWriter::create() {
  std::string json = header();
  file = open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0)
    fail(std::strerror(errno));
  owner = true;
  // A disk that is too full is found here, before minutes of writing.
  if (int problem = posix_fallocate(file, 0, off_t(dataStart + dataSize)))
    fail(std::string(std::strerror(problem)) + " (" + std::to_string(dataStart + dataSize) +
         " bytes are needed)");
  uint64_t size = json.size();
  writeAt(0, &size, 8);
  writeAt(8, json.data(), json.size());
}

void SafetensorsWriter::attach() {
  header();
  file = open(partial.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0)
    fail(std::strerror(errno));
}

void SafetensorsWriter::writeAt(uint64_t offset, const void *data, size_t size) {
  const char *next = static_cast<const char *>(data);
  while (size > 0) {
    ssize_t n = pwrite(file, next, size, off_t(offset));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      fail(n < 0 ? std::strerror(errno) : "the disk takes no more");
    next += n, offset += uint64_t(n), size -= size_t(n);
  }
}

void SafetensorsWriter::writeBlock(const std::string &name, int64_t first, const void *data, int64_t count) {
  auto found = byName.find(name);
  if (found == byName.end() || file < 0)
    fail("tensor '" + name + "' was not declared, or the file not created");
  const TensorInfo &tensor = tensors[found->second];
  if (first < 0 || count < 0 || first > tensor.elements() - count)
    fail("tensor '" + name + "' has " + std::to_string(tensor.elements()) + " elements; " +
         std::to_string(count) + " at " + std::to_string(first) + " were given");
  size_t element = byteSize(tensor.dtype);
  writeAt(dataStart + tensor.begin + uint64_t(first) * element, data, size_t(count) * element);
}

void SafetensorsWriter::commit() {
  if (fsync(file) != 0)
    fail(std::strerror(errno));
  close(std::exchange(file, -1));
  if (rename(partial.c_str(), path.c_str()) != 0)
    fail(std::strerror(errno));
  owner = false;
  // The new name itself must outlive a power cut.
  size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  int directory = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    fsync(directory);
    close(directory);
  }
}

} // namespace rt

//===- SafetensorsReader.cpp - tensors out of a file ----------------------===//
#include "runtime/checkpoint/SafetensorsHeader.h"
#include "runtime/core/Error.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace rt {

namespace {

constexpr uint64_t kLargestHeader = 100'000'000; // bytes, the format's own limit

/// False where the file ends before `size` bytes; errno is 0 then.
bool readAll(int file, uint64_t offset, void *to, size_t size) {
  char *next = static_cast<char *>(to);
  while (size > 0) {
    ssize_t n = pread(file, next, size, off_t(offset));
    if (n < 0 && errno == EINTR)
      continue;
    if (n == 0)
      errno = 0;
    if (n <= 0)
      return false;
    next += n, offset += uint64_t(n), size -= size_t(n);
  }
  return true;
}

/// Closes the file if the constructor that opened it does not finish.
struct Opened {
  int file;
  ~Opened() {
    if (file >= 0)
      close(file);
  }
  int release() { return std::exchange(file, -1); }
};

} // namespace

void SafetensorsReader::fail(const std::string &what) const {
  throw Error("tensors '" + path + "': " + what);
}

SafetensorsReader::SafetensorsReader(std::string p) : path(std::move(p)) {
  Opened opened{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (opened.file < 0)
    fail(std::string("cannot be read: ") + std::strerror(errno));
  struct stat status{};
  fstat(opened.file, &status);
  if (!S_ISREG(status.st_mode))
    fail("is not a regular file");
  uint64_t size = uint64_t(status.st_size), headerSize = 0;
  if (size < 8)
    fail("has " + std::to_string(size) + " bytes, fewer than the 8 that every safetensors file starts with");
  if (!readAll(opened.file, 0, &headerSize, 8)) // little-endian, as x86 and Arm are
    fail(std::string("cannot be read: ") + std::strerror(errno));
  if (headerSize > kLargestHeader || headerSize > size - 8)
    fail("is damaged: its header would take " + std::to_string(headerSize) + " of " + std::to_string(size) +
         " bytes");
  std::string json(headerSize, '\0');
  if (!readAll(opened.file, 8, json.data(), json.size()))
    fail(std::string("cannot be read: ") + std::strerror(errno));
  dataStart = 8 + headerSize;
  try {
    SafetensorsHeader header = parseHeader(json, size - dataStart);
    infos = std::move(header.tensors);
    metadata = std::move(header.notes);
  } catch (const Error &error) {
    fail(std::string("is damaged: ") + error.what());
  }
  file = opened.release();
}

SafetensorsReader::~SafetensorsReader() {
  close(file);
}

const TensorInfo *SafetensorsReader::find(const std::string &name) const {
  for (const TensorInfo &tensor : infos)
    if (tensor.name == name)
      return &tensor;
  return nullptr;
}

void SafetensorsReader::readBlock(const TensorInfo &tensor, int64_t first, void *data, int64_t count) const {
  if (first < 0 || count < 0 || first > tensor.elements() - count)
    fail("tensor '" + tensor.name + "' has " + std::to_string(tensor.elements()) + " elements; " +
         std::to_string(count) + " from " + std::to_string(first) + " are wanted");
  size_t element = byteSize(tensor.dtype);
  if (!readAll(file, dataStart + tensor.begin + uint64_t(first) * element, data, size_t(count) * element))
    fail("tensor '" + tensor.name +
         "' cannot be read: " + (errno ? std::strerror(errno) : "the file became shorter"));
}

} // namespace rt

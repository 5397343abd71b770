//===- Safetensors.h - tensors in a file ----------------------------------===//
//
// The safetensors format: 8 bytes with the header's size (little-endian), a JSON header padded with spaces to
// a multiple of 8, then the tensors' bytes, row-major, without gaps.
//
// Writing goes to `PATH.partial`, whose space is reserved before the first byte is written, and is renamed at
// the end: whatever happens before (a full disk, a kill) leaves the old file as it was. Several processes may
// write blocks of one file: all declare the same tensors, one calls create(), after it the others attach(),
// and when all have written the first calls commit().
//
// What fails is one std::runtime_error that names the file.
//
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace rt {

enum class DType { F32, F64, I32, BF16 };
size_t byteSize(DType dtype);
const char *dtypeName(DType dtype); // as in the file: "F32", "F64", "I32", "BF16"

struct TensorInfo {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
  uint64_t begin = 0; // bytes from the start of the tensors' part
  uint64_t end = 0;

  int64_t elements() const;
};

class SafetensorsWriter {
public:
  explicit SafetensorsWriter(std::string path);
  SafetensorsWriter(const SafetensorsWriter &) = delete;
  SafetensorsWriter &operator=(const SafetensorsWriter &) = delete;
  ~SafetensorsWriter(); // what was created and not committed is removed

  void declare(const std::string &name, DType dtype, std::vector<int64_t> shape);
  void note(const std::string &key, const std::string &value); // goes to "__metadata__"

  void create();
  void attach();
  /// `count` elements of the declared dtype, to where element `first` (row-major) of the tensor lies.
  void writeBlock(const std::string &name, int64_t first, const void *data, int64_t count);
  void commit();

private:
  std::string header(); // places the tensors
  [[noreturn]] void fail(const std::string &what) const;
  void writeAt(uint64_t offset, const void *data, size_t size);

  std::string path, partial;
  std::vector<TensorInfo> tensors;
  std::map<std::string, size_t> byName;
  std::map<std::string, std::string> notes;
  uint64_t dataStart = 0, dataSize = 0;
  int file = -1;
  bool owner = false; // create() was called, commit() not yet
};

class SafetensorsReader {
public:
  /// Reads and checks the header: its size, its JSON, each tensor's dtype, shape and place; tensors fill the
  /// file without gaps or overlaps.
  explicit SafetensorsReader(std::string path);
  SafetensorsReader(const SafetensorsReader &) = delete;
  SafetensorsReader &operator=(const SafetensorsReader &) = delete;
  ~SafetensorsReader();

  const std::vector<TensorInfo> &tensors() const { return infos; } // in the order of the file's bytes
  const TensorInfo *find(const std::string &name) const;           // null: not there
  const std::map<std::string, std::string> &notes() const { return metadata; }

  void readBlock(const TensorInfo &tensor, int64_t first, void *data, int64_t count) const;

private:
  [[noreturn]] void fail(const std::string &what) const;

  std::string path;
  std::vector<TensorInfo> infos;
  std::map<std::string, std::string> metadata;
  uint64_t dataStart = 0;
  int file = -1;
};

} // namespace rt

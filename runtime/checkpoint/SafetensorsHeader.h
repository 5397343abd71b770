//===- SafetensorsHeader.h - the JSON in front of the tensors -------------===//
//
// Text to tensors and back, without files. Reading accepts what the format allows and no more, so that a
// damaged file is refused before a byte of its tensors is believed; a mistake is an Error that says what was
// found where, for the reader to put the file's name in front.
//
//===----------------------------------------------------------------------===//
#pragma once

#include "runtime/checkpoint/Safetensors.h"

#include <string_view>

namespace rt {

struct SafetensorsHeader {
  std::vector<TensorInfo> tensors; // in the order of their bytes
  std::map<std::string, std::string> notes;
};

/// dataSize: bytes of the file behind the header.
SafetensorsHeader parseHeader(std::string_view json, uint64_t dataSize);

/// Padded with spaces so that it and the 8 bytes in front of it are a multiple of 8.
std::string printHeader(const SafetensorsHeader &header);

} // namespace rt

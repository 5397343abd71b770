//===- FileNames.h - what a weight is called in files ---------------------===//
#pragma once

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"

#include <string>

namespace nn {

/// Where the file of ParameterAttr, or of a module, is a part, it comes after the prefix of what it belongs
/// to; with a leading `/` it is the whole name.
inline std::string fileNameOf(llvm::StringRef file, llvm::StringRef prefix) {
  return file.consume_front("/") ? file.str() : (prefix + file).str();
}

} // namespace nn

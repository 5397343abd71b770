//===- Bytes.h - numbers of bytes, as users read them ----------------------===//
#pragma once

#include <string>

namespace shardc {

/// 12582912 as `12.0 MiB`.
std::string bytesText(double bytes);

} // namespace shardc

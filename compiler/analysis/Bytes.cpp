//===- Bytes.cpp - numbers of bytes, as users read them --------------------===//

#include "compiler/analysis/Bytes.h"

#include <fmt/format.h>

std::string shardc::bytesText(double bytes) {
  const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  for (; bytes >= 1024 && unit < 4; ++unit)
    bytes /= 1024;
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, units[unit]);
}

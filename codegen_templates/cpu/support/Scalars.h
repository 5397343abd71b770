//===- Scalars.h - scalar functions that C++ and the runtime lack ----------===//
#pragma once

#include "runtime/kernels/Math.h"

namespace trainer {

/// The larger one, or NaN where one is NaN. Without branches, so that loops over it become vector code.
inline float maximum(float a, float b) {
  float larger = a > b ? a : b; // b where one is NaN
  return rt::select(a != a, a, larger);
}
inline float minimum(float a, float b) {
  float smaller = a < b ? a : b;
  return rt::select(a != a, a, smaller);
}
inline double maximum(double a, double b) {
  return a > b || a != a ? a : b;
}
inline double minimum(double a, double b) {
  return a < b || a != a ? a : b;
}

/// Rounded down, also where one is negative.
template <class Integer> Integer floorDivide(Integer a, Integer b) {
  Integer quotient = a / b;
  return quotient - (a % b != 0 && (a < 0) != (b < 0));
}

} // namespace trainer

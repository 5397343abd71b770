//===- Cost.h - what work costs, roughly ------------------------------------===//
//
// Counted in floating-point operations, so that work of all kinds can be added up: to balance the stages of a
// pipeline, and to rehearse them. An op takes as long as the longer of its arithmetic and of moving its
// bytes.
//
//===----------------------------------------------------------------------===//
#pragma once

namespace nn {

/// What machines compute while they move a byte: cores some 10, accelerators in f32 some 20.
inline constexpr double flopsPerByte = 8;

} // namespace nn

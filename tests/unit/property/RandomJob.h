//===- RandomJob.h - jobs drawn at random, in the language of jobs --------===//
#pragma once

#include <cstdint>
#include <string>

namespace shardc::interpreter::test {

/// A whole job file with an inline model and plan; the same for the same seed. Most can be placed; about one
/// in eight asks for something that does not divide.
std::string randomJob(uint64_t seed);

} // namespace shardc::interpreter::test

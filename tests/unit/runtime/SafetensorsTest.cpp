//===- SafetensorsTest.cpp - tensors to a file and back -------------------===//
#include "runtime/checkpoint/SafetensorsHeader.h"
#include "runtime/core/Error.h"
#include "runtime/kernels/Philox.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sys/resource.h>

using namespace rt;

namespace {

class Safetensors : public testing::Test {
protected:
  std::filesystem::path folder;
  std::string path;
  void SetUp() override {
    folder = std::filesystem::path(testing::TempDir()) /
             ("tensors-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::create_directories(folder);
    path = folder / "model.safetensors";
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  void writeBytes(const std::string &bytes) const { std::ofstream(path, std::ios::binary) << bytes; }
  std::string readBytes() const {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

std::vector<float> sequence(size_t n, float first) {
  std::vector<float> result(n);
  std::iota(result.begin(), result.end(), first);
  return result;
}

std::string fileOf(const std::string &json, size_t dataBytes) {
  uint64_t size = json.size();
  return std::string(reinterpret_cast<const char *>(&size), 8) + json + std::string(dataBytes, '\1');
}

template <class F> std::string errorOf(F action, const std::string &hidden = "") {
  try {
    action();
  } catch (const Error &error) {
    std::string text = error.what();
    for (size_t at; !hidden.empty() && (at = text.find(hidden)) != std::string::npos;)
      text.erase(at, hidden.size() + 1);
    return text;
  }
  return "no error";
}

TEST_F(Safetensors, WhatIsWrittenIsRead) {
  std::vector<float> weight = sequence(6, 1);
  std::vector<uint16_t> half = {1, 2, 3};
  std::vector<double> moment = {0.5};
  std::vector<int32_t> steps = {7, -8};
  {
    SafetensorsWriter writer(path);
    writer.note("made by", "a \"test\"\n");
    writer.declare("half", DType::BF16, {3});
    writer.declare("a.weight", DType::F32, {2, 3});
    writer.declare("moment", DType::F64, {});
    writer.declare("steps", DType::I32, {2});
    writer.declare("nothing", DType::F32, {0, 4});
    writer.create();
    writer.writeBlock("a.weight", 4, weight.data() + 4, 2); // in any order, in parts
    writer.writeBlock("steps", 0, steps.data(), 2);
    writer.writeBlock("a.weight", 0, weight.data(), 4);
    writer.writeBlock("moment", 0, moment.data(), 1);
    writer.writeBlock("half", 0, half.data(), 3);
    EXPECT_FALSE(std::filesystem::exists(path));
    writer.commit();
  }
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));

  SafetensorsReader reader(path);
  EXPECT_EQ(reader.notes().at("made by"), "a \"test\"\n");
  ASSERT_EQ(reader.tensors().size(), 5u);
  for (const TensorInfo &tensor : reader.tensors())
    EXPECT_EQ(tensor.begin % byteSize(tensor.dtype), 0u) << tensor.name;
  EXPECT_EQ(reader.find("b.weight"), nullptr);
  const TensorInfo *tensor = reader.find("a.weight");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->shape, (std::vector<int64_t>{2, 3}));
  std::vector<float> back(6);
  reader.readBlock(*tensor, 0, back.data(), 6);
  EXPECT_EQ(back, weight);
  reader.readBlock(*tensor, 3, back.data(), 2);
  EXPECT_EQ(back[1], 5.0f);
  std::vector<uint16_t> halfBack(3);
  reader.readBlock(*reader.find("half"), 0, halfBack.data(), 3);
  EXPECT_EQ(halfBack, half);
  EXPECT_NE(errorOf([&] { reader.readBlock(*tensor, 5, back.data(), 2); }), "no error");

  std::string bytes = readBytes();
  uint64_t header;
  std::memcpy(&header, bytes.data(), 8);
  EXPECT_EQ(header % 8, 0u);
}

TEST_F(Safetensors, SeveralWritersOfOneFile) {
  auto declareAll = [](SafetensorsWriter &writer) {
    writer.declare("w", DType::F32, {4, 2});
    writer.declare("b", DType::F64, {2});
  };
  SafetensorsWriter first(path), second(path);
  declareAll(first), declareAll(second);
  first.create();
  second.attach();
  std::vector<float> w = sequence(8, 0);
  std::vector<double> b = {1, 2};
  first.writeBlock("w", 0, w.data(), 4);
  second.writeBlock("w", 4, w.data() + 4, 4);
  second.writeBlock("b", 0, b.data(), 2);
  first.commit();
  SafetensorsReader reader(path);
  std::vector<float> back(8);
  reader.readBlock(*reader.find("w"), 0, back.data(), 8);
  EXPECT_EQ(back, w);
}

TEST_F(Safetensors, AFailureLeavesTheOldFile) {
  writeBytes("the old file");
  {
    SafetensorsWriter writer(path);
    writer.declare("w", DType::F32, {4});
    writer.create(); // and then the run ends
  }
  EXPECT_EQ(readBytes(), "the old file");
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));

  // A disk that is full: no file may grow beyond 1 MiB.
  rlimit before, small;
  getrlimit(RLIMIT_FSIZE, &before);
  small = before;
  small.rlim_cur = 1 << 20;
  std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  std::string error = errorOf(
      [&] {
        SafetensorsWriter writer(path);
        writer.declare("w", DType::F32, {1 << 20});
        writer.create();
      },
      folder);
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(error,
            "tensors 'model.safetensors' cannot be written: File too large (4194384 bytes are needed)");
  EXPECT_EQ(readBytes(), "the old file");
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
}

TEST_F(Safetensors, FoldersThatAreNone) {
  writeBytes("a file");
  SafetensorsWriter inside(path + "/model.safetensors"), missing(folder / "none" / "x");
  EXPECT_EQ(errorOf([&] { inside.create(); }, folder),
            "tensors 'model.safetensors/model.safetensors' cannot be written: Not a directory");
  EXPECT_EQ(errorOf([&] { missing.create(); }, folder),
            "tensors 'none/x' cannot be written: No such file or directory");
}

TEST_F(Safetensors, DamagedFilesSayWhere) {
  auto damage = [&](const std::string &bytes) {
    writeBytes(bytes);
    std::string error = errorOf([&] { SafetensorsReader reader(path); }, folder);
    std::string front = "tensors 'model.safetensors': ";
    EXPECT_EQ(error.substr(0, front.size()), front);
    return error.substr(std::min(front.size(), error.size()));
  };
  auto header = [&](const std::string &json, size_t dataBytes) {
    std::string error = damage(fileOf(json, dataBytes));
    EXPECT_EQ(error.substr(0, 12), "is damaged: ");
    return error.substr(std::min<size_t>(12, error.size()));
  };
  EXPECT_EQ(damage("abc"), "has 3 bytes, fewer than the 8 that every safetensors file starts with");
  EXPECT_EQ(damage(std::string("\xFF\0\0\0\0\0\0\0{}", 10)),
            "is damaged: its header would take 255 of 10 bytes");
  EXPECT_EQ(header("[]", 0), "header byte 0: expected '{'");
  EXPECT_EQ(header("{}x", 0), "header byte 2: text after the last '}'");
  EXPECT_EQ(header("{}", 3), "tensors end at byte 0, the file at 3");
  EXPECT_EQ(header("{\"a", 0), "header byte 3: text without an end");
  EXPECT_EQ(header("{\"a\":3}", 0), "header byte 5: expected '{'");
  EXPECT_EQ(header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4), "tensor 'a' has no data_offsets");
  EXPECT_EQ(header("{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}}", 2),
            "tensor 'a' has dtype 'F16'\nnote: dtypes that are read: F32, F64, I32, BF16");
  EXPECT_EQ(header("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4),
            "tensor 'a' has a shape that is larger than the file");
  EXPECT_EQ(header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8),
            "tensor 'a' takes 4 bytes by its shape and 8 by its offsets");
  EXPECT_EQ(header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 4),
            "tensor 'a' has bytes 0 to 8 of 4");
  EXPECT_EQ(header("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4),
            "header byte 29: expected a whole number that is not negative");
  EXPECT_EQ(header("{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}", 4),
            "header byte 47: number too large");
  EXPECT_EQ(header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                   "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                   4),
            "tensor 'b' overlaps another one at byte 0");
  EXPECT_EQ(header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8),
            "tensor 'a' has a gap before it at byte 0");
  EXPECT_EQ(header("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}}", 4),
            "tensor 'a' has a shape that is larger than the file");
  EXPECT_EQ(header("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 4),
            "header byte 27: 'dtype' is there twice");
  EXPECT_EQ(header("{\"\\ud800\":{}}", 0), "header byte 8: half of a surrogate pair");
}

TEST(SafetensorsHeader, EscapesOfEveryKind) {
  SafetensorsHeader header =
      parseHeader("{\"__metadata__\":{\"k\\u0065y\":\"\\n\\/\\\\\\\"\\u20ac\\ud83d\\ude00\"}}", 0);
  EXPECT_EQ(header.notes.at("key"), "\n/\\\"\xE2\x82\xAC\xF0\x9F\x98\x80");
}

/// 30,000 damaged headers, the same each run: every one is read as a consistent header or refused by an
/// Error.
TEST(SafetensorsHeader, SurvivesMutations) {
  const SafetensorsHeader whole = {{{"a.weight", DType::F32, {2, 3}, 0, 24}, {"b", DType::BF16, {5}, 24, 34}},
                                   {{"format", "pt"}}};
  const std::string json = printHeader(whole);
  const std::string pieces[] = {"{",         "}",         "[",          "]",
                                ",",         ":",         "\"",         "\\u",
                                "\\",        "0",         "9999999999", "18446744073709551615",
                                "\"shape\"", "\"dtype\"", "-",          ".",
                                "e",         "null",      " ",          std::string(1, '\0')};
  int accepted = 0;
  for (uint64_t round = 0; round < 30000; ++round) {
    uint64_t draws = 0;
    auto below = [&](size_t n) { return size_t(double(uniform(1, {}, 0, round, draws++)) * double(n)); };
    std::string text = json;
    for (size_t edits = 1 + below(3); edits > 0; --edits) {
      size_t at = below(text.size() + 1);
      switch (below(5)) {
      case 0:
        text = text.substr(0, at);
        break;
      case 1:
        text.insert(at, pieces[below(std::size(pieces))]);
        break;
      case 2:
        text.erase(at, 1 + below(8));
        break;
      case 3:
        if (at < text.size())
          text[at] = char(below(256));
        break;
      default:
        text.insert(at, text.substr(below(text.size() + 1), below(40)));
      }
    }
    try {
      SafetensorsHeader header = parseHeader(text, 34);
      uint64_t next = 0;
      for (const TensorInfo &tensor : header.tensors) {
        ASSERT_EQ(tensor.begin, next);
        ASSERT_EQ(tensor.end - tensor.begin, uint64_t(tensor.elements()) * byteSize(tensor.dtype));
        next = tensor.end;
      }
      ASSERT_EQ(next, 34u);
      ++accepted;
    } catch (const Error &) {
    }
  }
  EXPECT_GT(accepted, 0); // some edits touch only names
  EXPECT_LT(accepted, 15000);
}

} // namespace

//===- RunTest.cpp - packages, built and run, against the interpreter ------===//
//
// A program's package is built with a main() of the test's own that leaves the arenas in files. What the
// globals hold there, in f32, must be what the interpreter of exec programs has, in f64.
//
//===----------------------------------------------------------------------===//

#include "compiler/codegen/Package.h"
#include "compiler/interpreter/exec/ExecInterpreter.h"
#include "compiler/transforms/exec/Passes.h"
#include "dialects/pipe/Pipe.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include <cmath>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <map>

using namespace mlir;
using namespace shardc;
namespace fs = std::filesystem;

namespace {

constexpr uint64_t seed = 42;

/// How large the error of a global may be: `chain` roundings one after the other, of sums of `terms` numbers
/// of size 1.
struct Sum {
  double chain, terms;
};

/// Largest allowed error. Each rounding is at most 2^-24 of a partial sum, which is at most the sum of the
/// terms' sizes.
double boundOf(Sum sum, double largest) {
  return std::ldexp((sum.chain + 16) * std::max({1.0, sum.terms, largest}), -24);
}

class Built {
public:
  /// Parses, plans memory, writes the package of `name`.mlir and builds it.
  explicit Built(const std::string &name) : folder(fs::path(BINARY_DIR) / ("package-" + name)) {
    module = read(context, name);
    if (!module)
      return;
    codegen::Recipe recipe{.name = name, .seed = seed};
    ok = planMemory() && succeeded(codegen::writePackage(*module, recipe, folder)) && build();
  }

  static OwningOpRef<ModuleOp> read(MLIRContext &context, const std::string &name) {
    context.loadDialect<exec::ExecDialect, nn::NnDialect, pipes::PipeDialect>();
    return parseSourceFile<ModuleOp>(std::string(SOURCE_DIR) + "/" + name + ".mlir", &context);
  }

  /// Of each stage, where there are some.
  bool planMemory() {
    return llvm::all_of(pipes::stagesOf(*module), [&](ModuleOp program) {
      PassManager passes(&context);
      passes.addPass(exec::createPlanMemory());
      return succeeded(passes.run(program));
    });
  }

  bool build() {
    fs::copy_file(std::string(SOURCE_DIR) + "/Harness.cpp", folder / "main.cpp",
                  fs::copy_options::overwrite_existing);
    std::string build = (folder / "build").string();
    return command("cmake -G Ninja -S " + folder.string() + " -B " + build +
                   " -DCMAKE_CXX_COMPILER=g++ -DCMAKE_CXX_FLAGS='-Wall -Werror -Wno-unused-parameter' " +
                   "-DSHARDC_RUNTIME_LIBRARY=" RUNTIME_LIBRARY) &&
           command("cmake --build " + build + " -j2");
  }

  bool run(int ranks, int threads) {
    return command("OMP_NUM_THREADS=" + std::to_string(threads) +
                   " timeout 60 mpirun --allow-run-as-root --oversubscribe --bind-to none -n " +
                   std::to_string(ranks) + " " + (folder / "build/trainer").string() + " " + folder.string());
  }

  static bool command(const std::string &text) {
    int code = std::system((text + " > '" BINARY_DIR "/log' 2>&1").c_str());
    if (code != 0) {
      std::ifstream log(BINARY_DIR "/log");
      ADD_FAILURE() << text << "\n" << std::string(std::istreambuf_iterator<char>(log), {});
    }
    return code == 0;
  }

  std::vector<char> arena(int rank) {
    std::ifstream in(folder / ("rank-" + std::to_string(rank) + ".arena"), std::ios::binary);
    return std::vector<char>(std::istreambuf_iterator<char>(in), {});
  }

  MLIRContext context;
  fs::path folder;
  OwningOpRef<ModuleOp> module;
  bool ok = false;
};

/// Compares a buffer of the arena, `path` being its global and fields.
void compare(interpreter::ExecInterpreter &expected, const std::vector<char> &arena, const std::string &path,
             Type type, int64_t offset, int rank, Sum sum) {
  if (auto bundle = dyn_cast<exec::StructType>(type)) {
    for (auto [field, inner, at] :
         llvm::zip(bundle.getFields(), bundle.getTypes(), exec::fieldOffsets(bundle)))
      compare(expected, arena, path + "." + field.str(), inner, offset + at, rank, sum);
    return;
  }
  auto buffer = cast<exec::BufferType>(type);
  auto image = expected.elements(path, rank);
  ASSERT_TRUE(succeeded(image)) << path;
  double largest = 0;
  for (double value : *image)
    largest = std::isnan(value) ? largest : std::max(largest, std::fabs(value));
  double bound = boundOf(sum, largest);
  int64_t wrong = 0;
  for (int64_t i = 0; i < static_cast<int64_t>(image->size()); ++i) {
    float number;
    int32_t whole;
    const char *at = arena.data() + offset + i * buffer.getElementBytes();
    std::memcpy(&number, at, 4), std::memcpy(&whole, at, 4);
    double got = buffer.getElementType().isF32() ? number : whole;
    if (!std::isnan((*image)[i]) && !(std::fabs(got - (*image)[i]) <= bound) && wrong++ < 3)
      ADD_FAILURE() << path << "[" << i << "] on rank " << rank << " is " << got << ", not " << (*image)[i]
                    << " +- " << bound;
  }
  EXPECT_EQ(wrong, 0) << "elements of " << path;
}

void runAndCompare(const std::string &name, int ranks, const std::map<std::string, Sum> &sums) {
  Built built(name);
  ASSERT_TRUE(built.ok);
  ASSERT_TRUE(built.run(ranks, 2));
  interpreter::ExecInterpreter expected(*built.module, seed);
  expected.setInputs([](llvm::StringRef, int64_t, int64_t) { return 0.0; });
  ASSERT_TRUE(succeeded(expected.run("init")));
  ASSERT_TRUE(succeeded(expected.run("step", 0)));
  std::vector<std::vector<char>> arenas;
  for (int rank = 0; rank < ranks; ++rank) {
    std::vector<char> arena = arenas.emplace_back(built.arena(rank));
    for (auto global : built.module->getOps<exec::GlobalOp>())
      if (global.getKind() == "out" || global.getKind() == "in") {
        auto found = sums.find(global.getSymName().str());
        compare(expected, arena, global.getSymName().str(), global.getType(), *global.getOffset(), rank,
                found == sums.end() ? Sum{0, 0} : found->second);
      }
  }

  // The same bytes with another number of threads, apart from what lies between buffers.
  ASSERT_TRUE(built.run(ranks, 1));
  for (int rank = 0; rank < ranks; ++rank)
    for (auto global : built.module->getOps<exec::GlobalOp>()) {
      auto buffer = dyn_cast<exec::BufferType>(global.getType());
      if (!buffer || buffer.getNumElements() != buffer.getExtent())
        continue;
      EXPECT_EQ(std::memcmp(built.arena(rank).data() + *global.getOffset(),
                            arenas[rank].data() + *global.getOffset(),
                            buffer.getExtent() * buffer.getElementBytes()),
                0)
          << global.getSymName().str() << " depends on the number of threads";
    }
}

TEST(Run, everyOpOnOneRank) {
  // Chains: a row of 200 in one register, blocks of 1024, columns of 64 rows and the blocks' sums.
  runAndCompare("ops", 1,
                {{"sums", {200, 200}},
                 {"scaled", {200, 200}},
                 {"nested", {200, 200}},
                 {"columns", {66, 96}},
                 {"total", {1024, 19200}},
                 {"kept_sum", {66, 70}},
                 {"long_sum", {1024, 5000}},
                 {"whole_sum", {4, 18000}},
                 {"product", {80, 80}},
                 {"batched", {40, 40}},
                 {"d_table", {38, 38 * 4}},
                 {"d_table_twice", {76, 76 * 4}},
                 {"o", {40, 40}},
                 {"lse", {40, 40}},
                 {"d_q", {200, 200}},
                 {"d_k", {200, 200}},
                 {"d_v", {200, 200}}});
}

TEST(Run, collectivesOnTwoRanks) {
  runAndCompare("ranks", 2, {});
}

/// Stages leave what one program does, on the ranks that have it.
TEST(Run, stagesMeetInMessages) {
  Built built("stages");
  ASSERT_TRUE(built.ok);
  ASSERT_TRUE(built.run(4, 1));
  OwningOpRef<ModuleOp> whole = Built::read(built.context, "whole");
  ASSERT_TRUE(whole);
  interpreter::ExecInterpreter expected(*whole, seed);
  expected.setInputs([](llvm::StringRef, int64_t, int64_t) { return 0.0; });
  ASSERT_TRUE(succeeded(expected.run("init")));
  ASSERT_TRUE(succeeded(expected.run("step", 0)));
  for (auto [stage, program] : llvm::enumerate(pipes::stagesOf(*built.module)))
    for (auto global : program.getOps<exec::GlobalOp>())
      for (int rank : {0, 1})
        if (global.getKind() == "out")
          compare(expected, built.arena(2 * static_cast<int>(stage) + rank), global.getSymName().str(),
                  global.getType(), *global.getOffset(), rank, {});
}

TEST(Package, isTheSameTwice) {
  MLIRContext context;
  context.loadDialect<exec::ExecDialect, nn::NnDialect>();
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(EXAMPLE, &context);
  ASSERT_TRUE(module);
  fs::path first = fs::path(BINARY_DIR) / "same-1", second = fs::path(BINARY_DIR) / "same-2";
  ASSERT_TRUE(succeeded(codegen::writePackage(*module, codegen::Recipe{.name = "same"}, first)));
  ASSERT_TRUE(succeeded(codegen::writePackage(*module, codegen::Recipe{.name = "same"}, second)));
  // What an older package left is removed.
  std::ofstream(second / "modules/old.cpp") << "#error old\n";
  ASSERT_TRUE(succeeded(codegen::writePackage(*module, codegen::Recipe{.name = "same"}, second)));
  EXPECT_TRUE(Built::command("diff -r " + first.string() + " " + second.string()));
}

TEST(Package, saysWhyItCannotBeWritten) {
  MLIRContext context;
  context.loadDialect<exec::ExecDialect, nn::NnDialect>();
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) { message = diagnostic.str(); });
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(EXAMPLE, &context);
  EXPECT_TRUE(failed(codegen::writePackage(*module, codegen::Recipe{}, "/dev/null/package")));
  EXPECT_NE(message.find("'/dev/null/package"), std::string::npos) << message;
  EXPECT_NE(message.find("cannot be written: Not a directory"), std::string::npos) << message;
  OwningOpRef<ModuleOp> empty = ModuleOp::create(UnknownLoc::get(&context));
  EXPECT_TRUE(failed(codegen::writePackage(*empty, codegen::Recipe{}, fs::path(BINARY_DIR) / "empty")));
  EXPECT_EQ(message, "the program has no entry @init");
}

} // namespace

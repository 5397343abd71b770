//===- GradientTest.cpp - every gradient against finite differences -------===//
//
// Each case is a function @f of a few ops. A reverse sweep over its ops with buildGradients makes @gradient,
// which is compared, argument by argument, with central differences of @f along random directions:
//
//   (L(x + h u) - L(x - h u)) / 2h  =  gradient . u       with L = sum of r * f(x), r random
//
// The difference quotient errs by h^2 |f'''| + 1e-16 / h, both near 1e-10 at h = 1e-5; constants in regions
// are f32. The bar is 1e-6 relative to |gradient| |u|.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/interpreter/Support.h"

#include <cmath>

using namespace mlir;
using namespace shardc::interpreter;
using namespace shardc::interpreter::test;

namespace {

struct Case {
  std::string name, text;
};
std::ostream &operator<<(std::ostream &stream, const Case &each) {
  return stream << each.name;
}

bool isFloat(Type type) {
  auto tensor = dyn_cast<nn::NamedTensorType>(type);
  return tensor && isa<FloatType>(tensor.getElementType());
}

/// Adds two gradients of one value.
Value sum(OpBuilder &builder, Value a, Value b) {
  if (!a || !b)
    return a ? a : b;
  auto add = [](OpBuilder &body, Location loc, ValueRange in) -> SmallVector<Value> {
    return {body.create<arith::AddFOp>(loc, in[0], in[1])};
  };
  return builder.create<nn::MapOp>(a.getLoc(), TypeRange(a.getType()), ValueRange{a, b}, add).getResult(0);
}

/// @gradient(arguments of f, gradients of its results) -> gradients of its float arguments.
void buildGradientFunction(nn::FuncOp f) {
  OpBuilder builder(f);
  SmallVector<Type> inputs(f.getArgumentTypes()), outputs;
  llvm::append_range(inputs, f.getResultTypes());
  llvm::copy_if(f.getArgumentTypes(), std::back_inserter(outputs), isFloat);
  auto gradient =
      builder.create<nn::FuncOp>(f.getLoc(), "gradient", builder.getFunctionType(inputs, outputs));
  Block &block = gradient.getBody().front();
  builder.setInsertionPointToStart(&block);
  IRMapping mapping;
  mapping.map(f.getBody().getArguments(), block.getArguments().take_front(f.getNumArguments()));
  SmallVector<Operation *> ops;
  for (Operation &op : f.getBody().front().without_terminator())
    ops.push_back(builder.clone(op, mapping));
  llvm::DenseMap<Value, Value> gradients;
  for (auto [value, given] :
       llvm::zip(f.getReturn().getOperands(), block.getArguments().drop_front(f.getNumArguments())))
    gradients[mapping.lookup(value)] = given;
  for (Operation *op : llvm::reverse(ops)) {
    SmallVector<Value> resultGradients, operandGradients(op->getNumOperands());
    for (Value result : op->getResults())
      resultGradients.push_back(gradients.lookup(result));
    SmallVector<bool> needed = llvm::map_to_vector(op->getOperandTypes(), isFloat);
    auto differentiable = dyn_cast<nn::DifferentiableOpInterface>(op);
    if (!differentiable || llvm::none_of(resultGradients, [](Value value) { return bool(value); }))
      continue;
    ASSERT_TRUE(succeeded(differentiable.buildGradients(builder, op->getOperands(), op->getResults(),
                                                        resultGradients, needed, operandGradients)));
    for (auto [operand, flowing] : llvm::zip(op->getOperands(), operandGradients))
      if (flowing) {
        ASSERT_EQ(flowing.getType(), operand.getType());
        gradients[operand] = sum(builder, gradients.lookup(operand), flowing);
      }
  }
  SmallVector<Value> returned;
  for (BlockArgument argument : block.getArguments().take_front(f.getNumArguments()))
    if (isFloat(argument.getType())) {
      Value value = gradients.lookup(argument);
      ASSERT_TRUE(value) << "no gradient reaches argument " << argument.getArgNumber();
      returned.push_back(value);
    }
  builder.create<nn::ReturnOp>(f.getLoc(), returned);
}

double dot(const std::vector<double> &a, const std::vector<double> &b) {
  double sum = 0;
  for (auto [x, y] : llvm::zip_equal(a, b))
    sum += x * y;
  return sum;
}

struct Gradients : testing::TestWithParam<Case> {};

TEST_P(Gradients, matchFiniteDifferences) {
  Program program(GetParam().text);
  nn::FuncOp f = program.function("f");
  buildGradientFunction(f);
  ASSERT_TRUE(succeeded(program.module().verify())) << program.errors;

  Data arguments, seeds;
  for (auto [index, type] : llvm::enumerate(f.getArgumentTypes()))
    arguments.push_back(randomDatum(type, 10 + index));
  for (auto [index, type] : llvm::enumerate(f.getResultTypes()))
    seeds.push_back(isFloat(type) ? randomDatum(type, 50 + index) : Datum());
  auto loss = [&](const Data &at) {
    double total = 0;
    for (auto [result, seed] : llvm::zip(runOnOne(program, "f", at), seeds))
      total += dot(valuesOf(result), valuesOf(seed));
    return total;
  };
  Data withSeeds = arguments;
  llvm::append_range(withSeeds, seeds);
  Data gradients = runOnOne(program, "gradient", withSeeds);

  const double h = 1e-5;
  unsigned next = 0;
  for (auto [index, type] : llvm::enumerate(f.getArgumentTypes())) {
    if (!isFloat(type))
      continue;
    const std::vector<double> &gradient = valuesOf(gradients[next++]), &at = valuesOf(arguments[index]);
    for (uint64_t direction = 0; direction < 3; ++direction) {
      const std::vector<double> u = valuesOf(randomDatum(type, 100 + direction));
      auto moved = [&](double step) {
        std::vector<double> values = at;
        for (auto [value, along] : llvm::zip(values, u))
          value += step * along;
        Data shifted = arguments;
        shifted[index] = tensor(type, values);
        return loss(shifted);
      };
      double difference = (moved(h) - moved(-h)) / (2 * h),
             scale = std::sqrt(dot(gradient, gradient) * dot(u, u));
      EXPECT_NEAR(dot(gradient, u), difference, 1e-6 * scale) << "argument " << index;
      EXPECT_GT(scale, 0);
    }
  }
}

/// A map of x and y by a scalar body that defines %0 from %a and %b.
Case scalar(const std::string &name, const std::string &body) {
  return {name, R"(
    nn.func @f(%x: !nn.tensor<f32[n=7]>, %y: !nn.tensor<f32[n=7]>) -> !nn.tensor<f32[n=7]> {
      %z = nn.map (%a = %x : <f32[n=7]>, %b = %y : <f32[n=7]>) -> <f32[n=7]> {
        %one = arith.constant 1.0 : f32
        %two = arith.constant 2.0 : f32
        %pa = arith.addf %a, %two : f32 // in [1, 3)
        %pb = arith.addf %b, %two : f32
        )" + body + R"(
        %used = arith.mulf %a, %b : f32
        %out = arith.addf %0, %used : f32
        nn.yield %out : f32
      }
      nn.return %z : !nn.tensor<f32[n=7]>
    })"};
}

std::vector<Case> scalarCases() {
  return {scalar("addf", "%0 = arith.addf %a, %b : f32"),
          scalar("subf", "%0 = arith.subf %a, %b : f32"),
          scalar("mulf", "%0 = arith.mulf %a, %pb : f32"),
          scalar("divf", "%0 = arith.divf %a, %pb : f32"),
          scalar("negf", "%0 = arith.negf %a : f32"),
          scalar("maximumf", "%0 = arith.maximumf %a, %b : f32"),
          scalar("minimumf", "%0 = arith.minimumf %a, %b : f32"),
          scalar("select", "%c = arith.cmpf ogt, %a, %b : f32\n%m = arith.mulf %a, %a : f32\n"
                           "%0 = arith.select %c, %m, %b : f32"),
          scalar("exp", "%0 = math.exp %a : f32"),
          scalar("log", "%0 = math.log %pa : f32"),
          scalar("sqrt", "%0 = math.sqrt %pa : f32"),
          scalar("rsqrt", "%0 = math.rsqrt %pa : f32"),
          scalar("tanh", "%0 = math.tanh %a : f32"),
          scalar("erf", "%0 = math.erf %a : f32"),
          scalar("sin", "%0 = math.sin %a : f32"),
          scalar("cos", "%0 = math.cos %a : f32"),
          scalar("absf", "%0 = math.absf %a : f32"),
          scalar("powf", "%0 = math.powf %pa, %pb : f32"),
          scalar("square", "%0 = math.powf %pa, %two : f32"),
          scalar("sigmoid",
                 "%m = arith.negf %a : f32\n%e = math.exp %m : f32\n%d = arith.addf %one, %e : f32\n"
                 "%0 = arith.divf %one, %d : f32")};
}

/// Attention on odd sizes; `extra` are further attributes, `group` further axes of the query.
Case attention(const std::string &name, const std::string &extra, const std::string &group = "",
               bool random = false) {
  std::string q = "!nn.tensor<f32[batch=2, seq=5, kv=3" + group + ", d=4]>",
              out = "!nn.tensor<f32[batch=2, seq=5, kv=3" + group + ", e=3]>";
  std::string k = "!nn.tensor<f32[batch=2, key=5, kv=3, d=4]>",
              v = "!nn.tensor<f32[key=5, batch=2, kv=3, e=3]>";
  std::string lse = "!nn.tensor<f32[batch=2, seq=5, kv=3" + group + "]>";
  return {name, "nn.func @f(%q: " + q + ", %k: " + k + ", %v: " + v + (random ? ", %r: !nn.key" : "") +
                    ") -> " + out + " {\n%y, %lse = nn.attention %q, %k, %v " + (random ? "random %r " : "") +
                    "over [d] query seq key key {scale = 0.7 : f64" + extra + "} : " + q + ", " + k + ", " +
                    v + " -> " + out + ", " + lse + "\nnn.return %y : " + out + "\n}"};
}

std::vector<Case> attentionCases() {
  return {attention("attentionFull", ""),
          attention("attentionCausal", ", causal = true"),
          attention("attentionGrouped", ", causal = true", ", group=2"),
          attention("attentionWindow", ", causal = true, window = 2 : i64"),
          attention("attentionChunk", ", causal = true, chunk = 3 : i64", ", group=2"),
          attention("attentionSoftCap", ", causal = true, soft_cap = 0.5 : f64"),
          attention("attentionDropout", ", causal = true, dropout = 0.3 : f64, site = 2 : i32", ", group=2",
                    true)};
}

std::vector<Case> opCases() {
  return {{"contractBroadcast", R"(
    nn.func @f(%x: !nn.tensor<f32[batch=2, seq=3, embed=5]>, %w: !nn.tensor<f32[mlp=7, embed=5]>) -> !nn.tensor<f32[batch=2, mlp=7, seq=3]> {
      %y = nn.contract %x, %w over [embed] : !nn.tensor<f32[batch=2, seq=3, embed=5]>, !nn.tensor<f32[mlp=7, embed=5]> -> !nn.tensor<f32[batch=2, mlp=7, seq=3]>
      nn.return %y : !nn.tensor<f32[batch=2, mlp=7, seq=3]>
    })"},
          {"contractBatched", R"(
    nn.func @f(%x: !nn.tensor<f32[b=2, m=3, k=5, l=2]>, %w: !nn.tensor<f32[l=2, k=5, b=2]>) -> !nn.tensor<f32[m=3, b=2]> {
      %y = nn.contract %x, %w over [k, l] : !nn.tensor<f32[b=2, m=3, k=5, l=2]>, !nn.tensor<f32[l=2, k=5, b=2]> -> !nn.tensor<f32[m=3, b=2]>
      nn.return %y : !nn.tensor<f32[m=3, b=2]>
    })"},
          {"contractOuter", R"(
    nn.func @f(%x: !nn.tensor<f32[m=3]>, %w: !nn.tensor<f32[n=4]>) -> !nn.tensor<f32[n=4, m=3]> {
      %y = nn.contract %x, %w over [] : !nn.tensor<f32[m=3]>, !nn.tensor<f32[n=4]> -> !nn.tensor<f32[n=4, m=3]>
      nn.return %y : !nn.tensor<f32[n=4, m=3]>
    })"},
          {"mapBroadcastSeveralResults", R"(
    nn.func @f(%x: !nn.tensor<f32[s=3, n=5]>, %w: !nn.tensor<f32[n=5]>, %c: !nn.tensor<f32[]>) -> (!nn.tensor<f32[n=5, s=3]>, !nn.tensor<f32[n=5, s=3]>) {
      %y, %z = nn.map (%a = %x : <f32[s=3, n=5]>, %b = %w : <f32[n=5]>, %d = %c : <f32[]>) -> <f32[n=5, s=3]>, <f32[n=5, s=3]> {
        %0 = arith.mulf %a, %b : f32
        %1 = arith.mulf %0, %d : f32
        %2 = math.tanh %1 : f32
        nn.yield %0, %2 : f32, f32
      }
      nn.return %y, %z : !nn.tensor<f32[n=5, s=3]>, !nn.tensor<f32[n=5, s=3]>
    })"},
          {"mapWithIntegers", R"(
    nn.func @f(%x: !nn.tensor<f32[s=3, n=5]>, %i: !nn.tensor<i32[n=5]>) -> !nn.tensor<f32[s=3, n=5]> {
      %y = nn.map (%a = %x : <f32[s=3, n=5]>, %j = %i : <i32[n=5]>) -> <f32[s=3, n=5]> {
        %two = arith.constant 2 : i32
        %is = arith.cmpi slt, %j, %two : i32
        %f = arith.sitofp %j : i32 to f32
        %0 = arith.mulf %a, %f : f32
        %1 = arith.select %is, %0, %a : f32
        nn.yield %1 : f32
      }
      nn.return %y : !nn.tensor<f32[s=3, n=5]>
    })"},
          {"reduceSum", R"(
    nn.func @f(%x: !nn.tensor<f32[a=3, b=5, c=2]>) -> !nn.tensor<f32[c=2]> {
      %y = nn.reduce sum %x over [b, a] : !nn.tensor<f32[a=3, b=5, c=2]> -> !nn.tensor<f32[c=2]>
      nn.return %y : !nn.tensor<f32[c=2]>
    })"},
          {"reduceMax", R"(
    nn.func @f(%x: !nn.tensor<f32[a=3, b=5, c=2]>) -> !nn.tensor<f32[c=2, a=3]> {
      %y = nn.reduce max %x over [b] : !nn.tensor<f32[a=3, b=5, c=2]> -> !nn.tensor<f32[c=2, a=3]>
      nn.return %y : !nn.tensor<f32[c=2, a=3]>
    })"},
          {"softmaxOverTwoOps", R"(
    nn.func @f(%x: !nn.tensor<f32[a=3, b=5]>) -> !nn.tensor<f32[a=3, b=5]> {
      %m = nn.reduce max %x over [b] : !nn.tensor<f32[a=3, b=5]> -> !nn.tensor<f32[a=3]>
      %e = nn.map (%u = %x : <f32[a=3, b=5]>, %v = %m : <f32[a=3]>) -> <f32[a=3, b=5]> {
        %0 = arith.subf %u, %v : f32
        %1 = math.exp %0 : f32
        nn.yield %1 : f32
      }
      %s = nn.reduce sum %e over [b] : !nn.tensor<f32[a=3, b=5]> -> !nn.tensor<f32[a=3]>
      %y = nn.map (%u = %e : <f32[a=3, b=5]>, %v = %s : <f32[a=3]>) -> <f32[a=3, b=5]> {
        %0 = arith.divf %u, %v : f32
        nn.yield %0 : f32
      }
      nn.return %y : !nn.tensor<f32[a=3, b=5]>
    })"},
          {"gather", R"(
    nn.func @f(%t: !nn.tensor<f32[vocab=5, embed=3]>, %i: !nn.tensor<i32[batch=2, seq=7]>) -> !nn.tensor<f32[batch=2, seq=7, embed=3]> {
      %y = nn.gather %t[%i] axis vocab : !nn.tensor<f32[vocab=5, embed=3]>, !nn.tensor<i32[batch=2, seq=7]> -> !nn.tensor<f32[batch=2, seq=7, embed=3]>
      nn.return %y : !nn.tensor<f32[batch=2, seq=7, embed=3]>
    })"},
          {"gatherSharedOutOfRange", R"(
    nn.func @f(%t: !nn.tensor<f32[seq=7, vocab=3]>, %i: !nn.tensor<i32[seq=7]>) -> !nn.tensor<f32[seq=7]> {
      %y = nn.gather %t[%i] axis vocab : !nn.tensor<f32[seq=7, vocab=3]>, !nn.tensor<i32[seq=7]> -> !nn.tensor<f32[seq=7]>
      nn.return %y : !nn.tensor<f32[seq=7]>
    })"},
          {"scatterAdd", R"(
    nn.func @f(%u: !nn.tensor<f32[batch=2, seq=7, embed=3]>, %i: !nn.tensor<i32[seq=7]>) -> !nn.tensor<f32[embed=3, vocab=4]> {
      %y = nn.scatter_add %u[%i] axis vocab : !nn.tensor<f32[batch=2, seq=7, embed=3]>, !nn.tensor<i32[seq=7]> -> !nn.tensor<f32[embed=3, vocab=4]>
      nn.return %y : !nn.tensor<f32[embed=3, vocab=4]>
    })"},
          {"rope", R"(
    nn.func @f(%x: !nn.tensor<f32[seq=3, h=2, d=6]>, %p: !nn.tensor<i32[seq=3]>) -> !nn.tensor<f32[seq=3, h=2, d=6]> {
      %y = nn.rope %x at %p over d {theta = 100.0 : f64} : !nn.tensor<f32[seq=3, h=2, d=6]>, !nn.tensor<i32[seq=3]> -> !nn.tensor<f32[seq=3, h=2, d=6]>
      nn.return %y : !nn.tensor<f32[seq=3, h=2, d=6]>
    })"},
          {"ropeInterleavedScaled", R"(
    nn.func @f(%x: !nn.tensor<f32[seq=3, d=6]>, %p: !nn.tensor<i32[seq=3]>) -> !nn.tensor<f32[seq=3, d=6]> {
      %y = nn.rope %x at %p over d {theta = 100.0 : f64, interleaved = true, scaling = {rope_type = "yarn", factor = 4.0 : f64, original_max_position_embeddings = 16 : i64}}
        : !nn.tensor<f32[seq=3, d=6]>, !nn.tensor<i32[seq=3]> -> !nn.tensor<f32[seq=3, d=6]>
      nn.return %y : !nn.tensor<f32[seq=3, d=6]>
    })"},
          {"dropout", R"(
    nn.func @f(%x: !nn.tensor<f32[batch=2, n=9]>, %k: !nn.key) -> !nn.tensor<f32[batch=2, n=9]> {
      %y = nn.dropout %x random %k {p = 0.25 : f64, site = 1 : i32} : !nn.tensor<f32[batch=2, n=9]> -> !nn.tensor<f32[batch=2, n=9]>
      nn.return %y : !nn.tensor<f32[batch=2, n=9]>
    })"},
          {"movers", R"(
    !x = !nn.tensor<f32[a=6, b=2]>
    nn.func @f(%x: !x, %w: !x) -> (!nn.tensor<f32[q=2, b=2, p=3]>, !x, !nn.tensor<f32[t=2, b=2]>, !nn.tensor<f32[c=6]>) {
      %split = nn.split %x [a -> p, q] : !x -> !nn.tensor<f32[q=2, b=2, p=3]>
      %merged = nn.merge %split [q, p -> a] : !nn.tensor<f32[q=2, b=2, p=3]> -> !x
      %m = nn.map (%u = %merged : <f32[a=6, b=2]>, %v = %w : <f32[a=6, b=2]>) -> <f32[a=6, b=2]> {
        %0 = arith.mulf %u, %v : f32
        nn.yield %0 : f32
      }
      %u, %v = nn.unstack %m axis b : !x -> !nn.tensor<f32[a=6]>, !nn.tensor<f32[a=6]>
      %stacked = nn.stack %v, %v axis b : !nn.tensor<f32[a=6]>, !nn.tensor<f32[a=6]> -> !x
      %s, %t = nn.slice %stacked [a -> s, t] : !x -> !nn.tensor<f32[s=4, b=2]>, !nn.tensor<f32[t=2, b=2]>
      %joined = nn.concat %t, %s [t, s -> a] : !nn.tensor<f32[t=2, b=2]>, !nn.tensor<f32[s=4, b=2]> -> !x
      %renamed = nn.rename %u [a -> c] : !nn.tensor<f32[a=6]> -> !nn.tensor<f32[c=6]>
      nn.return %split, %joined, %t, %renamed : !nn.tensor<f32[q=2, b=2, p=3]>, !x, !nn.tensor<f32[t=2, b=2]>, !nn.tensor<f32[c=6]>
    })"},
          {"sliceOnePartUsed", R"(
    nn.func @f(%x: !nn.tensor<f32[a=5, b=2]>) -> !nn.tensor<f32[s=3, b=2]> {
      %s, %t = nn.slice %x [a -> s, t] : !nn.tensor<f32[a=5, b=2]> -> !nn.tensor<f32[s=3, b=2]>, !nn.tensor<f32[t=2, b=2]>
      nn.return %s : !nn.tensor<f32[s=3, b=2]>
    })"}};
}

std::vector<Case> allCases() {
  std::vector<Case> cases = opCases();
  llvm::append_range(cases, attentionCases());
  llvm::append_range(cases, scalarCases());
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Ops, Gradients, testing::ValuesIn(allCases()),
                         [](const testing::TestParamInfo<Case> &info) { return info.param.name; });

TEST(Detach, stopsGradients) {
  Program program(R"(
    nn.func @f(%x: !nn.tensor<f32[n=3]>) -> !nn.tensor<f32[n=3]> {
      %s = nn.detach %x : !nn.tensor<f32[n=3]> -> !nn.tensor<f32[n=3]>
      %y = nn.map (%a = %x : <f32[n=3]>, %b = %s : <f32[n=3]>) -> <f32[n=3]> {
        %0 = arith.mulf %a, %b : f32
        nn.yield %0 : f32
      }
      nn.return %y : !nn.tensor<f32[n=3]>
    })");
  buildGradientFunction(program.function("f"));
  Type type = program.argumentType("f", 0);
  Data results = runOnOne(program, "gradient", {tensor(type, {2, 3, 5}), tensor(type, {1, 1, 1})});
  EXPECT_EQ(valuesOf(results[0]), (std::vector<double>{2, 3, 5})); // x * detach(x): not 2 x
}

} // namespace

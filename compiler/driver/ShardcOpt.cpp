//===- ShardcOpt.cpp - any pass on any IR, as mlir-opt --------------------===//

#include "compiler/Pipelines.h"
#include "dialects/dist/Dist.h"
#include "dialects/exec/Exec.h"
#include "dialects/pipe/Pipe.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<dist::DistDialect, exec::ExecDialect, nn::NnDialect, pipes::PipeDialect,
                  mlir::arith::ArithDialect, mlir::math::MathDialect>();
  shardc::registerPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "shardc optimizer\n", registry));
}

//===- Harness.cpp - the main() of packages under test ---------------------===//
//
// trainer FOLDER: runs @init and step 0 once and leaves each rank's arena in FOLDER/rank-0.arena, ...
//
//===----------------------------------------------------------------------===//
#include "program.h"
#include "runtime/comm/World.h"
#include "runtime/core/Program.h"

#include <cstring>
#include <fstream>
#include <string>

int main(int argc, char **argv) {
  rt::World world(argc, argv);
  rt::Context &context =
      world.build({trainer::program.mesh, trainer::program.groups, trainer::program.arenaBytes});
  *context.at<int64_t>(trainer::program.step.offset) = 0;
  *context.at<int64_t>(trainer::program.firstSample.offset) = 0;
  trainer::init(context);
  trainer::step(context);
  std::ofstream out(std::string(argv[1]) + "/rank-" + std::to_string(world.rank()) + ".arena",
                    std::ios::binary);
  out.write(reinterpret_cast<const char *>(context.arena), trainer::program.arenaBytes);
  out.close();
  world.agree(0);
  world.leave(out ? 0 : 1);
}

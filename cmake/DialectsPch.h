// Precompiled for compiler/: also the dialects, which every room there reads and which cost a file more than
// itself.
#pragma once
#include "cmake/MlirPch.h"

#include "dialects/dist/Dist.h"
#include "dialects/exec/Exec.h"
#include "dialects/nn/Build.h"
#include "dialects/nn/Nn.h"
#include "dialects/pipe/Pipe.h"

#include <fmt/format.h>

//===- Kernels.h - what the sources of a trainer include -------------------===//
#pragma once

#include "runtime/comm/Collectives.h"
#include "runtime/core/Context.h"
#include "runtime/kernels/Gemm.h"
#include "runtime/kernels/Math.h"
#include "runtime/kernels/Philox.h"
#include "support/Attention.h"
#include "support/Folds.h"
#include "support/Memory.h"
#include "support/Scalars.h"
#include "support/Scratch.h"

#include <omp.h>

// The table of collectives: a SwiGLU MLP with its norm, forward and backward, in a loop over two micro-batches that
// accumulates the gradients of the weights, and an update. What a technique moves falls out of its rules.
//
// DEFINE: %{plan} =
// DEFINE: %{lower} = sed 's/PLAN/#dist.plan<%{plan}>/' %s | shardc-opt --dist-place --dist-simplify --dist-lower-reshard --dist-verify

// Data parallel: one all-reduce for each weight, once for both micro-batches.
// REDEFINE: %{plan} = mesh = [dp = 2], rules = [[batch@dp]]
// RUN: %{lower} | FileCheck %s --check-prefix=DDP --implicit-check-not="= dist."
// DDP-LABEL: nn.func @step(
// DDP:         nn.loop 2
// DDP:         nn.call @mlp_forward
// DDP:         nn.call @mlp_backward
// DDP:         nn.call @w_reshard
// DDP:         nn.call @update
// DDP-LABEL: nn.func @w_reshard(
// DDP-COUNT-4: dist.all_reduce sum %{{.*}} over [dp]

// Tensor parallel: one all-reduce of activations forward, one backward; no gradient of a weight is summed.
// REDEFINE: %{plan} = mesh = [tp = 2], rules = [[mlp@tp]]
// RUN: %{lower} | FileCheck %s --check-prefix=TP --implicit-check-not="= dist."
// TP-LABEL: nn.func @mlp_forward(
// TP:         dist.all_reduce sum %{{.*}} over [tp] : {{.*}} -> <f32[batch=4, seq=8, embed=12]>
// TP-LABEL: nn.func @mlp_backward(
// TP:         dist.all_reduce sum %{{.*}} over [tp] : {{.*}} -> <f32[batch=4, seq=8, embed=12]>

// Sequence parallel too: the all-reduces become gather and scatter; what the norm saved is gathered again; the
// gradient of the norm's weight is summed over tp, once.
// REDEFINE: %{plan} = mesh = [tp = 2], rules = [[mlp@tp], [seq@tp]]
// RUN: %{lower} | FileCheck %s --check-prefix=SP --implicit-check-not="= dist."
// SP-LABEL: nn.func @mlp_forward(
// SP:         dist.all_gather %{{.*}} axis seq over [tp]
// SP:         dist.reduce_scatter sum %{{.*}} axis seq over [tp]
// SP-LABEL: nn.func @mlp_backward(
// SP:         dist.all_gather %{{.*}} axis seq over [tp]
// SP:         dist.all_gather %{{.*}} axis seq over [tp]
// SP:         dist.reduce_scatter sum %{{.*}} axis seq over [tp]
// SP-LABEL: nn.func @w_reshard(
// SP:         dist.all_reduce sum %norm over [tp] : <f32[embed=12], sum@tp> -> <f32[embed=12]>

// REDEFINE: %{plan} = mesh = [dp = 2, tp = 2], rules = [[batch@dp], [mlp@tp], [seq@tp]]
// RUN: %{lower} | FileCheck %s --check-prefix=DPSP --implicit-check-not="= dist."
// DPSP-LABEL: nn.func @mlp_forward(
// DPSP:         dist.all_gather %{{.*}} axis seq over [tp]
// DPSP:         dist.reduce_scatter sum %{{.*}} axis seq over [tp]
// DPSP-LABEL: nn.func @mlp_backward(
// DPSP:         dist.all_gather %{{.*}} axis seq over [tp]
// DPSP:         dist.all_gather %{{.*}} axis seq over [tp]
// DPSP:         dist.reduce_scatter sum %{{.*}} axis seq over [tp]
// DPSP-LABEL: nn.func @w_reshard(
// DPSP:         dist.all_reduce sum %norm over [dp, tp]
// DPSP-COUNT-3: dist.all_reduce sum %{{.*}} over [dp]

// Fully sharded (ZeRO-3): weights are gathered at the call sites, gradients scattered as they come; nothing is left for the end.
// REDEFINE: %{plan} = mesh = [dp = 2], rules = [[batch@dp]], parameter = [[embed@dp]], gradient = [[embed@dp]], optimizer_state = [[embed@dp]]
// RUN: %{lower} | FileCheck %s --check-prefix=FSDP --implicit-check-not="= dist."
// FSDP-LABEL: nn.func @mlp_backward(
// FSDP-COUNT-4: dist.reduce_scatter sum %{{.*}} axis embed over [dp]
// FSDP-LABEL: nn.func @step(
// FSDP:         %[[FORWARD:.*]] = nn.call @w_reshard(%weights)
// FSDP:         nn.call @mlp_forward(%{{.*}}, %[[FORWARD]])
// FSDP:         %[[BACKWARD:.*]] = nn.call @w_reshard(%weights)
// FSDP:         nn.call @mlp_backward(%{{.*}}, %[[BACKWARD]],
// FSDP:         nn.call @update(%weights
// FSDP-LABEL: nn.func @w_reshard(
// FSDP-COUNT-4: dist.all_gather %{{.*}} axis embed over [dp]

// Kept gathered: backward reads what forward gathered.
// REDEFINE: %{plan} = mesh = [dp = 2], rules = [[batch@dp]], parameter = [[*@dp]], gradient = [[*@dp]], optimizer_state = [[*@dp]], keep_gathered
// RUN: %{lower} | FileCheck %s --check-prefix=KEEP --implicit-check-not="= dist." --implicit-check-not="call @w_reshard"
// KEEP-LABEL: nn.func @mlp_backward(
// KEEP:         dist.reduce_scatter sum %{{.*}} axis embed over [dp]
// KEEP-COUNT-3: dist.reduce_scatter sum %{{.*}} axis mlp over [dp]
// KEEP-LABEL: nn.func @step(
// KEEP:         %[[WHOLE:.*]] = nn.call @w_reshard(%weights)
// KEEP:         nn.call @mlp_forward(%{{.*}}, %[[WHOLE]])
// KEEP:         nn.call @mlp_backward(%{{.*}}, %[[WHOLE]],
// KEEP-LABEL: nn.func @w_reshard(
// KEEP:         dist.all_gather %{{.*}} axis embed over [dp]
// KEEP-COUNT-3: dist.all_gather %{{.*}} axis mlp over [dp]

// ZeRO-1: gradients are summed whole and scattered once after the micro-batches, the update runs on the shard, its
// weights are gathered.
// REDEFINE: %{plan} = mesh = [dp = 2], rules = [[batch@dp]], gradient = [[*@dp]], optimizer_state = [[*@dp]], reduce_gradients = last
// RUN: %{lower} | FileCheck %s --check-prefix=ZERO1 --implicit-check-not="= dist." --implicit-check-not="call @w_reshard"
// ZERO1-LABEL: nn.func @update(
// ZERO1-COUNT-4: dist.all_gather
// ZERO1-LABEL: nn.func @step(
// ZERO1:         nn.loop 2
// ZERO1:         %[[SCATTERED:.*]] = nn.call @w_reshard(
// ZERO1:         %[[PART:.*]] = nn.call @w_reshard_0(%weights)
// ZERO1:         nn.call @update(%[[PART]], %[[SCATTERED]])
// ZERO1-LABEL: nn.func @w_reshard(
// ZERO1:         dist.reduce_scatter sum %{{.*}} axis embed over [dp]
// ZERO1-COUNT-3: dist.reduce_scatter sum %{{.*}} axis mlp over [dp]
// ZERO1-LABEL: nn.func @w_reshard_0(
// ZERO1-COUNT-4: dist.shard_slice

// Hybrid sharded: the same over shard; what is left is summed over replica.
// REDEFINE: %{plan} = mesh = [replica = 2, shard = 2], rules = [[batch@replica@shard]], parameter = [[embed@shard]], gradient = [[embed@shard]], optimizer_state = [[embed@shard]]
// RUN: %{lower} | FileCheck %s --check-prefix=HSDP --implicit-check-not="= dist."
// HSDP-LABEL: nn.func @mlp_backward(
// HSDP-COUNT-4: dist.reduce_scatter sum %{{.*}} axis embed over [shard]
// HSDP-LABEL: nn.func @w_reshard(
// HSDP-COUNT-4: dist.all_gather %{{.*}} axis embed over [shard]
// HSDP-LABEL: nn.func @w_reshard_0(
// HSDP-COUNT-4: dist.all_reduce sum %{{.*}} over [replica] : {{.*}} -> {{.*}}embed=12@shard

// All together: the sum of the above, each on its own mesh axis.
// REDEFINE: %{plan} = mesh = [dp = 2, tp = 2], rules = [[batch@dp], [mlp@tp], [seq@tp]], parameter = [[embed@dp]], gradient = [[embed@dp]], optimizer_state = [[embed@dp]]
// RUN: %{lower} | FileCheck %s --check-prefix=ALL --implicit-check-not="= dist."
// ALL-LABEL: nn.func @mlp_forward(
// ALL:         dist.all_gather %{{.*}} axis seq over [tp]
// ALL:         dist.reduce_scatter sum %{{.*}} axis seq over [tp]
// ALL-LABEL: nn.func @mlp_backward(
// ALL:         dist.all_gather %{{.*}} axis seq over [tp]
// ALL:         dist.all_gather %{{.*}} axis seq over [tp]
// ALL:         dist.reduce_scatter sum %{{.*}} axis seq over [tp]
// ALL-COUNT-4: dist.reduce_scatter sum %{{.*}} axis embed over [dp]
// ALL-LABEL: nn.func @w_reshard(
// ALL-COUNT-4: dist.all_gather %{{.*}} axis embed over [dp]
// ALL-LABEL: nn.func @w_reshard_0(
// ALL:         dist.all_reduce sum %norm over [tp] : <f32[embed=12@dp], sum@tp> -> <f32[embed=12@dp]>

// Two levels over three ranks: mlp first, else embed. Activations rest along embed.
// REDEFINE: %{plan} = mesh = [tp = 3], rules = [[mlp@tp], [embed@tp]]
// RUN: %{lower} | FileCheck %s --check-prefix=THREE --implicit-check-not="= dist."
// THREE-LABEL: nn.func @mlp_forward(
// THREE:         dist.all_reduce sum %{{.*}} over [tp] : <f32[batch=4, seq=8], sum@tp>
// THREE:         dist.all_gather %{{.*}} axis embed over [tp]
// THREE:         dist.reduce_scatter sum %{{.*}} axis embed over [tp]
// THREE-LABEL: nn.func @mlp_backward(
// THREE:         dist.all_gather %{{.*}} axis embed over [tp]
// THREE:         dist.all_gather %{{.*}} axis embed over [tp]
// THREE:         dist.reduce_scatter sum %{{.*}} axis embed over [tp]

!x = !nn.tensor<f32[batch=4, seq=8, embed=12]>
!r = !nn.tensor<f32[batch=4, seq=8]>
!a = !nn.tensor<f32[batch=4, seq=8, mlp=24]>
!w = !nn.bundle<w, norm: f32[embed=12], gate: f32[mlp=24, embed=12], up: f32[mlp=24, embed=12], down: f32[embed=12, mlp=24]>
!saved = !nn.bundle<saved, rstd: f32[batch=4, seq=8], h: f32[batch=4, seq=8, embed=12], gate: f32[batch=4, seq=8, mlp=24], up: f32[batch=4, seq=8, mlp=24]>
module attributes {dist.plan = PLAN} {
  nn.func @mlp_forward(%x: !x, %weights: !w {nn.kind = "parameter"}) -> (!x, !saved) {
    %norm, %gate, %up, %down = nn.unpack %weights : !w
    %square = nn.map (%a = %x : <f32[batch=4, seq=8, embed=12]>) -> <f32[batch=4, seq=8, embed=12]> {
      %0 = arith.mulf %a, %a : f32
      nn.yield %0 : f32
    }
    %sum = nn.reduce sum %square over [embed] : <f32[batch=4, seq=8, embed=12]> -> <f32[batch=4, seq=8]>
    %rstd = nn.map (%a = %sum : <f32[batch=4, seq=8]>) -> <f32[batch=4, seq=8]> {
      %0 = math.rsqrt %a : f32
      nn.yield %0 : f32
    }
    %h = nn.map (%a = %x : <f32[batch=4, seq=8, embed=12]>, %b = %rstd : <f32[batch=4, seq=8]>, %c = %norm : <f32[embed=12]>) -> <f32[batch=4, seq=8, embed=12]> {
      %0 = arith.mulf %a, %b : f32
      %1 = arith.mulf %0, %c : f32
      nn.yield %1 : f32
    }
    %g = nn.contract %h, %gate over [embed] : <f32[batch=4, seq=8, embed=12]>, <f32[mlp=24, embed=12]> -> <f32[batch=4, seq=8, mlp=24]>
    %u = nn.contract %h, %up over [embed] : <f32[batch=4, seq=8, embed=12]>, <f32[mlp=24, embed=12]> -> <f32[batch=4, seq=8, mlp=24]>
    %act = nn.map (%a = %g : <f32[batch=4, seq=8, mlp=24]>, %b = %u : <f32[batch=4, seq=8, mlp=24]>) -> <f32[batch=4, seq=8, mlp=24]> {
      %0 = math.tanh %a : f32
      %1 = arith.mulf %0, %b : f32
      nn.yield %1 : f32
    }
    %y = nn.contract %act, %down over [mlp] : <f32[batch=4, seq=8, mlp=24]>, <f32[embed=12, mlp=24]> -> <f32[batch=4, seq=8, embed=12]>
    %out = nn.map (%a = %x : <f32[batch=4, seq=8, embed=12]>, %b = %y : <f32[batch=4, seq=8, embed=12]>) -> <f32[batch=4, seq=8, embed=12]> {
      %0 = arith.addf %a, %b : f32
      nn.yield %0 : f32
    }
    %saved = nn.pack(%rstd, %h, %g, %u) : !saved
    nn.return %out, %saved : !x, !saved
  }
  nn.func @mlp_backward(%x: !x, %weights: !w {nn.kind = "parameter"}, %saved: !saved, %d_out: !x, %gradients: !w {nn.kind = "gradient"}) -> (!x, !w {nn.kind = "gradient"}) {
    %norm, %gate, %up, %down = nn.unpack %weights : !w
    %rstd, %h, %g, %u = nn.unpack %saved : !saved
    %sum_norm, %sum_gate, %sum_up, %sum_down = nn.unpack %gradients : !w
    %act = nn.map (%a = %g : <f32[batch=4, seq=8, mlp=24]>, %b = %u : <f32[batch=4, seq=8, mlp=24]>) -> <f32[batch=4, seq=8, mlp=24]> {
      %0 = math.tanh %a : f32
      %1 = arith.mulf %0, %b : f32
      nn.yield %1 : f32
    }
    %d_act = nn.contract %d_out, %down over [embed] : <f32[batch=4, seq=8, embed=12]>, <f32[embed=12, mlp=24]> -> <f32[batch=4, seq=8, mlp=24]>
    %d_down = nn.contract %d_out, %act over [batch, seq] : <f32[batch=4, seq=8, embed=12]>, <f32[batch=4, seq=8, mlp=24]> -> <f32[embed=12, mlp=24]>
    %d_g, %d_u = nn.map (%a = %g : <f32[batch=4, seq=8, mlp=24]>, %b = %u : <f32[batch=4, seq=8, mlp=24]>, %d = %d_act : <f32[batch=4, seq=8, mlp=24]>) -> <f32[batch=4, seq=8, mlp=24]>, <f32[batch=4, seq=8, mlp=24]> {
      %0 = math.tanh %a : f32
      %1 = arith.mulf %0, %d : f32
      %2 = arith.mulf %b, %d : f32
      nn.yield %2, %1 : f32, f32
    }
    %d_gate = nn.contract %d_g, %h over [batch, seq] : <f32[batch=4, seq=8, mlp=24]>, <f32[batch=4, seq=8, embed=12]> -> <f32[mlp=24, embed=12]>
    %d_up = nn.contract %d_u, %h over [batch, seq] : <f32[batch=4, seq=8, mlp=24]>, <f32[batch=4, seq=8, embed=12]> -> <f32[mlp=24, embed=12]>
    %d_h0 = nn.contract %d_g, %gate over [mlp] : <f32[batch=4, seq=8, mlp=24]>, <f32[mlp=24, embed=12]> -> <f32[batch=4, seq=8, embed=12]>
    %d_h1 = nn.contract %d_u, %up over [mlp] : <f32[batch=4, seq=8, mlp=24]>, <f32[mlp=24, embed=12]> -> <f32[batch=4, seq=8, embed=12]>
    %d_h = nn.map (%a = %d_h0 : <f32[batch=4, seq=8, embed=12]>, %b = %d_h1 : <f32[batch=4, seq=8, embed=12]>) -> <f32[batch=4, seq=8, embed=12]> {
      %0 = arith.addf %a, %b : f32
      nn.yield %0 : f32
    }
    %d_scaled = nn.map (%a = %d_h : <f32[batch=4, seq=8, embed=12]>, %b = %x : <f32[batch=4, seq=8, embed=12]>, %c = %rstd : <f32[batch=4, seq=8]>) -> <f32[batch=4, seq=8, embed=12]> {
      %0 = arith.mulf %a, %b : f32
      %1 = arith.mulf %0, %c : f32
      nn.yield %1 : f32
    }
    %d_norm = nn.reduce sum %d_scaled over [batch, seq] : <f32[batch=4, seq=8, embed=12]> -> <f32[embed=12]>
    %d_x = nn.map (%a = %d_h : <f32[batch=4, seq=8, embed=12]>, %b = %d_out : <f32[batch=4, seq=8, embed=12]>, %c = %rstd : <f32[batch=4, seq=8]>, %d = %norm : <f32[embed=12]>) -> <f32[batch=4, seq=8, embed=12]> {
      %0 = arith.mulf %a, %c : f32
      %1 = arith.mulf %0, %d : f32
      %2 = arith.addf %1, %b : f32
      nn.yield %2 : f32
    }
    %new_norm = nn.map (%a = %sum_norm : <f32[embed=12]>, %b = %d_norm : <f32[embed=12]>) -> <f32[embed=12]> {
      %0 = arith.addf %a, %b : f32
      nn.yield %0 : f32
    }
    %new_gate = nn.map (%a = %sum_gate : <f32[mlp=24, embed=12]>, %b = %d_gate : <f32[mlp=24, embed=12]>) -> <f32[mlp=24, embed=12]> {
      %0 = arith.addf %a, %b : f32
      nn.yield %0 : f32
    }
    %new_up = nn.map (%a = %sum_up : <f32[mlp=24, embed=12]>, %b = %d_up : <f32[mlp=24, embed=12]>) -> <f32[mlp=24, embed=12]> {
      %0 = arith.addf %a, %b : f32
      nn.yield %0 : f32
    }
    %new_down = nn.map (%a = %sum_down : <f32[embed=12, mlp=24]>, %b = %d_down : <f32[embed=12, mlp=24]>) -> <f32[embed=12, mlp=24]> {
      %0 = arith.addf %a, %b : f32
      nn.yield %0 : f32
    }
    %new = nn.pack(%new_norm, %new_gate, %new_up, %new_down) : !w
    nn.return %d_x, %new : !x, !w
  }
  nn.func @update(%weights: !w {nn.kind = "parameter"}, %gradients: !w {nn.kind = "gradient"}) -> (!w {nn.kind = "parameter"}) {
    %norm, %gate, %up, %down = nn.unpack %weights : !w
    %d_norm, %d_gate, %d_up, %d_down = nn.unpack %gradients : !w
    %new_norm = nn.map (%a = %norm : <f32[embed=12]>, %b = %d_norm : <f32[embed=12]>) -> <f32[embed=12]> {
      %0 = arith.subf %a, %b : f32
      nn.yield %0 : f32
    }
    %new_gate = nn.map (%a = %gate : <f32[mlp=24, embed=12]>, %b = %d_gate : <f32[mlp=24, embed=12]>) -> <f32[mlp=24, embed=12]> {
      %0 = arith.subf %a, %b : f32
      nn.yield %0 : f32
    }
    %new_up = nn.map (%a = %up : <f32[mlp=24, embed=12]>, %b = %d_up : <f32[mlp=24, embed=12]>) -> <f32[mlp=24, embed=12]> {
      %0 = arith.subf %a, %b : f32
      nn.yield %0 : f32
    }
    %new_down = nn.map (%a = %down : <f32[embed=12, mlp=24]>, %b = %d_down : <f32[embed=12, mlp=24]>) -> <f32[embed=12, mlp=24]> {
      %0 = arith.subf %a, %b : f32
      nn.yield %0 : f32
    }
    %new = nn.pack(%new_norm, %new_gate, %new_up, %new_down) : !w
    nn.return %new : !w
  }
  nn.func @step(%x: !x, %weights: !w {nn.kind = "parameter"}) -> (!x, !w {nn.kind = "parameter"}) {
    %zero_norm = nn.map () -> <f32[embed=12]> {
      %0 = arith.constant 0.0 : f32
      nn.yield %0 : f32
    }
    %zero_up = nn.map () -> <f32[mlp=24, embed=12]> {
      %0 = arith.constant 0.0 : f32
      nn.yield %0 : f32
    }
    %zero_down = nn.map () -> <f32[embed=12, mlp=24]> {
      %0 = arith.constant 0.0 : f32
      nn.yield %0 : f32
    }
    %zeros = nn.pack(%zero_norm, %zero_up, %zero_up, %zero_down) : !w
    %d_out, %sums = nn.loop 2 (%i, %d = %x, %sum = %zeros) : (!x, !w) {
      %y, %saved = nn.call @mlp_forward(%d, %weights) : (!x, !w) -> (!x, !saved)
      %d_x, %new = nn.call @mlp_backward(%d, %weights, %saved, %y, %sum) : (!x, !w, !saved, !x, !w) -> (!x, !w)
      nn.yield %d_x, %new : !x, !w
    }
    %new_weights = nn.call @update(%weights, %sums) : (!w, !w) -> !w
    nn.return %d_out, %new_weights : !x, !w
  }
}

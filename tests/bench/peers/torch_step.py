#!/usr/bin/env python3
"""PyTorch's side of tests/bench/run: a GPT-2 as written by hand, one training step timed again and again.

Reads one line a round from stdin and answers with the round's seconds per step, so that rounds of two programs can
take turns on one machine:

  torch_step.py --layers 6 --embed 384 --heads 6 --vocab 4096 --batch 8 --seq 256 --threads 2 --steps 3
                --text FILE [--compile] [--ranks 2 --parallel ddp|fsdp2]

With ranks the batch and the threads are shared among processes that meet over Gloo: DistributedDataParallel, or FSDP2
(fully_shard) of each block and the whole. Rank 0 reads and answers.
"""
import argparse
import math
import os
import pathlib
import socket
import sys
import time

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, embed, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(embed), nn.LayerNorm(embed)
        self.qkv, self.proj = nn.Linear(embed, 3 * embed), nn.Linear(embed, embed)
        self.up, self.down = nn.Linear(embed, 4 * embed), nn.Linear(4 * embed, embed)

    def forward(self, x):
        batch, seq, embed = x.shape
        q, k, v = self.qkv(self.ln_1(x)).view(batch, seq, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(batch, seq, embed))
        return x + self.down(F.gelu(self.up(self.ln_2(x)), approximate="tanh"))


class Gpt2(nn.Module):
    def __init__(self, layers, embed, heads, vocab, seq):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab, embed), nn.Embedding(seq, embed)
        self.h = nn.ModuleList(Block(embed, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(embed)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                scale = math.sqrt(2 * layers) if name.endswith(("proj.weight", "down.weight")) else 1.0
                nn.init.normal_(weight, std=0.02 / scale)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def forward(self, tokens, labels):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        for block in self.h:
            x = block(x)
        logits = F.linear(self.ln_f(x), self.wte.weight)
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten())


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("layers", "embed", "heads", "vocab", "batch", "seq", "threads", "steps"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--text", required=True, help="its bytes are the tokens")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--parallel", choices=("ddp", "fsdp2"), default="ddp")
    return parser.parse_args()


def parallel(model, size):
    """The model as its ranks train it; gradients are means over ranks."""
    if size.ranks == 1:
        return torch.compile(model) if size.compile else model
    if size.parallel == "ddp":
        return nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True)
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    mesh = init_device_mesh("cpu", (size.ranks,))
    for block in model.h:
        fully_shard(block, mesh=mesh)
    return fully_shard(model, mesh=mesh)


def train(rank, size, port):
    torch.set_num_threads(max(1, size.threads // size.ranks))
    if size.ranks > 1:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), RANK=str(rank), WORLD_SIZE=str(size.ranks))
        dist.init_process_group("gloo")
    torch.manual_seed(1)
    text = torch.frombuffer(bytearray(pathlib.Path(size.text).read_bytes()), dtype=torch.uint8).long()
    model = Gpt2(size.layers, size.embed, size.heads, size.vocab, size.seq)
    step_loss = parallel(model, size)
    decayed = [p for p in model.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if p.dim() != 2]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
                                  lr=3e-4, betas=(0.9, 0.95), fused=True)
    torch.manual_seed(2 + rank)

    def step():
        starts = torch.randint(len(text) - size.seq, (size.batch // size.ranks, 1))
        tokens = text[starts + torch.arange(size.seq + 1)]
        loss = step_loss(tokens[:, :-1], tokens[:, 1:])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    def another_round():
        more = torch.tensor([int(rank == 0 and bool(sys.stdin.readline()))])
        if size.ranks > 1:
            dist.broadcast(more, src=0)
        return bool(more)

    for _ in range(2):
        loss = step()
    if rank == 0:
        print(f"ready torch {torch.__version__} loss {loss:.4f}", flush=True)
    while another_round():
        began = time.perf_counter()
        for _ in range(size.steps):
            step()
        if rank == 0:
            print((time.perf_counter() - began) / size.steps, flush=True)
    if size.ranks > 1:
        dist.destroy_process_group()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def main():
    size = arguments()
    port = free_port()
    context = torch.multiprocessing.get_context("spawn")
    others = [context.Process(target=train, args=(rank, size, port)) for rank in range(1, size.ranks)]
    for other in others:
        other.start()
    train(0, size, port)
    for other in others:
        other.join()


if __name__ == "__main__":
    main()
